//! What a person looks at before doing anything.

use lockstep_engine::model::ServiceRef;
use serde_json::json;

use super::railway::{Commands, piped, request};

impl Commands<'_> {
    /// Shows what is staged: a commit carries all of it out.
    pub(super) fn look_at_staged(&self) -> String {
        let environment = &self.authority.environment.environment_id;
        "# What is staged: it must be this run's and nothing else, because a commit carries all of it out.\n"
            .to_owned()
            + &request("LockstepStaged", &json!({ "environment": environment }))
    }

    /// Shows the newest deployments of a service.
    pub(super) fn look_at_deployments(&self, service: &str) -> String {
        let service = ServiceRef::Named(service.to_owned());
        let environment = &self.authority.environment;
        let input = json!({
            "projectId": environment.project_id, "environmentId": environment.environment_id,
            "serviceId": self.id(&service),
        });
        let variables = json!({ "input": input, "first": 3 });
        let newest = piped("LockstepDeployments", &variables, "objects | grep -e status -e image");
        self.find(&service) + &newest
    }

    /// Shows the backups of a service's volume, if it has one.
    pub(super) fn look_at_backups(&self, service: &str) -> Option<String> {
        let pin = self.authority.pins.get(service)?;
        let volume = pin.volume_instance_id.as_ref()?;
        let variables = json!({ "volume": volume });
        Some(piped("LockstepBackups", &variables, "objects | grep name"))
    }
}
