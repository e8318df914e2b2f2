//! The way there, and the way back.

use lockstep_sdk::blocks::encryption_key::{self, Key};
use lockstep_sdk::blocks::{close, grace, keep, pin, slug};
use lockstep_sdk::make::Recipe;
use lockstep_sdk::running::Running;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Drive, Failure, Step, Times};

use super::parts::{MADE, OF_WORKER, SHARED, START, WORKER};
use super::plan::Parts;
use super::stores;
use crate::declare::Declares;
use crate::findings::impatient;
use crate::message;
use crate::names::{self, API};
use crate::path::{BOOT, PATIENCE_BACK, SECRETS as KEPT_OUTSIDE, refs};

/// What is left while nobody uses what is made.
const LEFT: &str = "nothing: the former version serves, and what is made of the rest stays";

/// What a person says yes to before anything is made.
const REVIEWED: &str = "Have Langfuse's guide for the way from version 2 to version 3, and the lines that the finding `releases` shows, \
    been read? Go on?";

/// What going back loses once the new version serves.
const LOSS: &str = "what is sent from then on is kept in ClickHouse and as objects, where the former version does not look: going back loses it";

/// What a person says yes to before that.
const ACCEPT: &str = "From here on going back to the former version loses every trace that is sent, because the former version does not look where \
    the new version keeps them; nothing goes back by itself then. Go on?";

impl<D: Declares> Parts<'_, D> {
    /// Everything that leaves the environment as it is.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        let (service, web) = (self.context.web.service.as_str(), self.web);
        self.push(keep::step(names::KEEP, Some(KEPT_OUTSIDE)));
        if !web.is_pinned {
            let pins = [(service, web.former.clone())];
            self.block.findings.extend(pin::finding(names::PIN, &pins));
            if let Some(step) = pin::plan(self.declare, names::PIN, &pins)? {
                self.push(step);
            }
        }
        let graces: Vec<_> =
            self.context.graces().into_iter().map(|it| (it, &web.running.service)).collect();
        if let Some(step) = grace::plan(self.declare, names::GRACE, &graces)? {
            self.push(step);
        }
        if impatient(web.running, self.context.wait).is_some() {
            let wait = [("healthcheck-timeout", &*self.context.wait.to_string())];
            self.declare.set_settings(names::PATIENCE, service, &wait)?;
            self.push(
                Step::new(
                    names::PATIENCE,
                    "Let Railway wait for a web service that migrates",
                    "one that is ended in the middle of a migration leaves a history on which no version starts",
                )
                .effects(&[names::PATIENCE])
                .if_left("nothing: the setting counts from the next deployment on")
                .restored(),
            );
        }
        self.declare.deploy(names::DRY_WEB, service)?;
        self.push(
            Step::new(
                names::DRY,
                "Deploy the web service as it is",
                "one that can't be deployed had better be found now",
            )
            .effects(&[names::DRY_WEB])
            .if_left("nothing: the same version serves")
            .undone_by(&[names::BACK_SMOKE])
            .expected(web.running.boot())
            .limit(BOOT),
        );
        self.push_undo(
            Step::new(
                names::BACK_SMOKE,
                "Look whether the former version serves, and has the trace from before",
                "what was taken in by it must still be there",
            )
            .if_left("nothing: the former version serves")
            .needs(&[names::BEFORE])
            .limit(10 * MINUTE),
        );
        let before = self.tracing(
            Step::new(
                names::BEFORE,
                "Write a trace, and read it back",
                "what does not work now is no fault of the new version",
            )
            .if_left("nothing: one trace called `lockstep` stays"),
            names::INGEST_BEFORE,
        )?;
        self.push(before);
        self.push(
            Step::new(
                names::REVIEW,
                "Let a person have read what the new version changes",
                "what it changes for users no check can know",
            )
            .approved(REVIEWED)
            .if_left("nothing: nothing has been changed"),
        );
        let lock = format!("{}-lock", names::BACKUP_DATABASE);
        self.declare.backup_volume(names::BACKUP_DATABASE, &self.context.database)?;
        self.declare.lock_backup(&lock, names::BACKUP_DATABASE)?;
        self.push(
            Step::new(
                names::BACKUP_DATABASE,
                format!("Back up the volume of `{}` and keep the backup", self.context.database),
                "everything that the former version keeps is in it",
            )
            .effects(&[names::BACKUP_DATABASE, &lock])
            .if_left(
                "nothing: Railway ends the backup by itself, and one that is not locked expires",
            )
            .expected(30 * SECOND)
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    fn tracing(&self, step: Step, label: &str) -> Result<Step, Failure> {
        self.declare.send(label, API, &message::ingest(), &message::rules(), &Times::Once)?;
        let step = step.effects(&[label]).expected(10 * SECOND).limit(10 * MINUTE);
        Ok(Step { drive: Drive::Guided, ..step })
    }

    /// Services, secrets, and what runs of them before the new version does.
    pub(super) fn make(&mut self) -> Result<(), Failure> {
        let web = self.context.web.service.as_str();
        let (mut made, mut secrets) = (Vec::new(), Vec::new());
        let (mut starts, mut halts) = (Vec::new(), Vec::new());
        for (part, image) in MADE.iter().zip(&self.images) {
            let name = part.name;
            let label = |verb: &str| format!("{verb}-{name}");
            self.declare.create(&label("make"), name, &image.to_string(), part.texts)?;
            self.declare.create_volume(&label("volume"), name, part.mount)?;
            self.declare.set_made(&label("settings"), name, part.settings)?;
            made.extend([label("make"), label("volume"), label("settings")]);
            for variable in part.secrets {
                let label = format!("secret-{name}-{}", slug(variable));
                self.declare.generate_made(&label, name, variable, Recipe::Alphanumeric(32))?;
                secrets.push(label);
            }
            self.declare.deploy_made(&label("rest"), name)?;
            self.declare.stop_made(&label("halt"), name)?;
            starts.push(label("rest"));
            halts.push(label("halt"));
        }
        let texts = worker(self.web.running);
        let texts: Vec<_> =
            texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let image = self.entering.goal.worker.image.to_string();
        self.declare.create("make-worker", WORKER, &image, &texts)?;
        let settings = [("draining-seconds", "90"), ("healthcheck-path", "/api/health")];
        self.declare.set_made("settings-worker", WORKER, &settings)?;
        made.extend(["make-worker".to_owned(), "settings-worker".to_owned()]);
        if self.key != Key::Stays {
            self.declare.generate(
                "secret-key",
                web,
                encryption_key::NAME,
                Recipe::Hex(encryption_key::DIGITS),
            )?;
            secrets.push("secret-key".to_owned());
        }
        let step = Step::new(
            names::MAKE,
            "Make ClickHouse, Redis, the object storage and the worker, and their volumes",
            "the new version needs all four, and nothing of them is deployed yet",
        );
        self.push(step.effects(&refs(&made)).if_left(LEFT).restored().expected(30 * SECOND));
        let step = Step::new(
            names::SECRETS,
            "Generate their passwords, and the key where there is none",
            "each has one place, to which everything else refers, and is never shown",
        );
        self.push(step.effects(&refs(&secrets)).if_left(LEFT).expected(10 * SECOND));
        let step = Step::new(
            names::REST,
            "Start ClickHouse, Redis and the object storage",
            "the new version migrates when it starts, so they must answer before",
        );
        let step = step.effects(&refs(&starts)).if_left(LEFT).undone_by(&[names::REST_UNDO]);
        self.push(step.expected(0).limit(BOOT));
        let pairs: Vec<_> =
            halts.iter().map(String::as_str).zip(starts.iter().map(String::as_str)).collect();
        self.push_undo(
            Step::new(
                names::REST_UNDO,
                "Stop ClickHouse, Redis and the object storage",
                "nobody uses them when the former version serves again",
            )
            .effects(&refs(&halts))
            .if_left(LEFT)
            .reverses(&pairs)
            .limit(BOOT),
        );
        self.declare.set_variables(names::WIRE, web, &stores::wired(self.web.running))?;
        self.push(
            Step::new(names::WIRE, "Lead the web service to them", "the former version does not read these variables, and the new version does not start without them")
                .effects(&[names::WIRE])
                .if_left("nothing: the variables count from the next deployment on")
                .restored(),
        );
        Ok(())
    }

    /// Version 3 beside the former version, and the worker.
    pub(super) fn enter(&mut self) -> Result<(), Failure> {
        let (service, goal) = (self.context.web.service.as_str(), self.entering.goal);
        self.declare.set_image("web-image", service, &goal.web.image.to_string())?;
        self.declare.deploy(names::WEB_DEPLOY, service)?;
        self.declare.set_image("back-web-image", service, &self.web.former.to_string())?;
        self.declare.deploy(names::BACK_WEB, service)?;
        self.declare.deploy_made(names::WORKER_DEPLOY, WORKER)?;
        self.declare.stop_made("halt-worker", WORKER)?;
        let step = Step::new(
            names::WEB,
            format!("Start the web service of Langfuse {}, which migrates PostgreSQL and then ClickHouse", self.context.to),
            "the former version serves until it is up; the worker migrates nothing",
        )
        .effects(&["web-image", names::WEB_DEPLOY])
        .if_left("nothing: one of both web services serves; what the new version takes waits in the queues")
        .losing(LOSS)
        .approved(ACCEPT);
        let step = step.undone_by(&[names::WEB_UNDO]).expected(self.web.running.boot());
        self.push(step.limit(self.entering.options.migration_limit));
        let undo = Step::new(
            names::WEB_UNDO,
            format!("Start the web service of Langfuse {} again", self.context.from),
            "the former image, by its digest",
        );
        let undo = undo.effects(&["back-web-image", names::BACK_WEB]).needs(&[names::WEB]);
        self.push_undo(
            undo.if_left("nothing: one of both web services serves")
                .reverses(&[("back-web-image", "web-image"), (names::BACK_WEB, names::WEB_DEPLOY)])
                .limit(BOOT),
        );
        self.push(
            Step::new(
                names::WORKER,
                format!("Start the worker of Langfuse {}", self.context.to),
                "it writes what waits in the queues",
            )
            .effects(&[names::WORKER_DEPLOY])
            .needs(&[names::WEB])
            .if_left("what is sent is taken in and waits in the queues")
            .undone_by(&[names::WORKER_UNDO])
            .expected(0)
            .limit(BOOT),
        );
        self.push_undo(
            Step::new(names::WORKER_UNDO, "Stop the worker", "the former version has none")
                .effects(&["halt-worker"])
                .if_left("nothing: a worker without a web service has nothing to do")
                .reverses(&[("halt-worker", names::WORKER_DEPLOY)])
                .limit(BOOT),
        );
        Ok(())
    }

    /// What the former version kept is moved, and everything is looked at.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let options = self.entering.options;
        self.declare.set_made_variables("go-variable", WORKER, &[(START, "true")])?;
        self.declare.deploy_made(names::GO_DEPLOY, WORKER)?;
        self.push(
            Step::new(
                names::GO,
                "Let the worker move what the former version kept",
                "rows that the former version wrote until the switch are among them now",
            )
            .effects(&["go-variable", names::GO_DEPLOY])
            .if_left("nothing: the worker goes on by itself")
            .expected(0)
            .limit(BOOT),
        );
        self.push(
            Step::new(
                names::BACKGROUND,
                "Follow that to its end",
                "a later version may drop what was not moved",
            )
            .if_left("nothing: the worker goes on by itself")
            .expected(0)
            .limit(options.background_limit),
        );
        self.push(
            Step::new(
                names::MOVED,
                "See that each migration of what the former version kept has ended, and count",
                "that they have ended is what counts; fewer rows than before would speak against it, and more prove nothing",
            )
            .if_left("nothing: the new version serves")
            .limit(30 * MINUTE),
        );
        let smoke = self.tracing(
            Step::new(
                names::SMOKE,
                "Write a trace through the new version, and read it and the one that the former version kept back",
                "services that are up may still lose what they are sent",
            )
            .if_left("nothing: the new version serves, and one trace called `lockstep` stays")
            .needs(&[names::BEFORE]),
            names::INGEST_AFTER,
        )?;
        self.push(smoke);
        let soak = Step::new(
            names::SOAK,
            "Watch the new version",
            "what goes wrong late is found before anybody goes on to a later one",
        )
        .if_left("nothing: the new version serves")
        .expected(options.soak);
        self.push(if options.soak == 0 { soak } else { soak.soaking(options.soak) });
        let mut labels = Vec::new();
        if impatient(self.web.running, self.context.wait).is_some() {
            let former = self.context.patience.as_deref().unwrap_or_default();
            let wait = [("healthcheck-timeout", former)];
            self.declare.set_settings(PATIENCE_BACK, &self.context.web.service, &wait)?;
            labels.push(PATIENCE_BACK);
        }
        self.push(close::step(names::CLOSE, &labels).restored());
        Ok(())
    }
}

/// What the worker is told: the same as the web service, by reference to that.
fn worker(web: &Running) -> Vec<(String, String)> {
    let wired = stores::wired(web);
    let shared = SHARED.into_iter().chain(wired.iter().map(|(name, _)| *name));
    let shared = shared.chain(stores::own(web));
    let referred = shared.map(|name| (name.to_owned(), format!("${{{{{}.{name}}}}}", web.name())));
    referred.chain(OF_WORKER.map(|(name, text)| (name.to_owned(), text.to_owned()))).collect()
}
