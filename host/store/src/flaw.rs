//! What is wrong with a run that is not what was written: which record, and what about it.

use lockstep_engine::model::{Digest, RunId};

/// The first thing that is wrong with a run.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// A record is not there, and later ones are.
    #[error("record {sequence} of run {run} is missing")]
    Missing {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
    },
    /// Another record of the run stands in its place.
    #[error("record {found} of run {run} stands where record {sequence} was written")]
    OutOfPlace {
        /// The run.
        run: RunId,
        /// The number that should stand there.
        sequence: u64,
        /// The number that does.
        found: u64,
    },
    /// A record of another run stands in its place.
    #[error("a record of run {of} stands where record {sequence} of run {run} was written")]
    Foreign {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
        /// Whose it is.
        of: RunId,
    },
    /// It is a record, but not the one that was written, or what stands beside it is not what was.
    #[error("record {sequence} of run {run} was changed after it was written")]
    Changed {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
    },
    /// It is no record at all.
    #[error("record {sequence} of run {run} is not a record any more")]
    Unreadable {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The run does not hold the record that somebody was told of.
    #[error("no record of run {run} has the digest {wanted}: its end was cut off or written anew")]
    Head {
        /// The run.
        run: RunId,
        /// What was told.
        wanted: Digest,
    },
    /// Bytes that the run rests on are not there.
    #[error("the {role} of run {run}, {digest}, is missing")]
    NoBlob {
        /// The run.
        run: RunId,
        /// The bytes' role, such as `plan`.
        role: String,
        /// Their digest.
        digest: Digest,
    },
    /// Bytes that the run rests on are others now.
    #[error("the {role} of run {run} was changed: it was {digest} and is {found}")]
    ChangedBlob {
        /// The run.
        run: RunId,
        /// The bytes' role, such as `plan`.
        role: String,
        /// What they were.
        digest: Digest,
        /// What they are.
        found: Digest,
    },
}
