//! Asking a database, and reading what it answers by position and type.

pub(crate) use lockstep_sdk::answer::{Row, maybe_row, row, rows, texts};
