//! Work of the host between two databases. Rows never reach a plugin.

use serde::{Deserialize, Serialize};

use super::name::Label;
use super::time::Millis;

/// What is done between two databases, each named by its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Transfer {
    /// Copies a part of a schema, in one transaction of the target.
    CopySchema {
        /// From where.
        source: String,
        /// To where.
        target: String,
        /// What of it.
        part: SchemaPart,
    },
    /// Builds indexes that the target does not have, several at once. Goes on after it was answered.
    BuildIndexes {
        /// Where they are.
        source: String,
        /// Where they are built.
        target: String,
        /// Which of them.
        which: Indexes,
    },
    /// Sets every sequence of the target to where it stands at the source, and a little further.
    CopySequences {
        /// From where.
        source: String,
        /// To where.
        target: String,
        /// How much further.
        ahead: u64,
    },
    /// Keeps both databases to be seen as they stand at one moment.
    HoldSnapshots {
        /// The one that is followed.
        left: String,
        /// The one that follows.
        right: String,
        /// For how long at most.
        longest: Millis,
    },
    /// Compares both databases. Changes nothing, and goes on after it was answered.
    Compare {
        /// The one that is followed.
        left: String,
        /// The one that follows.
        right: String,
        /// What of them.
        scope: Scope,
        /// The effect that holds snapshots of both; none to compare them as they change.
        at: Option<Label>,
        /// Tables that are left out, each with its schema.
        except: Vec<String>,
    },
}

/// A part of a schema. The rows are loaded between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaPart {
    /// What rows need, with primary keys and the indexes that identify rows.
    BeforeRows,
    /// The same without the keys of large tables.
    BeforeBulkLoad,
    /// The rest.
    AfterRows,
}

/// Which indexes are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indexes {
    /// Primary keys, and those that identify rows; while one of them has to wait, others of tables that have theirs.
    Keys,
    /// Those that no constraint owns.
    Others,
}

/// What of two databases is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The definition of every object of users.
    Schema,
    /// Every row of every ordinary table.
    Rows,
    /// Both, and where each sequence stands.
    Everything,
}

impl Transfer {
    /// Returns the declaring function's name in the contract.
    pub const fn function(&self) -> &'static str {
        match self {
            Self::CopySchema { .. } => "copy-schema",
            Self::BuildIndexes { .. } => "build-indexes",
            Self::CopySequences { .. } => "copy-sequences",
            Self::HoldSnapshots { .. } => "hold-snapshots",
            Self::Compare { .. } => "compare",
        }
    }

    /// Returns both connections: the one that is read or followed, then the other.
    pub fn connections(&self) -> [&str; 2] {
        match self {
            Self::CopySchema { source, target, .. }
            | Self::BuildIndexes { source, target, .. }
            | Self::CopySequences { source, target, .. } => [source, target],
            Self::HoldSnapshots { left, right, .. } | Self::Compare { left, right, .. } => {
                [left, right]
            }
        }
    }

    /// Returns the connection of the database that it changes, if it changes one.
    pub fn changes(&self) -> Option<&str> {
        match self {
            Self::CopySchema { target, .. }
            | Self::BuildIndexes { target, .. }
            | Self::CopySequences { target, .. } => Some(target),
            Self::HoldSnapshots { .. } | Self::Compare { .. } => None,
        }
    }
}
