//! Where an upgrade is done before it is done here.

use serde::{Deserialize, Serialize};

/// Where an upgrade is done before it is done here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StagingDocument {
    /// The environment, by its name in this file. Its runs must be in the same store.
    pub(crate) environment: String,
    /// Whether an upgrade that was not done there is refused; otherwise it is warned of.
    #[serde(default)]
    pub(crate) required: bool,
}

impl StagingDocument {
    /// Returns what is wrong with it, as a key of the environment `own`, if these environments are `known`.
    pub(super) fn problem(&self, own: &str, known: impl Fn(&str) -> bool) -> Option<String> {
        let name = &self.environment;
        if name == own {
            return Some("names itself as its `staging`".to_owned());
        }
        (!known(name))
            .then(|| format!("names `{name}` as its `staging`, which is no environment here"))
    }
}
