//! The claim on an environment, by which runs of different stores see each other.

use serde::{Deserialize, Serialize};

use super::name::RunId;
use super::time::Moment;

/// The newest version of the claim's text.
const VERSION: u32 = 1;

/// Who works on an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The version of this text.
    pub lockstep_claim: u32,
    /// The run.
    pub run: RunId,
    /// The store that the run is kept in.
    pub store: String,
    /// Who runs it.
    pub holder: String,
    /// Under which lease of that store.
    pub epoch: u64,
    /// Since when.
    pub since: Moment,
    /// Whether the run is over, so that nobody has to ask who it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

impl Claim {
    /// Returns a claim.
    pub const fn new(run: RunId, store: String, holder: String, epoch: u64, since: Moment) -> Self {
        Self { lockstep_claim: VERSION, run, store, holder, epoch, since, over: false }
    }

    /// Returns the claim as it stands in the environment.
    ///
    /// # Errors
    /// It does not serialize, which would be a fault of ours.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a claim; none where the text is not one that this version knows.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|claim: &Self| claim.lockstep_claim <= VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_survives_its_text_and_what_is_none_is_none() {
        let run: RunId = "r-1".parse().unwrap();
        let claim = Claim::new(run, "s".to_owned(), "ada@laptop".to_owned(), 3, Moment(5));
        assert_eq!(Claim::from_text(&claim.to_text().unwrap()), Some(claim.clone()));
        let newer = Claim { lockstep_claim: 2, ..claim };
        for text in ["", "ada was here", "{}", &newer.to_text().unwrap()] {
            assert_eq!(Claim::from_text(text), None, "{text}");
        }
    }
}
