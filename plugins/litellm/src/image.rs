//! Which image runs.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, history};

/// Returns the digest that runs of a service, if one is known.
pub(crate) fn runs<O: Railway>(outside: &O, service: &str) -> Result<Option<String>, Failure> {
    let deployments = outside.deployments(service, 10)?;
    Ok(history::running(&deployments).and_then(|running| running.digest.clone()))
}
