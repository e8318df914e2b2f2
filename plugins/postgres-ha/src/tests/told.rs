//! What one server tells about itself, from memory.

use lockstep_sdk::{Failure, Value};

/// What is told about one server. The columns of the row are those of `server::SERVER`.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) row: Vec<Value>,
    pub(super) pending: Vec<String>,
    pub(super) roles: Vec<(&'static str, bool)>,
    pub(super) leftovers: Vec<&'static str>,
    pub(super) down: Option<Failure>,
}

impl Told {
    pub(super) fn new(version: u64, system: &str, database: &str) -> Self {
        let row = vec![
            version.into(),
            false.into(),
            system.into(),
            database.into(),
            "postgres".into(),
            "logical".into(),
            10_u64.into(),
            0_u64.into(),
            10_u64.into(),
            0_u64.into(),
            "1GB".into(),
            100_u64.into(),
            "".into(),
            4_u64.into(),
            true.into(),
            "2026-01-01 00:00:00+00".into(),
            0_u64.into(),
            "10ms".into(),
            5_u64.into(),
            8_u64.into(),
        ];
        Self {
            row,
            pending: vec![],
            roles: vec![("postgres", true)],
            leftovers: vec![],
            down: None,
        }
    }

    pub(super) fn set(&mut self, column: usize, value: impl Into<Value>) {
        self.row[column] = value.into();
    }
}
