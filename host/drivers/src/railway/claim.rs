//! The claim on the environment: one shared variable, which no service refers to.

use lockstep_engine::model::{Failure, Millis};
use serde_json::json;

use super::client::{CallError, Deadline};
use super::documents;
use super::gateway::Railway;
use super::wire::VariableMap;

/// The variable's name.
const NAME: &str = "LOCKSTEP_RUN";

/// How long writing it may be on its way.
const LIFE: Millis = Millis::seconds(10);

impl Railway {
    /// Returns what is written as the claim.
    pub(crate) async fn claim(&self) -> Result<Option<String>, Failure> {
        let variables = json!({
            "project": self.project_id, "environment": self.environment_id, "service": null, "unrendered": true,
        });
        let mut shared: VariableMap = self.read(&documents::VARIABLES, variables).await?;
        Ok(shared.remove(NAME).flatten())
    }

    /// Writes the claim. A shared variable is written without a deploy and never deleted: deleting one can't be told not to
    /// deploy.
    pub(crate) async fn put_claim(&self, text: &str) -> Result<(), Failure> {
        let input = json!({
            "projectId": self.project_id, "environmentId": self.environment_id, "name": NAME, "value": text,
            "skipDeploys": true,
        });
        let not_after = (self.now)().plus(LIFE);
        let deadline = Deadline { not_after, now: &self.now };
        let sent = self.mutate_bool(&documents::SET_SHARED, json!({ "input": input }), deadline);
        sent.await.map_err(|error| match error {
            CallError::Refused(failure) => failure,
            // Writing the same text once more does no harm.
            CallError::Unknown(failure) => Failure::Transient(failure.problem().clone()),
        })
    }
}
