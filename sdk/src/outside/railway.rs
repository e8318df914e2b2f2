//! Reading the environment.

use crate::{
    Backup, Deployment, Failure, Location, LogLine, Publication, Service, Tally, Variable,
};

/// Reads of one Railway environment. Services go by their names.
pub trait Railway {
    /// Lists the environment's services.
    fn services(&self) -> Result<Vec<Service>, Failure>;
    /// Lists one service's variables.
    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure>;
    /// Says where a rendered variable leads.
    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure>;
    /// Lists deployments, newest first.
    fn deployments(&self, service: &str, limit: u32) -> Result<Vec<Deployment>, Failure>;
    /// Returns the deployment that an effect of this run made.
    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure>;
    /// Reads log lines, oldest first.
    fn logs(
        &self,
        service: &str,
        since: u64,
        filter: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure>;
    /// Counts answered HTTP requests.
    fn traffic(&self, service: &str, since: u64, until: u64) -> Result<Tally, Failure>;
    /// Lists backups of a service's volume, newest first.
    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure>;
    /// Lists what is staged and not committed.
    fn staged(&self) -> Result<Vec<String>, Failure>;
    /// Asks what an image resolves to in its registry.
    fn published(&self, image: &str) -> Result<Option<Publication>, Failure>;
}
