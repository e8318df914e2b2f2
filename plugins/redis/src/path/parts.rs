//! Steps that several paths have, each pushed with the facts that it needs.

use lockstep_sdk::blocks::{Block, canary, close, grace, keep, pin, proof};
use lockstep_sdk::image::Image;
use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Declare, Failure, Gate, OutageKind, Service, Step, history};

use crate::context::Context;
use crate::findings;
use crate::names::{self, COMPONENT};
use crate::outage::{self, WORKER_STOPPED};
use crate::start;
use crate::survey::{Running, Survey};

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) survey: &'a Survey,
    pub(super) context: &'a Context,
    /// How long a new server may take until it answers as it should.
    boot_limit: u64,
    /// What the next step waits for.
    gates: Vec<Gate>,
    /// Whether the worker is stopped at this point of the plan.
    stopped: bool,
    pub(super) block: Block,
}

impl<'a, D: Declare> Parts<'a, D> {
    pub(super) fn new(
        declare: &'a D,
        survey: &'a Survey,
        context: &'a Context,
        boot_limit: u64,
    ) -> Self {
        let (gates, block) = (Vec::new(), Block::default());
        Self { declare, survey, context, boot_limit, gates, stopped: false, block }
    }

    /// How long a new server may take until it answers as it should.
    pub(super) fn boot_limit(&self) -> u64 {
        self.boot_limit
    }

    /// How long the way back may wait for the former server, which has as much to load. Never short: giving up there helps
    /// nobody.
    pub(super) fn back_limit(&self) -> u64 {
        self.boot_limit.max(20 * MINUTE)
    }

    /// Returns whether the server keeps an append-only file.
    pub(super) fn appends(&self) -> bool {
        self.survey.inside.as_ref().is_ok_and(|inside| inside.server.appends())
    }

    /// Begins a section: the next step waits for the window and for a person's answer to `question`, and no later one does.
    /// What was saved and stopped there must not grow old while somebody sleeps.
    pub(super) fn section(&mut self, question: Option<&str>) {
        self.gates =
            question.map(|question| Gate::Approval(question.to_owned())).into_iter().collect();
        self.gates.push(Gate::Window);
    }

    /// Adds a step, which is given the facts of the first one and, once it is there, of the canary's.
    pub(super) fn push(&mut self, step: Step) {
        let canary = self.block.steps.iter().any(|step| step.id == names::CANARY);
        let mut step = step.needs(&[names::KEEP]);
        step.gates.append(&mut self.gates);
        if let Some(worker) = self.context.worker.as_deref().filter(|_| self.stopped) {
            let length = step.expected;
            step = step.outage(worker, OutageKind::All, length);
            if ![names::UPGRADE, names::WORKER_START].contains(&step.id.as_str()) {
                step = step.if_left(WORKER_STOPPED);
            }
        }
        self.block.steps.push(if canary { step.needs(&[names::CANARY]) } else { step });
    }

    /// Says of a step on the way there that it replaces Redis, which takes as long as its boots.
    pub(super) fn replacing(&self, step: Step) -> Step {
        let worker = self.context.worker.as_deref();
        outage::replacing(step.expected(self.boot()), self.survey, worker, self.boot())
    }

    /// Likewise of one on the way back, on which the worker is stopped too.
    pub(super) fn replacing_back(&self, step: Step) -> Step {
        self.without_worker(self.replacing(step), self.boot())
    }

    /// Says of a step on the way back that Redis is down in it, for `length`, and that nothing brings it up by itself.
    pub(super) fn keeping_down(&self, step: Step, length: u64) -> Step {
        let worker = self.context.worker.as_deref();
        let step = outage::keeping_down(step.expected(length), self.survey, worker, length);
        self.without_worker(step, length)
    }

    fn without_worker(&self, step: Step, length: u64) -> Step {
        match &self.context.worker {
            Some(worker) => step.outage(worker, OutageKind::All, length),
            None => step,
        }
    }

    /// Adds an undo step, which is given the facts of the first step and of those that it names.
    pub(super) fn push_undo(&mut self, step: Step, needs: &[&str]) {
        self.block.undo.push(step.needs(&[names::KEEP]).needs(needs));
    }

    fn push_block(&mut self, block: Block) {
        self.block.findings.extend(block.findings);
        for step in block.steps {
            self.push(step);
        }
        for step in block.undo {
            self.push_undo(step, &[]);
        }
    }

    /// KEEP, PIN, GRACE, POLICY, CANARY: the key is written when nothing evicts it any more.
    pub(super) fn open(
        &mut self,
        question: Option<&str>,
        pins: &[(&str, Image)],
    ) -> Result<(), Failure> {
        self.block.steps.push(keep::step(names::KEEP, question));
        self.block.findings.extend(pin::finding(names::PIN, pins));
        if let Some(step) = pin::plan(self.declare, names::PIN, pins)? {
            self.push(step);
        }
        let services =
            [Some(&self.survey.redis), self.survey.worker.as_ref()].into_iter().flatten();
        let services: Vec<&Service> = services.map(|running| &running.service).collect();
        let graces: Vec<_> = names::graces(self.context)
            .into_iter()
            .filter_map(|grace| {
                Some((grace, *services.iter().find(|service| service.name == grace.service)?))
            })
            .collect();
        if let Some(step) = grace::plan(self.declare, names::GRACE, &graces)? {
            self.push(step);
        }
        self.policy()?;
        let canary = canary::plan(self.declare, COMPONENT, &self.context.connection)?;
        self.push_block(canary);
        Ok(())
    }

    /// PROOF, its steps named after `prefix`.
    pub(super) fn prove(&mut self, prefix: &str) -> Result<(), Failure> {
        let block =
            proof::plan(self.declare, prefix, &self.context.connection, &self.context.service)?;
        self.push_block(block);
        Ok(())
    }

    /// Saves once more, as the last thing before a server without an append-only file is replaced.
    pub(super) fn save_last(&mut self) -> Result<(), Failure> {
        if self.appends() {
            return Ok(());
        }
        let words = ["BGSAVE", "SCHEDULE"];
        self.declare.redis("last-save", &self.context.connection, &words)?;
        self.push(
            Step::new(
                names::LAST_SAVE,
                "Save the data set once more and prove it",
                "without an append-only file the new server starts from the last save",
            )
            .effects(&["last-save"])
            .if_left("nothing: the server ends the save by itself")
            .expected(5 * SECOND)
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    /// The last write before the change.
    pub(super) fn mark(&mut self) -> Result<(), Failure> {
        let step = canary::mark(self.declare, COMPONENT, &self.context.connection)?;
        self.push(step);
        Ok(())
    }

    /// Sets the eviction policy that Langfuse needs, in the server and in what starts it.
    fn policy(&mut self) -> Result<(), Failure> {
        let former = self
            .survey
            .inside
            .as_ref()
            .ok()
            .and_then(|inside| inside.server.setting("maxmemory-policy"));
        let Some(former) = former.filter(|former| *former != findings::POLICY) else {
            return Ok(());
        };
        let Context { service, connection, .. } = self.context;
        let set = |to| ["CONFIG", "SET", "maxmemory-policy", to];
        self.declare.redis("policy-live", connection, &set(findings::POLICY))?;
        self.declare.redis("policy-live-undo", connection, &set(former))?;
        let (mut labels, mut back) =
            (vec!["policy-live"], vec![("policy-live-undo", "policy-live")]);
        let command = self.survey.redis.setting("start-command");
        if let Some((command, changed)) = command.and_then(|command| {
            Some((command, start::with_flag(command, "maxmemory-policy", findings::POLICY)?))
        }) {
            self.declare.set_settings("policy-start", service, &[("start-command", &changed)])?;
            self.declare.set_settings(
                "policy-start-undo",
                service,
                &[("start-command", command)],
            )?;
            labels.push("policy-start");
            back.insert(0, ("policy-start-undo", "policy-start"));
        }
        let undo: Vec<_> = back.iter().map(|(mine, _)| *mine).collect();
        self.push(
            Step::new(
                names::POLICY,
                "Stop the server from evicting keys",
                "Langfuse's queues lose jobs on a server that evicts",
            )
            .effects(&labels)
            .if_left("nothing: the server evicts no key any more")
            .undone_by(&[names::POLICY_UNDO]),
        );
        self.push_undo(
            Step::new(names::POLICY_UNDO, "Put the former eviction policy back", "as it was")
                .effects(&undo)
                .if_left("nothing: the server evicts no key")
                .reverses(&back),
            &[],
        );
        Ok(())
    }

    /// Stops the worker. Jobs that it had begun go back to wait.
    pub(super) fn stop_worker(&mut self) -> Result<(), Failure> {
        let (Some(worker), Some(running)) = (&self.context.worker, &self.survey.worker) else {
            return Ok(());
        };
        self.declare.stop("worker-stop", worker)?;
        self.declare.deploy("worker-stop-undo", worker)?;
        let title = format!("Stop {worker}");
        self.stopped = true;
        self.push(
            Step::new(
                names::WORKER_STOP,
                title,
                "no job is worked off while the server changes; jobs wait in the queues",
            )
            .effects(&["worker-stop"])
            .undone_by(&[names::WORKER_STOP_UNDO])
            .expected(100 * SECOND),
        );
        self.push_undo(
            Step::new(
                names::WORKER_STOP_UNDO,
                format!("Start {worker} again"),
                "the queues are worked off again",
            )
            .effects(&["worker-stop-undo"])
            .reverses(&[("worker-stop-undo", "worker-stop")])
            .outage(worker, OutageKind::All, boot(running))
            .if_left(WORKER_STOPPED)
            .expected(boot(running))
            .limit(20 * MINUTE),
            &[],
        );
        Ok(())
    }

    /// Starts the worker again.
    pub(super) fn start_worker(&mut self) -> Result<(), Failure> {
        let (Some(worker), Some(running)) = (&self.context.worker, &self.survey.worker) else {
            return Ok(());
        };
        self.declare.deploy("worker-start", worker)?;
        self.declare.stop("worker-start-undo", worker)?;
        self.push(
            Step::new(
                names::WORKER_START,
                format!("Start {worker}"),
                "the queues are worked off again",
            )
            .effects(&["worker-start"])
            .if_left(
                "jobs wait in the queues until the worker is up, which it gets by itself once the deploy is asked for, and before \
                 that until somebody deploys it; Redis serves",
            )
            .undone_by(&[names::WORKER_START_UNDO])
            .expected(boot(running))
            .limit(20 * MINUTE),
        );
        self.stopped = false;
        self.push_undo(
            Step::new(
                names::WORKER_START_UNDO,
                format!("Stop {worker} again"),
                "no job is worked off while the server goes back",
            )
            .effects(&["worker-start-undo"])
            .reverses(&[("worker-start-undo", "worker-start")])
            .outage(worker, OutageKind::All, 100 * SECOND)
            .if_left(WORKER_STOPPED)
            .expected(100 * SECOND),
            &[],
        );
        Ok(())
    }

    /// SMOKE, SOAK, CLOSE.
    pub(super) fn finish(&mut self, soak: u64, stays: &[&str]) {
        let step = Step::new(
            names::SMOKE,
            "Look whether the services that use Redis answer",
            "a server that is up may still be wrong for its clients",
        )
        .if_left("nothing: the new server serves, and nobody looks how well")
        .expected(30 * SECOND)
        .limit(20 * MINUTE);
        self.push(if soak == 0 { step } else { step.soaking(soak) });
        self.push(close::step(names::CLOSE, &["canary-end"]));
        self.block.findings.push(close::finding(stays));
    }

    /// Returns how long a deploy of Redis is expected to take.
    pub(super) fn boot(&self) -> u64 {
        boot(&self.survey.redis)
    }
}

/// Returns how long the service's own boots took; zero where no history tells.
fn boot(running: &Running) -> u64 {
    history::boot(&running.deployments).unwrap_or(0)
}

/// How long a patch is watched, unless told otherwise.
pub(super) const SHORT_SOAK: u64 = HOUR;
/// How long everything else is.
pub(super) const LONG_SOAK: u64 = 24 * HOUR;
