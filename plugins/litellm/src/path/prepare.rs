//! What comes before the rehearsal: all of it leaves the proxy as it is.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::{grace, keep};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Step, Times};

use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::message::{self, Sender};
use crate::names::{self, PROXY};

/// What a person confirms before anything begins.
const SECRETS: &str = "LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of the databases exist outside Railway too: without the \
    salt nobody can read the providers' credentials that LiteLLM keeps. Go on?";

/// Seconds that Railway waits for a new proxy to answer.
pub(crate) const HEALTH_TIMEOUT: &str = "900";

/// The variable that keeps a proxy from changing the schema when it starts.
pub(crate) const FROZEN: (&str, &str) = ("DISABLE_SCHEMA_UPDATE", "true");

impl<D: Declares> Parts<'_, D> {
    /// Everything before the rehearsal.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        self.push(keep::step(names::KEEP, Some(SECRETS)));
        if let Pin::Set(image) = self.former {
            let pins = [(self.context.service.as_str(), image.clone())];
            self.block.findings.extend(pin::finding(names::PIN, &pins));
            if let Some(step) = pin::plan(self.declare, names::PIN, &pins)? {
                self.push(step);
            }
        }
        self.grace()?;
        self.dry()?;
        self.before()?;
        self.review();
        Ok(())
    }

    fn grace(&mut self) -> Result<(), Failure> {
        let proxy = &self.seen.survey.proxy;
        let mut labels = Vec::new();
        let step =
            grace::plan(self.declare, names::GRACE, &[(self.context.grace(), &proxy.service)])?;
        labels.extend(step.into_iter().flat_map(|step| step.effects));
        let wanted = [
            ("healthcheck-path", self.context.health.as_str()),
            ("healthcheck-timeout", HEALTH_TIMEOUT),
        ];
        let missing: Vec<_> =
            wanted.into_iter().filter(|(name, value)| proxy.setting(name) != Some(value)).collect();
        if !missing.is_empty() {
            self.declare.set_settings("health", &self.context.service, &missing)?;
            labels.push("health".to_owned());
        }
        if labels.is_empty() {
            return Ok(());
        }
        self.push(
            Step::new(
                names::GRACE,
                "Give the proxy time to end, and let Railway ask whether it is up where no key is needed",
                "Railway kills at once after SIGTERM unless told otherwise, and what a proxy holds in memory is lost with it",
            )
            .effects(&refs(&labels))
            .if_left("nothing: the settings count from the next deployment on"),
        );
        Ok(())
    }

    /// Shows before anything matters that the proxy can be deployed, and that it then changes no schema.
    fn dry(&mut self) -> Result<(), Failure> {
        let service = &self.context.service;
        let mut labels = Vec::new();
        if !self.seen.survey.proxy.is_on(FROZEN.0) {
            self.declare.set_variables("freeze", service, &[FROZEN])?;
            labels.push("freeze".to_owned());
        }
        self.declare.deploy(names::DRY_DEPLOY, service)?;
        labels.push(names::DRY_DEPLOY.to_owned());
        let (boot, limit) = (self.boot(), self.seen.options.boot_limit);
        // The variable is not taken back: a former version that migrates by comparison would drop what the new one has added.
        self.push(
            Step::new(
                names::DRY,
                "Deploy the proxy as it is, and keep it from changing the schema when it starts",
                "one that can't be deployed had better be found now, and every later start must be without a migration of its own",
            )
            .effects(&refs(&labels))
            .if_left("nothing: the same version serves, and changes no schema when it starts")
            .undone_by(&[names::BACK_SMOKE])
            .expected(boot)
            .limit(limit),
        );
        self.back_smoke()
    }

    /// The last look on the way back, after everything else was taken back.
    fn back_smoke(&mut self) -> Result<(), Failure> {
        let asked = self.asks(names::BACK_ASKED, self.context.from.is_new_contract())?;
        let pairs: Vec<_> = asked.iter().map(|label| (label.as_str(), names::DRY_DEPLOY)).collect();
        self.push_undo(
            Step::new(
                names::BACK_SMOKE,
                "Ask the former version for its models and for a mock answer",
                "it must offer again what it offered before",
            )
            .effects(&refs(&asked))
            .if_left("nothing: the former version was asked")
            .reverses(&pairs)
            .needs(&[names::BEFORE])
            .limit(10 * MINUTE),
        );
        Ok(())
    }

    /// What it offers now is what it must offer afterwards.
    fn before(&mut self) -> Result<(), Failure> {
        let labels = self.asks(names::ASKED_BEFORE, self.context.from.is_new_contract())?;
        self.push(
            Step::new(
                names::BEFORE,
                "Ask the proxy for its models and for a mock answer",
                "what it offers now it must offer afterwards, and what does not work now is no fault of the new version",
            )
            .effects(&refs(&labels))
            .if_left("nothing: the proxy was asked")
            .expected(10 * SECOND)
            .limit(10 * MINUTE),
        );
        Ok(())
    }

    /// Declares the questions under these labels: models, version where it needs a key, a mock answer where a model is known.
    pub(super) fn asks(&self, labels: [&str; 3], keyed: bool) -> Result<Vec<String>, Failure> {
        let [models, version, completion] = labels;
        let service = &self.context.service;
        let mut asked = vec![(models, message::models(service))];
        asked.extend(keyed.then(|| (version, message::version(service))));
        if let Some(model) = &self.context.model {
            let question = message::completion(Sender::Master(service), model);
            asked.push((completion, question));
        }
        for (label, question) in &asked {
            self.declare.send(label, PROXY, question, &[], &Times::Once)?;
        }
        Ok(asked.into_iter().map(|(label, _)| label.to_owned()).collect())
    }

    fn review(&mut self) {
        let (from, to) = (self.context.from, self.context.to);
        self.push(
            Step::new(
                names::REVIEW,
                "Let a person have read the releases in between",
                "what they change for users of the proxy no check can know",
            )
            .approved(format!(
                "Have the notes of every release after {from}, up to {to}, been read, and above all the lines that the finding `releases` shows? Go on?"
            ))
            .if_left("nothing: nothing has been changed"),
        );
    }
}
