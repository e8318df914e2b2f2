//! What a step must know and can't read: names and versions that the plan was made for.
//!
//! The plan writes them into the name of its first step; see [`lockstep_sdk::carry`]. That step records them, and every
//! other step asks for its facts.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Fact, Facts, Failure, carry, failure};

use crate::options::{CONNECTION, SERVICE};
use crate::version::Exact;

/// The kind of the first step's name.
pub(crate) const KEEP: &str = "keep";

/// Characters of a digest that a name carries.
const DIGEST: usize = 8;

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
    /// The beginning of the digest that runs.
    pub(crate) digest: String,
}

impl Context {
    /// Makes the context of a plan. `digest` is the one that runs.
    pub(crate) fn new(
        service: &str,
        worker: Option<&str>,
        connection: &str,
        (from, to): (Exact, Exact),
        digest: &str,
    ) -> Self {
        Self {
            service: service.to_owned(),
            worker: worker.map(str::to_owned),
            connection: connection.to_owned(),
            from,
            to,
            digest: digest
                .strip_prefix("sha256:")
                .and_then(|hex| hex.get(..DIGEST))
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Returns the name of the first step. None where a name does not fit into it.
    pub(crate) fn step(&self) -> Option<String> {
        let (from, to) = (self.from.hyphenated(), self.to.hyphenated());
        let worker = self.worker.as_deref().map(carry::mark);
        let service = (self.service != SERVICE).then(|| carry::mark(&self.service));
        let mut values =
            vec![('f', from.as_str()), ('t', to.as_str()), ('d', self.digest.as_str())];
        values.extend(worker.as_deref().map(|mark| ('w', mark)));
        values.extend(service.as_deref().map(|mark| ('s', mark)));
        values.extend((self.connection != CONNECTION).then_some(('c', self.connection.as_str())));
        carry::pack(KEEP, &values)
    }

    /// Reads the context out of the first step's name, finding the services by their marks.
    pub(crate) fn unpack<O: Railway>(
        outside: &O,
        step: &str,
    ) -> Result<Result<Self, String>, Failure> {
        let broken =
            || Failure::permanently("plugin:step", format!("`{step}` is no step of this plugin"));
        let version =
            |key| carry::value(step, key).and_then(Exact::from_hyphenated).ok_or_else(broken);
        let names: Vec<String> =
            outside.services()?.into_iter().map(|service| service.name).collect();
        let marked = |mark: &str| names.iter().find(|name| carry::mark(name) == mark).cloned();
        let service = match carry::value(step, 's') {
            None => names.iter().find(|name| *name == SERVICE).cloned(),
            Some(mark) => marked(mark),
        };
        let worker = carry::value(step, 'w').map(marked);
        let (Some(service), None | Some(Some(_))) = (service, &worker) else {
            return Ok(Err("a service that the plan names is gone".to_owned()));
        };
        Ok(Ok(Self {
            service,
            worker: worker.flatten(),
            connection: carry::value(step, 'c').unwrap_or(CONNECTION).to_owned(),
            from: version('f')?,
            to: version('t')?,
            digest: carry::value(step, 'd').ok_or_else(broken)?.to_owned(),
        }))
    }

    /// Returns it as facts.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        vec![
            Fact::one("service", self.service.as_str()),
            Fact::one("worker", self.worker.clone()),
            Fact::one("connection", self.connection.as_str()),
            Fact::one("from", self.from.to_string()),
            Fact::one("to", self.to.to_string()),
            Fact::one("digest", self.digest.as_str()),
        ]
    }

    /// Reads it from facts.
    pub(crate) fn of(facts: Facts<'_>) -> Result<Self, failure::MissingFact> {
        let version = |name: &str| {
            Exact::parse(facts.text(name)?).ok_or_else(|| failure::MissingFact(name.to_owned()))
        };
        Ok(Self {
            service: facts.text("service")?.to_owned(),
            worker: facts.maybe_text("worker").map(str::to_owned),
            connection: facts.text("connection")?.to_owned(),
            from: version("from")?,
            to: version("to")?,
            digest: facts.text("digest")?.to_owned(),
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

    fn context() -> Context {
        let version = |text: &str| Exact::parse(text).unwrap();
        Context::new(
            "redis",
            None,
            "redis",
            (version("6.2.14"), version("7.0.15")),
            "sha256:0a1b2c3d4e5f",
        )
    }

    #[test]
    fn the_first_steps_name_says_what_the_plan_is_for() {
        assert_eq!(context().step().unwrap(), "keep--f6-2-14--t7-0-15--d0a1b2c3d");
        let odd = Context {
            worker: Some("Worker Nº 2".to_owned()),
            service: "my cache".to_owned(),
            ..context()
        };
        assert!(odd.step().unwrap().len() <= 64);
    }

    #[test]
    fn a_connection_that_a_name_can_not_hold_is_not_packed() {
        assert_eq!(Context { connection: "Cache_1".to_owned(), ..context() }.step(), None);
    }

    #[test]
    fn a_context_survives_being_recorded() {
        let context = Context { worker: Some("langfuse-worker".to_owned()), ..context() };
        assert_eq!(Context::of(Facts(&context.facts())), Ok(context));
    }
}
