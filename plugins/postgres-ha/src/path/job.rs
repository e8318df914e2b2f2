//! The path of the old guide: everybody is stopped, a job dumps and restores, and nothing is believed before it is compared.

use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, OutageKind, Scope, Step};

use super::copy::LONG;
use super::parts::{Parts, refs};
use crate::account::URL;
use crate::context::Client;
use crate::declare::{Declares, statements};
use crate::job::{COMMIT, FOLDER, FROM, REPOSITORY, SERVICE, TO};
use crate::names::{self, NEW, OLD};
use crate::references;

/// What a person confirms before everybody is stopped.
const GO: &str = "From here on every service that uses the database is stopped, until it is deployed with its new references: no \
    model is called, no trace is taken in. It takes as long as a dump, a restore and a comparison of the whole database. What fails is \
    taken back by itself, to the old server. Go on?";

/// What is left while everybody is stopped.
pub(super) const STOPPED: &str = "every service that uses the database is stopped, and nobody can write to the old server; nothing of \
    it is lost. It stays so until somebody goes on, goes back, or takes the seal off and deploys the services by the break-glass \
    file";

impl<D: Declares> Parts<'_, D> {
    /// Lays out everything between the preparation and the references.
    pub(super) fn job(&mut self) -> Result<(), Failure> {
        self.make_job()?;
        self.halt()?;
        self.seal()?;
        self.end_writers()?;
        self.run_job()?;
        self.compare_job()?;
        self.arm()
    }

    /// Says of a step that nobody has anything of the services in it.
    pub(super) fn without_services<'c>(
        step: Step,
        clients: impl IntoIterator<Item = &'c Client>,
        length: u64,
    ) -> Step {
        let running = clients.into_iter().filter(|client| client.runs);
        running.fold(step, |step, client| step.outage(&client.service, OutageKind::All, length))
    }

    /// Says of a step what holds while everybody is stopped.
    pub(super) fn stopped(&self, step: Step) -> Step {
        let length = step.expected;
        let step = step.outage(&self.context.service, OutageKind::Writes, length);
        Self::without_services(step, &self.context.clients, length).if_left(STOPPED)
    }

    fn make_job(&mut self) -> Result<(), Failure> {
        let context = self.context;
        let from = format!("${{{{{}.{URL}}}}}", context.service);
        let primary = self.seen.cluster.primary.as_deref().unwrap_or_default();
        let (user, front) = (self.seen.survey.user.as_str(), context.front.as_str());
        let to = references::url("postgresql", user, front, primary, &context.database);
        self.declare.create_built(
            names::JOB_MAKE,
            SERVICE,
            REPOSITORY,
            &[(FROM, &from), (TO, &to)],
        )?;
        self.declare.set_made(
            "job-settings",
            SERVICE,
            &[("root-directory", FOLDER), ("restart-policy", "NEVER")],
        )?;
        self.push(
            Step::new(
                names::JOB_MAKE,
                "Make the service of the job, and look whether it can take its URLs apart",
                "before anybody is stopped for it; it leads to the node that leads, because a front hides from it what is missing",
            )
            .effects(&[names::JOB_MAKE, "job-settings"])
            .if_left("nothing: a service that was never deployed stays")
            .restored()
            .expected(5 * SECOND),
        );
        Ok(())
    }

    fn halt(&mut self) -> Result<(), Failure> {
        let (mut labels, mut undo) = (Vec::new(), Vec::new());
        let mut longest = 0;
        for client in self.context.running() {
            let (label, back) = (names::halt(&client.service), names::resume(&client.service));
            self.declare.stop(&label, &client.service)?;
            self.deploy(&back, client)?;
            let boot = self.boot(client);
            longest = longest.max(boot);
            let step = Step::new(
                &back,
                format!("Start {} on the old server", client.service),
                "it ran there before, and everything is still there",
            )
            .expected(boot)
            .limit(30 * MINUTE);
            let step = Self::without_services(step, [client], boot)
                .effects(&[&back])
                .if_left("services that are not started yet stay stopped; the others work at the old server")
                .reverses(&[(&back, &label)]);
            self.push_undo(step);
            labels.push(label);
            undo.push(back);
        }
        let step = Step::new(
            names::HALT,
            "Stop every service that uses the database",
            "the job copies what stands there when it begins, and what is written later would be lost",
        )
        .expected(longest)
        .limit(30 * MINUTE);
        let step = self.stopped(step).effects(&refs(&labels)).approved(GO).in_window();
        self.push(step.undone_by(&refs(&undo)));
        Ok(())
    }

    fn run_job(&mut self) -> Result<(), Failure> {
        self.declare.deploy_made(names::JOB_RUN, SERVICE, COMMIT)?;
        self.declare.stop_made(names::JOB_STOP, SERVICE)?;
        let step = Step::new(
            names::JOB_RUN,
            "Run the job: dump every database, and restore it at the cluster",
            "its end is believed only if its log names every database that was to be restored",
        )
        .expected(0)
        .limit(LONG);
        let step = self.stopped(step).effects(&[names::JOB_RUN]).undone_by(&[names::JOB_STOP]);
        self.push(step);
        let step = Step::new(
            names::JOB_STOP,
            "Stop the job",
            "a job that still restores would hold on to the database that is to be dropped",
        );
        let step = self.stopped(step).effects(&[names::JOB_STOP]);
        self.push_undo(step.reverses(&[(names::JOB_STOP, names::JOB_RUN)]));
        Ok(())
    }

    /// Our own proof: the job's is none.
    fn compare_job(&mut self) -> Result<(), Failure> {
        let mut labels = Vec::new();
        let why = if self.canaries {
            "without statistics the first queries of the new side would be slow ones"
        } else {
            let tidy = statements(["DROP SCHEMA IF EXISTS lockstep CASCADE"]);
            self.declare.transaction("tidy", NEW, tidy)?;
            labels.push("tidy");
            "without statistics the first queries of the new side would be slow ones; and what is Lockstep's own is not moved"
        };
        self.declare.again(names::ANALYZE, NEW, "ANALYZE")?;
        labels.push(names::ANALYZE);
        let step =
            Step::new(names::ANALYZE, "Count what is in each table", why).expected(0).limit(LONG);
        let step = self.stopped(step).effects(&labels);
        self.push(step);
        self.declare.hold_snapshots("snapshots", OLD, NEW, 2 * HOUR)?;
        self.declare.compare("compare", OLD, NEW, &Scope::Everything, Some("snapshots"), &[])?;
        let step = Step::new(
            names::VERIFY,
            "Compare both sides: every object, every row, every number",
            "the job says that all is well also when it has copied nothing",
        )
        .expected(0)
        .limit(LONG);
        let step = self.stopped(step).effects(&["snapshots", "compare"]);
        self.push(step);
        Ok(())
    }

    /// Declares that the service of the job is deleted.
    pub(super) fn delete_job(&self) -> Result<&'static str, Failure> {
        self.declare.delete_made(names::JOB_DELETE, SERVICE)?;
        Ok(names::JOB_DELETE)
    }
}
