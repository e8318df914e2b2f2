//! What a person does with a service that becomes a cluster, and back.

use lockstep_engine::model::{Kind, Label, ServiceRef};
use serde_json::json;

use super::railway::{Commands, workflow};

impl Commands<'_> {
    /// The template's whole configuration is sent with it, which is best left to Railway's own dashboard.
    pub(super) fn stage_conversion(&self, root: &ServiceRef) -> String {
        let (ServiceRef::Named(name) | ServiceRef::Made(name)) = root;
        format!(
            "# In the dashboard: convert {} to high availability, and only stage it.\n",
            super::shell::word(name)
        ) + &self.look_at_staged()
    }

    pub(super) fn stage_revert(&self, converted_by: &Label) -> String {
        let effect = self.authority.effects.get(converted_by).map(|effect| &effect.kind);
        let Some(Kind::StageConversion { root, wanted, .. }) = effect else { return String::new() };
        let environment = &self.authority.environment;
        let input = json!({
            "projectId": environment.project_id, "environmentId": environment.environment_id,
            "rootServiceId": self.id(root), "templateCode": wanted.code, "stageOnly": true,
        });
        "# Only while the service itself leads its cluster: what another node has and it does not is deleted.\n"
            .to_owned()
            + &self.find(root)
            + &workflow("LockstepStageRevert", &json!({ "input": input }))
    }
}
