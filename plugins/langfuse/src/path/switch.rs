//! The switch of both services, and the way back to the former ones.

use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Drive, Failure, OutageKind, Step};

use super::parts::{Parts, refs};
use super::prepare::{BOOT, LATE};
use crate::declare::Declares;
use crate::names;
use crate::route::Route;

/// Variables that keep a web service from migrating when it starts.
pub(super) const FROZEN: [&str; 2] =
    ["LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED"];

/// The variable that says how version 4 writes, and the mode in which version 3 can still read what it writes.
pub(crate) const MODE: (&str, &str) = ("LANGFUSE_MIGRATION_V4_WRITE_MODE", "dual");

/// What going back from version 4 loses.
const LOSS: &str = "the tables in which version 2 kept traces, observations, scores and items of dataset runs are dropped: what was moved from them is in ClickHouse, \
    and they come back only from the backup, which loses everything written since";

/// What a person says yes to before that.
const ACCEPT: &str = "Version 4 drops the tables `traces`, `observations`, `scores` and `dataset_run_items` in PostgreSQL when it starts. The findings say that \
    the migrations which move what is in them have ended, and that is looked at again right before. Go on?";

/// Lets a step be approved, and take two rounds: what may be dropped is looked at once more between the image and the deployment,
/// however long a run was interrupted there.
fn dropping(step: Step) -> Step {
    let step = step.losing(LOSS).approved(ACCEPT);
    Step { drive: Drive::Guided, rounds: 2, ..step }
}

impl<D: Declares> Parts<'_, D> {
    /// Starts both new services, the web service first.
    pub(super) fn switch(&mut self) -> Result<(), Failure> {
        self.web()?;
        self.worker()
    }

    fn web(&mut self) -> Result<(), Failure> {
        let (service, web) = (self.context.web.service.as_str(), self.web.running);
        let mut there: Vec<String> = Vec::new();
        let mut pairs: Vec<(String, String)> = Vec::new();
        let off: Vec<(&str, &str)> =
            FROZEN.into_iter().filter(|name| web.is_on(name)).map(|name| (name, "false")).collect();
        if !off.is_empty() {
            self.declare.set_variables(names::WEB_MIGRATES, service, &off)?;
            there.push(names::WEB_MIGRATES.to_owned());
        }
        self.writing("web", service, &mut there, &mut pairs)?;
        self.declare.set_image(names::WEB_IMAGE, service, &self.seen.goal.web.image.to_string())?;
        self.declare.deploy(names::WEB_DEPLOY, service)?;
        there.extend([names::WEB_IMAGE.to_owned(), names::WEB_DEPLOY.to_owned()]);
        // A former version that finds a newer history in ClickHouse does not start unless it is told not to migrate.
        let frozen = FROZEN.map(|name| (name, "true"));
        self.declare.set_variables("back-web-frozen", service, &frozen)?;
        self.declare.set_image("back-web-image", service, &self.web.former.to_string())?;
        self.declare.deploy(names::BACK_WEB, service)?;
        for (back, forward) in [
            ("back-web-frozen", names::WEB_DEPLOY),
            ("back-web-image", names::WEB_IMAGE),
            (names::BACK_WEB, names::WEB_DEPLOY),
        ] {
            pairs.push((back.to_owned(), forward.to_owned()));
        }
        let limit = self.seen.options.migration_limit;
        let step = Step::new(
            names::WEB,
            format!("Start the web service of Langfuse {}, which migrates PostgreSQL and then ClickHouse", self.context.to),
            "the worker migrates nothing, and fails on a schema that is older than itself",
        )
        .effects(&refs(&there))
        .if_left("nothing: one of both web services serves; the new one ends its migrations by itself or leaves one half done, which the finding `dirty` of the next plan names")
        .undone_by(&[names::WEB_UNDO])
        .expected(self.web.running.boot())
        .limit(limit);
        let drops = self.context.route == Route::ToFour;
        self.push(if drops { dropping(step) } else { step });
        let undo = Step::new(
            names::WEB_UNDO,
            format!("Start the web service of Langfuse {} again, without letting it migrate", self.context.from),
            "the former image, by its digest; what was added to the schema hurts nobody, and if something it needs is gone it asks first",
        )
        .if_left("nothing: one of both web services serves");
        self.back(undo.needs(&[names::WEB]), pairs);
        Ok(())
    }

    fn worker(&mut self) -> Result<(), Failure> {
        let service = self.context.worker.service.as_str();
        let mut there: Vec<String> = Vec::new();
        let mut pairs: Vec<(String, String)> = Vec::new();
        self.writing("worker", service, &mut there, &mut pairs)?;
        self.declare.set_image(
            "worker-image",
            service,
            &self.seen.goal.worker.image.to_string(),
        )?;
        self.declare.deploy(names::WORKER_DEPLOY, service)?;
        there.extend(["worker-image".to_owned(), names::WORKER_DEPLOY.to_owned()]);
        self.declare.set_image("back-worker-image", service, &self.worker.former.to_string())?;
        self.declare.deploy(names::BACK_WORKER, service)?;
        pairs.push(("back-worker-image".to_owned(), "worker-image".to_owned()));
        pairs.push((names::BACK_WORKER.to_owned(), names::WORKER_DEPLOY.to_owned()));
        let boot = self.worker.running.boot();
        let late = || OutageKind::Other(LATE.to_owned());
        self.push(
            Step::new(
                names::WORKER,
                format!("Start the worker of Langfuse {}", self.context.to),
                "both must be of one version, and what waits in the queues is written by the new one",
            )
            .effects(&refs(&there))
            .outage(service, late(), boot)
            .if_left("traces are taken in and wait in the queues until a worker of either version runs")
            .undone_by(&[names::WORKER_UNDO])
            .needs(&[names::WEB])
            .expected(boot)
            .limit(BOOT),
        );
        let undo = Step::new(
            names::WORKER_UNDO,
            format!("Start the worker of Langfuse {} again", self.context.from),
            "the former image, by its digest",
        )
        .if_left(
            "traces are taken in and wait in the queues until a worker of either version runs",
        );
        self.back(undo, pairs);
        Ok(())
    }

    /// Lets version 4 write what version 3 can read, at both services alike.
    fn writing(
        &self,
        part: &str,
        service: &str,
        there: &mut Vec<String>,
        pairs: &mut Vec<(String, String)>,
    ) -> Result<(), Failure> {
        if self.context.route != Route::ToFour {
            return Ok(());
        }
        let running = if part == "web" { self.web.running } else { self.worker.running };
        let (label, back) = (format!("{part}-mode"), format!("back-{part}-mode"));
        self.declare.set_variables(&label, service, &[MODE])?;
        match running.variable(MODE.0) {
            Some(former) => self.declare.set_variables(&back, service, &[(MODE.0, former)])?,
            None => self.declare.delete_variables(&back, service, &[MODE.0])?,
        }
        pairs.push((back, label.clone()));
        there.push(label);
        Ok(())
    }

    fn back(&mut self, undo: Step, pairs: Vec<(String, String)>) {
        let (back, there): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
        let pairs: Vec<(&str, &str)> =
            back.iter().zip(&there).map(|(one, other)| (one.as_str(), other.as_str())).collect();
        self.push_undo(undo.effects(&refs(&back)).reverses(&pairs).expected(MINUTE).limit(BOOT));
    }
}
