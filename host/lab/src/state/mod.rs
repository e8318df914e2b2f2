//! What Railway would know: project, environment, services, deployments, volumes, tokens.
//!
//! The state is plain data. Whatever takes time (starting a process, copying a volume) is asked for
//! by pushing [`Work`], which the twin begins once the state is unlocked.

mod cluster;
mod deployment;
mod environment;
mod mutation;
mod service;
mod token;
mod volume;
mod work;

pub(crate) use cluster::{ClusterRole, Draft, Membership};
pub(crate) use deployment::{Deployment, Event, Happening, Instance, Status, Trigger};
pub(crate) use environment::{Patch, PatchStatus, State};
pub use mutation::Mutation;
pub(crate) use service::{Service, Source, TcpProxy, Variable};
pub use token::Rights;
pub(crate) use token::{Header, Token};
pub(crate) use volume::{Backup, Volume, VolumeState, Workflow, WorkflowStatus};
pub(crate) use work::{End, Work};
