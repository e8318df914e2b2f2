//! What the host answered, as text that a test can look for.

use lockstep_sdk::{Fact, Failure};

/// Puts an answer into words.
pub(crate) fn words<T>(answer: &Result<T, Failure>) -> String {
    match answer {
        Ok(_) => "allowed".to_owned(),
        Err(failure) => {
            let kind = match failure {
                Failure::Transient(_) => "transient",
                Failure::Permanent(_) => "permanent",
                Failure::Denied(_) => "denied",
                Failure::Other(_) => "other",
            };
            format!("{kind}: {}", failure.line())
        }
    }
}

/// Puts an answer into the fact that tests read.
pub(crate) fn fact<T>(answer: &Result<T, Failure>) -> Vec<Fact> {
    vec![Fact::one("host-said", words(answer))]
}
