//! Names that appear in plans and journals, checked once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::time::Moment;

/// Longest name that a plan may use, so that it fits into a backup's name and a line of a terminal.
const MAX_NAME: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a {what}: 1 to 64 lowercase letters, digits and hyphens, starting with a letter or digit"
)]
pub struct NameError {
    /// What was expected.
    pub what: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! name {
    ($name:ident, $what:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let fits = (1..=MAX_NAME).contains(&text.len())
                    && !text.starts_with('-')
                    && text.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                    });
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, text: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

name!(Label, "label", "The name of one effect, unique in its plan.");
name!(StepId, "step id", "The name of one step, unique in its plan.");
name!(RunId, "run id", "The name of one run, unique in its store.");
name!(CompositeId, "composite plan id", "The name of one composite plan.");

impl RunId {
    /// Returns a new name for a run of the plan with this digest, made at this moment by this process.
    pub fn fresh(plan: &Digest, now: Moment, process: u32) -> Self {
        let digits = Digest::of(format!("{plan} {} {process}", now.0).as_bytes()).short();
        Self(format!("r-{digits}"))
    }
}

impl CompositeId {
    /// Returns the name of the composite plan with this digest.
    pub(super) fn of(content: &Digest) -> Self {
        Self(format!("c-{}", content.short()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lowercase_and_plain() {
        assert!("set-image-2".parse::<Label>().is_ok());
        for bad in ["", "-x", "Image", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
    }
}
