//! `lockstep.lock` as written. Every key that is not here is an error that names it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lockstep_engine::model::{Digest, Grantable, RunId};
use lockstep_registry::Source;
use serde::{Deserialize, Serialize};

/// The version of the format.
const VERSION: u32 = 1;

/// What stands above everything else in the file.
const HEAD: &str = "# Which bytes of which plugin run where. `lockstep plugin` writes this file: commit it, and read every change of it.\n";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockDocument {
    /// The version of this format.
    version: u32,
    /// The environments by name.
    #[serde(default)]
    pub(crate) environments: BTreeMap<String, Locked>,
}

/// One environment's plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Locked {
    /// The plugins, by the component that they upgrade.
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, Entry>,
}

/// One plugin in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// The version that it calls itself by.
    pub(crate) version: String,
    /// Where it comes from.
    pub(crate) source: Source,
    /// The digest of the component.
    pub(crate) digest: Digest,
    /// The digest of the OCI manifest through which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Digest>,
    /// The version of the contract that it was built for.
    pub(crate) contract: String,
    /// Who signed it, by the name in lockstep.toml.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<String>,
    /// When it was published, as its publisher says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Timestamp>,
    /// When it was taken into this environment.
    pub(crate) added: Timestamp,
    /// Whether `update` leaves it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) held: bool,
    /// Where it ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promoted: Option<Promoted>,
    /// What it asks for.
    #[serde(default)]
    pub(crate) requests: Vec<Grantable>,
    /// What lockstep.toml granted it when it was taken.
    #[serde(default)]
    pub(crate) grants: Vec<Grantable>,
}

/// Where a plugin ran before it was promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promoted {
    /// The environment.
    pub(crate) from: String,
    /// The newest run that these bytes did there; none where a person promoted it without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunId>,
    /// When that run was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Timestamp>,
}

/// A text is no lock file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParseLockError {
    /// It is malformed, or has a key that this version does not know.
    #[error("it is malformed")]
    Malformed(#[from] toml::de::Error),
    /// It is of another version.
    #[error("it has version {0}, and this lockstep reads version {VERSION}")]
    Version(u32),
}

impl Default for LockDocument {
    fn default() -> Self {
        Self { version: VERSION, environments: BTreeMap::new() }
    }
}

impl LockDocument {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It says something that this version does not know.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseLockError> {
        let document: Self = toml::from_str(text)?;
        if document.version != VERSION {
            return Err(ParseLockError::Version(document.version));
        }
        Ok(document)
    }

    /// Returns the file's text, in an order that depends on nothing but what it says.
    ///
    /// # Errors
    /// Never for what can be read back.
    pub(crate) fn text(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }

    /// Returns what is locked.
    pub(crate) fn entry(&self, environment: &str, plugin: &str) -> Option<&Entry> {
        self.environments.get(environment)?.plugins.get(plugin)
    }

    /// Returns the plugins of an environment, in the order of their names.
    pub(crate) fn of(&self, environment: &str) -> impl Iterator<Item = (&str, &Entry)> {
        let locked = self.environments.get(environment);
        let plugins = locked.into_iter().flat_map(|locked| &locked.plugins);
        plugins.map(|(name, entry)| (name.as_str(), entry))
    }

    /// Puts an entry in its place.
    pub(crate) fn put(&mut self, environment: &str, plugin: &str, entry: Entry) {
        let locked = self.environments.entry(environment.to_owned()).or_default();
        locked.plugins.insert(plugin.to_owned(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> LockDocument {
        let request = Grantable {
            capability: "railway".to_owned(),
            name: "*".to_owned(),
            access: "read".to_owned(),
            paths: Vec::new(),
            why: String::new(),
        };
        let entry = Entry {
            version: "1.2.0".to_owned(),
            source: "oci://127.0.0.1:5000/acme/minio:1.2.0".parse().unwrap(),
            digest: Digest::of(b"component"),
            manifest: Some(Digest::of(b"manifest")),
            contract: "0.1.0".to_owned(),
            signer: Some("acme".to_owned()),
            published: Some("2026-11-01T00:00:00Z".parse().unwrap()),
            added: "2026-12-01T00:00:00Z".parse().unwrap(),
            held: true,
            promoted: Some(Promoted { from: "staging".to_owned(), run: None, done: None }),
            requests: vec![request.clone()],
            grants: vec![request],
        };
        let mut document = LockDocument::default();
        document.put("production", "minio", entry.clone());
        document.put("lab", "minio", Entry { promoted: None, held: false, ..entry });
        document
    }

    #[test]
    fn what_is_written_is_read_back_and_written_the_same_again() {
        let document = locked();
        let text = document.text().unwrap();
        assert!(text.starts_with("# Which bytes"), "{text}");
        assert!(
            text.contains("[environments.production.plugins.minio]\nversion = \"1.2.0\""),
            "{text}"
        );
        let read = LockDocument::parse(&text).unwrap();
        assert_eq!(read, document);
        assert_eq!(read.text().unwrap(), text);
    }

    #[test]
    fn a_key_or_a_version_that_is_not_known_is_refused() {
        let text = locked().text().unwrap();
        for (known, unknown) in [
            ("held = true", "held = true\nheld-by = \"me\""),
            ("access = \"read\"", "access = \"read\"\nsince = 1"),
            ("from = \"staging\"", "from = \"staging\"\nto = \"production\""),
            ("version = 1\n", "version = 1\nplugins = {}\n"),
            ("digest = \"sha256:", "digest = \"sha256:0"),
        ] {
            let changed = text.replacen(known, unknown, 1);
            assert_ne!(changed, text, "{known}");
            assert!(
                matches!(LockDocument::parse(&changed), Err(ParseLockError::Malformed(_))),
                "{unknown}"
            );
        }
        let newer = text.replacen("version = 1", "version = 2", 1);
        assert!(matches!(LockDocument::parse(&newer), Err(ParseLockError::Version(2))));
        // A file that was cut off anywhere inside an entry is not taken for a shorter one.
        let end = text.find("contract").unwrap();
        assert!(LockDocument::parse(text.get(..end).unwrap()).is_err());
    }
}
