//! What a step must know and can't read: names, versions and images that the plan was made for, carried by its parameters.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::{Failure, StepCall};

use crate::version::Release;

/// Seconds that the proxy is given to end.
const DRAINING: u32 = 60;

const SERVICE: &str = "service";
const DATABASE_SERVICE: &str = "database-service";
const SCHEMA: &str = "schema";
const FROM: &str = "from";
const TO: &str = "to";
const DIGEST: &str = "digest";
const TARGET: &str = "target-digest";
const OVERLAP: &str = "overlap";
const HEALTH: &str = "health-path";
const MODEL: &str = "model";
const DESTRUCTIVE: &str = "destructive";

/// What one plan was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// The proxy's service.
    pub(crate) service: String,
    /// The service of its database.
    pub(crate) database_service: String,
    /// The schema in which LiteLLM's tables are.
    pub(crate) schema: String,
    /// The version that runs.
    pub(crate) from: Release,
    /// The version wanted.
    pub(crate) to: Release,
    /// The digest that runs.
    pub(crate) digest: String,
    /// The digest wanted.
    pub(crate) target: String,
    /// Seconds for which the old proxy serves beside the new one.
    pub(crate) overlap: u32,
    /// The path by which Railway tells before the switch whether the proxy is up.
    pub(crate) health: String,
    /// The model that is asked for a mock answer, if there is one.
    pub(crate) model: Option<String>,
    /// Whether a migration is accepted that the former version can't live with.
    pub(crate) destructive: bool,
}

impl Context {
    /// Returns it as the plan's parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = vec![
            (SERVICE, self.service.clone()),
            (DATABASE_SERVICE, self.database_service.clone()),
            (SCHEMA, self.schema.clone()),
            (FROM, self.from.to_string()),
            (TO, self.to.to_string()),
            (DIGEST, self.digest.clone()),
            (TARGET, self.target.clone()),
            (OVERLAP, self.overlap.to_string()),
            (HEALTH, self.health.clone()),
            (DESTRUCTIVE, self.destructive.to_string()),
        ];
        parameters.extend(self.model.clone().map(|model| (MODEL, model)));
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Reads it from the plan's parameters.
    pub(crate) fn of(call: &StepCall) -> Result<Self, Failure> {
        let text = |name: &str| {
            call.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let broken = |name: &str| {
            Failure::permanently(
                "plugin:parameter",
                format!("the plan has no parameter `{name}` that this plugin understands"),
            )
        };
        let needed = |name: &str| text(name).map(str::to_owned).ok_or_else(|| broken(name));
        let version = |name: &str| text(name).and_then(Release::parse).ok_or_else(|| broken(name));
        let overlap = text(OVERLAP).and_then(|it| it.parse().ok());
        let destructive = text(DESTRUCTIVE).and_then(|it| it.parse().ok());
        Ok(Self {
            service: needed(SERVICE)?,
            database_service: needed(DATABASE_SERVICE)?,
            schema: needed(SCHEMA)?,
            from: version(FROM)?,
            to: version(TO)?,
            digest: needed(DIGEST)?,
            target: needed(TARGET)?,
            overlap: overlap.ok_or_else(|| broken(OVERLAP))?,
            health: needed(HEALTH)?,
            model: text(MODEL).map(str::to_owned),
            destructive: destructive.ok_or_else(|| broken(DESTRUCTIVE))?,
        })
    }

    /// Returns the services that nobody else may work on meanwhile.
    pub(crate) fn services(&self) -> [&str; 2] {
        [&self.service, &self.database_service]
    }

    /// Returns how much time the proxy is given to end.
    pub(crate) fn grace(&self) -> Grace<'_> {
        Grace { service: &self.service, draining: DRAINING, overlap: Some(self.overlap) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_being_planned() {
        let mut context = Context {
            service: "my proxy".to_owned(),
            database_service: "db".to_owned(),
            schema: "public".to_owned(),
            from: Release::parse("v1.83.3-stable.patch.2").unwrap(),
            to: Release::parse("1.84.0.post1").unwrap(),
            digest: "sha256:0a".to_owned(),
            target: "sha256:0b".to_owned(),
            overlap: 40,
            health: "/health/liveliness".to_owned(),
            model: Some("gpt \"4\"".to_owned()),
            destructive: true,
        };
        let call = |context: &Context| StepCall {
            step: "pin".to_owned(),
            run: "run".to_owned(),
            round: 1,
            now: 0,
            parameters: context.parameters(),
            facts: Vec::new(),
        };
        assert_eq!(Context::of(&call(&context)), Ok(context.clone()));
        context.model = None;
        assert_eq!(Context::of(&call(&context)), Ok(context.clone()));
        for missing in [TO, DESTRUCTIVE, OVERLAP, SCHEMA] {
            let mut call = call(&context);
            call.parameters.retain(|(name, _)| name != missing);
            assert!(Context::of(&call).is_err(), "{missing}");
        }
    }
}
