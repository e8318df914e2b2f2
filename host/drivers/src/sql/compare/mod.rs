//! Comparing two databases: every object, every row, every sequence.
//!
//! Rows are hashed by their own server, a stretch of a table at a time, and only sums of hashes and numbers of rows leave it. A
//! stretch that differs is looked at row by row: the hosts' memory holds one such stretch, keys and hashes, never rows.

mod job;
mod run;
mod seen;
mod stretch;
mod table;

pub(super) use job::begin;
