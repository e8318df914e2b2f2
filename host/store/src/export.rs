//! Exports: one run as lines of JSON, which prove themselves without the store.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use lockstep_engine::journal::{Event, Head};
use lockstep_engine::model::{Digest, Moment, RunId};
use serde::{Deserialize, Serialize};

use crate::chain::{RecordsError, Walk};
use crate::error::StoreError;
use crate::flaw::Flaw;
use crate::run::parsed;
use crate::store::Store;
use crate::verify::Verified;

/// The newest version of an export that this code reads, and the one that it writes.
const VERSION: u32 = 1;

/// The attachments whose text is in an export. A plugin is large, and whoever wants it has it by its digest.
const WITH_TEXT: [&str; 3] = ["composite", "configuration", "plan"];

/// One run as lines of JSON: a header, then every record's text exactly as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    header: String,
    records: Vec<String>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    lockstep_export: u32,
    run: RunId,
    environment: String,
    component: String,
    /// The digest of the plan's authority, which the first record names too.
    plan: Digest,
    created: Moment,
    attachments: BTreeMap<String, Attachment>,
    head: Head,
}

/// Bytes that the run rests on. They are text rather than a document, because their digest is taken over that text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// What every version of the first line begins with.
#[derive(Deserialize)]
struct Version {
    lockstep_export: u32,
}

/// Why an export does not prove itself.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It can't be read.
    #[error("could not read the export")]
    Read(#[source] io::Error),
    /// It does not begin as an export does.
    #[error("the first line is not the header of an export")]
    Header(#[source] serde_json::Error),
    /// A newer version of lockstep wrote it.
    #[error("the export has version {found}, and this lockstep reads up to {VERSION}")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// The header names another plan than the records.
    #[error("the header of run {run} names the plan {named}, and its first record {recorded}")]
    OtherPlan {
        /// The run.
        run: RunId,
        /// What the header names.
        named: Digest,
        /// What the records name.
        recorded: Digest,
    },
    /// Its records, or the texts beside them, are not what was written.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl Export {
    /// Returns the lines, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.header).chain(&self.records).map(String::as_str)
    }

    /// Returns how many records there are.
    pub fn records(&self) -> usize {
        self.records.len()
    }
}

impl Store {
    /// Returns a run as it is kept, whether or not it is still what was written: that is for [`verify_export`] to find.
    ///
    /// It holds the plan, the composite plan of a stage, and the configuration as text, and the plugin by its digest alone. None of
    /// them holds a secret.
    pub async fn export(&self, run: &RunId) -> Result<Export, RecordsError> {
        let no_run = || RecordsError::NoRun(run.clone());
        let runs = self.runs().await?;
        let summary = runs.into_iter().find(|one| one.id == *run).ok_or_else(no_run)?;
        let kept = self.kept(run).await?.ok_or_else(no_run)?;
        let head = match kept.last() {
            None => Head::start(run),
            Some(last) => Head {
                next: last.sequence.cast_unsigned().saturating_add(1),
                digest: parsed(&last.digest)?,
            },
        };
        let mut attachments = BTreeMap::new();
        for (role, digest) in self.attachments(run).await? {
            let wanted = WITH_TEXT.contains(&role.as_str());
            // What is missing or was changed is left out; its digest tells what it was.
            let bytes = if wanted { self.get(&digest).await.ok() } else { None };
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            attachments.insert(role, Attachment { digest, text });
        }
        let header = Header {
            lockstep_export: VERSION,
            run: run.clone(),
            environment: summary.environment,
            component: summary.component,
            plan: summary.plan,
            created: summary.created,
            attachments,
            head,
        };
        let header = serde_json::to_string(&header)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Export { header, records: kept.into_iter().map(|kept| kept.body).collect() })
    }
}

/// Proves an export from its lines alone: every record follows from the one before it, the last one is the header's head,
/// and each text has its digest.
///
/// A file that was made anew as a whole proves itself too. `known`, the digest of a head that was once told elsewhere,
/// shows that: some record must have it.
pub fn verify_export(lines: impl BufRead, known: Option<&Digest>) -> Result<Verified, ExportError> {
    let mut lines = lines.lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new())).map_err(ExportError::Read)?;
    let Version { lockstep_export: found } =
        serde_json::from_str(&first).map_err(ExportError::Header)?;
    if found != VERSION {
        return Err(ExportError::Newer { found });
    }
    let header: Header = serde_json::from_str(&first).map_err(ExportError::Header)?;
    let run = header.run;
    let mut walk = Walk::new(&run);
    let mut seen = known.is_none();
    for line in lines {
        let record = walk.text(&line.map_err(ExportError::Read)?)?;
        seen |= known == Some(&walk.head().digest);
        if let Event::Planned { plan } = record.event
            && plan != header.plan
        {
            let named = header.plan;
            return Err(ExportError::OtherPlan { run, named, recorded: plan });
        }
    }
    let head = walk.head();
    let missing =
        known.filter(|_| !seen).or(Some(&header.head.digest).filter(|_| head != header.head));
    if let Some(wanted) = missing {
        let wanted = *wanted;
        return Err(RecordsError::from(Flaw::Head { run, wanted }).into());
    }
    let attachments = header.attachments.len();
    for (role, Attachment { digest, text }) in header.attachments {
        let found = text.map(|text| Digest::of(text.as_bytes()));
        if let Some(found) = found.filter(|found| *found != digest) {
            return Err(RecordsError::from(Flaw::ChangedBlob { run, role, digest, found }).into());
        }
    }
    Ok(Verified { run, head, attachments })
}
