//! Names and texts as they stand in SQL.

pub(crate) use lockstep_sdk::quote::{Ident, Literal, TableName};
