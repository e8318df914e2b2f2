//! What a lab is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::programs::Programs;
use crate::stack::Stack;

/// How to start a lab.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where state, volumes and logs are kept; a folder of an earlier lab is taken up again.
    pub folder: PathBuf,
    /// The stack to start with; a folder that is taken up again keeps its own.
    pub stack: Stack,
    /// N of the addresses 127.77.N.x; nothing means a free one.
    pub block: Option<u8>,
    /// What ids, tokens and generated secrets depend on.
    pub seed: u64,
    /// What the lab's clock starts at; nothing means now.
    pub start: Option<Timestamp>,
    /// Images that replace the stack's, by service.
    pub images: BTreeMap<String, String>,
    /// The services to deploy at once; nothing means all.
    pub services: Option<Vec<String>>,
    /// The servers that this machine has.
    pub programs: Programs,
    /// The executable that runs stand-ins, as `<executable> lab stand-in <kind>`.
    pub stand_in: PathBuf,
    /// What health-check timeouts, draining, overlap and restart delays are multiplied by.
    pub time_scale: f64,
    /// How long each state of a deployment lasts at least.
    pub pace: Duration,
}

impl Options {
    /// Returns the usual options: everything of the stack `as-run`, at Railway's own timeouts.
    pub fn new(
        folder: impl Into<PathBuf>,
        programs: Programs,
        stand_in: impl Into<PathBuf>,
    ) -> Self {
        Self {
            folder: folder.into(),
            stack: Stack::AsRun,
            block: None,
            seed: 1,
            start: None,
            images: BTreeMap::new(),
            services: None,
            programs,
            stand_in: stand_in.into(),
            time_scale: 1.0,
            pace: Duration::from_millis(20),
        }
    }
}
