//! What comes before the rehearsal: all of it leaves the proxy as it is.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::{grace, keep};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Drive, Failure, Step, Times};

use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::message;
use crate::names::{self, Asked, PROXY};

/// What a person confirms before anything begins.
const SECRETS: &str = "LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of the databases exist outside Railway too: without the \
    salt nobody can read the providers' credentials that LiteLLM keeps. Go on?";

/// Seconds that Railway waits for a new proxy to answer.
pub(crate) const HEALTH_TIMEOUT: &str = "900";

/// How often a key is made anew, should the process end that holds it.
const ROUNDS: u32 = 3;

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

    /// The last look on the way back, after everything else was taken back. It makes no key, so that the host performs it from
    /// its list whatever becomes of this plugin.
    fn back_smoke(&mut self) -> Result<(), Failure> {
        let [models, version] = names::BACK_ASKED;
        let keyed = self.context.from.is_new_contract();
        let service = &self.context.service;
        self.declare.send(models, PROXY, &message::models(service), &[], &Times::Once)?;
        if keyed {
            self.declare.send(version, PROXY, &message::version(service), &[], &Times::Once)?;
        }
        let asked: Vec<&str> =
            [Some(models), keyed.then_some(version)].into_iter().flatten().collect();
        let pairs: Vec<_> = asked.iter().map(|label| (*label, names::DRY_DEPLOY)).collect();
        self.push_undo(
            Step::new(
                names::BACK_SMOKE,
                "Ask the former version for its models",
                "it must offer again what it offered before",
            )
            .effects(&asked)
            .if_left("nothing: the former version was asked")
            .reverses(&pairs)
            .needs(&[names::BEFORE])
            .limit(10 * MINUTE),
        );
        Ok(())
    }

    /// What it offers now is what it must offer afterwards.
    fn before(&mut self) -> Result<(), Failure> {
        let step = Step::new(
            names::BEFORE,
            "Ask the proxy for its models, and with a new key for a mock answer",
            "what it offers now it must offer afterwards, and what does not work now is no fault of the new version",
        )
        .if_left("nothing: the proxy was asked, and a key that nobody knows ends by itself")
        .expected(20 * SECOND)
        .limit(15 * MINUTE);
        let step = self.asking(step, names::ASKED_BEFORE, self.context.from.is_new_contract())?;
        self.push(step);
        Ok(())
    }

    /// Lets a step ask: for models, for the version where that needs a key, and, where a model is known, for a key, with it for
    /// a mock answer, and to delete it.
    pub(super) fn asking(&self, step: Step, asked: Asked, keyed: bool) -> Result<Step, Failure> {
        let service = &self.context.service;
        let send = |label, message, rules: &[_]| {
            self.declare.send(label, PROXY, &message, rules, &Times::Once)
        };
        send(asked.models, message::models(service), &[])?;
        let mut step = step.effects(&[asked.models]);
        if keyed {
            send(asked.version, message::version(service), &[])?;
            step = step.effects(&[asked.version]);
        }
        if let Some(model) = &self.context.model {
            let rule = [message::made_by(asked.key)];
            send(asked.key, message::key(service), &[])?;
            send(asked.answer, message::completion(model), &rule)?;
            send(asked.end, message::delete(service), &rule)?;
            step = step.effects(&[asked.key, asked.answer, asked.end]);
            step.drive = Drive::Guided;
            step.rounds = ROUNDS;
        }
        Ok(step)
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
