//! From an image to a process: real servers where this machine has them, stand-ins where not.
//!
//! A launcher reproduces what the image's own entry point does with its variables, its start command and its volume.
//! What an image would refuse ends as a process that says why in its log and exits, as its container would.
//! Deployments, health checks and restarts are decided elsewhere.

mod entry;
mod etcd;
mod guard;
mod haproxy;
mod identity;
mod image;
mod launch;
mod leftover;
mod litellm;
mod migration_job;
mod patroni;
mod patroni_settings;
mod pgpool;
mod pgpool_settings;
mod postgres;
mod process;
mod redis;
mod repmgr;
mod running;
mod stand_in;
mod start_command;

pub(crate) use self::{guard::Guard, running::descendants};
pub use self::{
    launch::{Launch, LaunchError, Mounted, RunsAs, launch, runs_as},
    running::Running,
};

#[cfg(test)]
pub(crate) mod tests;
