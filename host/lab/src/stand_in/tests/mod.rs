//! Stand-ins as processes, against real databases.

mod clickhouse;
mod langfuse;
mod langfuse_tables;
mod litellm;
mod others;
mod process;
mod stack;
