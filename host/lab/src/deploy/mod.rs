//! Deployments: how they are made, rolled out, watched and ended.

mod front;
mod health;
mod make;
mod process;
mod pull;
mod record;
mod rollout;
mod watch;

pub(crate) use front::Fronts;
use make::{MIGRATION_JOB, is_migration_job};
pub(crate) use make::{Variables, again, commit, delete_service, deploy, deploy_all};
pub(crate) use record::happened;
pub(crate) use rollout::{From, run};
