//! Stand-ins as processes, against real databases.

mod clickhouse;
mod langfuse;
mod litellm;
mod others;
mod process;
mod stack;
