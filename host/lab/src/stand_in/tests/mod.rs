//! Stand-ins as processes, against real databases.

mod langfuse;
mod litellm;
mod others;
mod process;
mod stack;
