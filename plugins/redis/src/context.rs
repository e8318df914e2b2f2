//! What a step must know and can't read: names and versions that the plan was made for, carried by its parameters.

use lockstep_sdk::{Failure, StepCall};

use crate::version::Exact;

const SERVICE: &str = "service";
const WORKER: &str = "worker";
const CONNECTION: &str = "connection";
const FROM: &str = "from";
const TO: &str = "to";
const DIGEST: &str = "digest";
const DRAINING: &str = "draining";

/// Names and versions of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// The service that runs Redis.
    pub(crate) service: String,
    /// The service that works off the queues, if the plan stops it.
    pub(crate) worker: Option<String>,
    /// The connection to the server.
    pub(crate) connection: String,
    /// The version that runs.
    pub(crate) from: Exact,
    /// The version wanted.
    pub(crate) to: Exact,
    /// The digest that runs.
    pub(crate) digest: String,
    /// Seconds that the server is given to end, at least.
    pub(crate) draining: u32,
}

impl Context {
    /// Returns it as the plan's parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = vec![
            (SERVICE, self.service.clone()),
            (CONNECTION, self.connection.clone()),
            (FROM, self.from.to_string()),
            (TO, self.to.to_string()),
            (DIGEST, self.digest.clone()),
            (DRAINING, self.draining.to_string()),
        ];
        parameters.extend(self.worker.clone().map(|worker| (WORKER, worker)));
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
        let version = |name: &str| text(name).and_then(Exact::parse).ok_or_else(|| broken(name));
        Ok(Self {
            service: needed(SERVICE)?,
            worker: text(WORKER).map(str::to_owned),
            connection: needed(CONNECTION)?,
            from: version(FROM)?,
            to: version(TO)?,
            digest: needed(DIGEST)?,
            draining: text(DRAINING)
                .and_then(|seconds| seconds.parse().ok())
                .ok_or_else(|| broken(DRAINING))?,
        })
    }

    /// Returns the services that the plan deploys or stops.
    pub(crate) fn services(&self) -> Vec<&str> {
        let mut services = vec![self.service.as_str()];
        services.extend(self.worker.as_deref());
        services
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_being_planned() {
        let version = |text: &str| Exact::parse(text).unwrap();
        let context = Context {
            service: "my cache".to_owned(),
            worker: Some("Worker Nº 2".to_owned()),
            connection: "Cache_1".to_owned(),
            from: version("6.2.14"),
            to: version("7.0.15"),
            digest: "sha256:0a1b2c3d4e5f".to_owned(),
            draining: 120,
        };
        let mut call = StepCall {
            step: "pin".to_owned(),
            run: "run".to_owned(),
            round: 1,
            now: 0,
            parameters: context.parameters(),
            facts: Vec::new(),
        };
        assert_eq!(Context::of(&call), Ok(context));
        call.parameters.retain(|(name, _)| name != TO);
        assert!(Context::of(&call).is_err());
    }
}
