//! What comes before the switch: all of it leaves Langfuse as it is.

use lockstep_sdk::blocks::{grace, keep, pin};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Drive, Failure, OutageKind, Step, Times};

use super::parts::{Leaving, Parts};
use crate::declare::Declares;
use crate::findings::impatient;
use crate::message;
use crate::names::{self, API};

/// What a person confirms before anything begins.
pub(crate) const SECRETS: &str = "ENCRYPTION_KEY, SALT, NEXTAUTH_SECRET and the passwords of the databases exist outside Railway too: without \
    the first nobody can read what Langfuse has encrypted. Go on?";

/// What of the worker does not work while it is exchanged.
pub(super) const LATE: &str = "traces are taken in and show up late";

/// How long a deployment of what ran already may take.
pub(crate) const BOOT: u64 = 20 * MINUTE;

impl<D: Declares> Parts<'_, D> {
    /// Everything before the switch.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        self.push(keep::step(names::KEEP, Some(SECRETS)));
        self.pin()?;
        self.grace()?;
        self.patience()?;
        self.dry()?;
        self.before()?;
        self.review();
        self.backups()
    }

    fn pin(&mut self) -> Result<(), Failure> {
        let parts = [self.web, self.worker];
        let pins: Vec<_> = parts
            .iter()
            .filter(|it| !it.is_pinned)
            .map(|Leaving { running, former, .. }| (running.name(), (*former).clone()))
            .collect();
        self.block.findings.extend(pin::finding(names::PIN, &pins));
        if let Some(step) = pin::plan(self.declare, names::PIN, &pins)? {
            self.push(step);
        }
        Ok(())
    }

    fn grace(&mut self) -> Result<(), Failure> {
        let services = [self.web, self.worker].map(|it| &it.running.service);
        let graces: Vec<_> = self.context.graces().into_iter().zip(services).collect();
        if let Some(step) = grace::plan(self.declare, names::GRACE, &graces)? {
            self.push(step);
        }
        Ok(())
    }

    /// Taken back on the way back, and by the last step.
    fn patience(&mut self) -> Result<(), Failure> {
        if impatient(self.web.running, self.context.wait).is_none() {
            return Ok(());
        }
        let wait = [("healthcheck-timeout", &*self.context.wait.to_string())];
        self.declare.set_settings(names::PATIENCE, &self.context.web.service, &wait)?;
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
        Ok(())
    }

    /// Shows before anything matters that both can be deployed.
    fn dry(&mut self) -> Result<(), Failure> {
        self.declare.deploy(names::DRY_WEB, &self.context.web.service)?;
        self.declare.deploy(names::DRY_WORKER, &self.context.worker.service)?;
        let boots = [self.web, self.worker].map(|it| it.running.boot());
        let late = OutageKind::Other(LATE.to_owned());
        self.push(
            Step::new(
                names::DRY,
                "Deploy both services as they are",
                "one that can't be deployed had better be found now",
            )
            .effects(&[names::DRY_WEB, names::DRY_WORKER])
            .outage(&self.context.worker.service, late, self.worker.running.boot())
            .if_left("nothing: the same version serves")
            .undone_by(&[names::BACK_SMOKE])
            .expected(boots.into_iter().max().unwrap_or(0))
            .limit(BOOT),
        );
        self.push_undo(
            Step::new(
                names::BACK_SMOKE,
                "Look whether the former version serves, and has the trace from before",
                "what was taken in must still be there",
            )
            .if_left("nothing: the former version serves")
            .needs(&[names::BEFORE])
            .limit(10 * MINUTE),
        );
        Ok(())
    }

    fn before(&mut self) -> Result<(), Failure> {
        let step = Step::new(
            names::BEFORE,
            "Write a trace, and read it back",
            "what does not work now is no fault of the new version",
        )
        .if_left("nothing: one trace called `lockstep` stays");
        let step = self.tracing(step, names::INGEST_BEFORE)?;
        self.push(step);
        Ok(())
    }

    /// Lets a step write a trace whose name only the run knows.
    pub(super) fn tracing(&self, step: Step, label: &str) -> Result<Step, Failure> {
        self.declare.send(label, API, &message::ingest(), &message::rules(), &Times::Once)?;
        let step = step.effects(&[label]).expected(10 * SECOND).limit(10 * MINUTE);
        Ok(Step { drive: Drive::Guided, ..step })
    }

    fn review(&mut self) {
        let (from, to) = (self.context.from, self.context.to);
        self.push(
            Step::new(
                names::REVIEW,
                "Let a person have read the releases in between",
                "Langfuse's numbers promise nothing about schemas and servers, so any release may change them",
            )
            .approved(format!(
                "Have the notes of every release after {from}, up to {to}, been read, and above all the lines that the finding `releases` shows? Go on?"
            ))
            .if_left("nothing: nothing has been changed"),
        );
    }

    /// PROOF of the volumes of PostgreSQL, ClickHouse and the objects.
    fn backups(&mut self) -> Result<(), Failure> {
        let context = self.context;
        let backups = [
            (names::BACKUP_DATABASE, Some(&context.database)),
            (names::BACKUP_CLICKHOUSE, Some(&context.clickhouse)),
            (names::BACKUP_STORAGE, context.storage.as_ref()),
        ];
        for (label, service) in backups {
            let Some(service) = service else { continue };
            let lock = format!("{label}-lock");
            self.declare.backup_volume(label, service)?;
            self.declare.lock_backup(&lock, label)?;
            self.push(
                Step::new(
                    label,
                    format!("Back up the volume of `{service}` and keep the backup"),
                    "a way back that is not proven is none, and a new version may change what the former one can't read",
                )
                .effects(&[label, &lock])
                .if_left("nothing: Railway ends the backup by itself, and one that is not locked expires")
                .expected(30 * SECOND)
                .limit(30 * MINUTE),
            );
        }
        Ok(())
    }
}
