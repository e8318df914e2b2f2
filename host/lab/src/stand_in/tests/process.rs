//! The test program as a stand-in's executable.

use std::collections::BTreeMap;

use crate::stand_in::{ADDRESS_VARIABLE, Kind, run};

/// What the tests' launcher starts as `lockstep lab stand-in <kind>`. By itself it does nothing.
#[tokio::test]
async fn runs() {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let Some(kind) = variables.get("LOCKSTEP_TEST_KIND") else { return };
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let address = variables.get(ADDRESS_VARIABLE).unwrap().parse().unwrap();
    run(Kind::named(kind).unwrap(), variables, address).await.unwrap();
}
