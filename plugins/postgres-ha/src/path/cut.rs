//! The cut: one critical section, from the block on writes to a sealed old side that follows the new one.

use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Failure, OutageKind, Step};

use super::job::STOPPED;
use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::links::{self, BACK, FORTH, publish, subscribe, subscribed};
use crate::names::{self, NEW, OLD, SECTION};
use crate::options::Path;
use crate::seal;

/// How long a table is waited for, in milliseconds: longer than a transaction usually takes, and short enough to try again.
const LOCK_TIMEOUT: u64 = 2 * SECOND;

/// How much further each number goes on at the cluster, so that numbers that the old side may still give out are not given
/// twice.
const AHEAD: u64 = 1_000;

/// For how long both sides are kept to be compared as they stood: until every service is deployed.
pub(super) const SNAPSHOTS: u64 = 2 * 60 * 60 * SECOND;

/// Rounds of ending sessions. Pools connect anew at once, but what comes then is sealed.
pub(super) const ROUNDS: u32 = 10;

/// What a person confirms before the cut.
const GO: &str = "From here on writes wait, at most as long as the section may take, and then go to the cluster only. What fails is \
    taken back by itself, to the old server. After the cut, each service fails to write until it is deployed with its new \
    references, which follows at once. Go on?";

/// What is left while writes are blocked.
const HELD: &str = "writes wait until the server ends the block by itself, and then go on at the old server; reads go on. The old \
    server keeps its log for a link that nobody ends, as much of it as is allowed";

/// What is left when the old side is sealed and nobody has been switched.
pub(super) const SEALED: &str = "reads go on at the old server, and writes fail: new keys, spend and settings of LiteLLM, and changes of \
    projects, users and prompts; Langfuse takes in traces, and its jobs are tried again. It stays so until somebody goes on, or \
    takes the seal off by the break-glass file";

impl<D: Declares> Parts<'_, D> {
    /// Lays out the section.
    pub(super) fn cut(&mut self) -> Result<(), Failure> {
        self.hold()?;
        self.drain()?;
        self.arm()?;
        self.seal()?;
        self.end_writers()?;
        self.declare.release_writes(names::RELEASE, OLD, names::HOLD)?;
        let step = Step::new(
            names::RELEASE,
            "Let writes flow again",
            "no session is left that could write to the old side",
        );
        let step = self.held(step).effects(&[names::RELEASE]).if_left(SEALED);
        self.push(step);
        Ok(())
    }

    /// Says of a step what holds in the whole section; where a job copies there is none, because everybody is stopped.
    fn held(&self, step: Step) -> Step {
        if self.context.stops_clients() {
            return self.stopped(step);
        }
        let step = step.in_section(SECTION).limit(self.options.max_outage).if_left(HELD);
        let step = step.outage(&self.context.service, OutageKind::Writes, SECOND);
        Self::without_writes(step, &self.context.clients, SECOND)
    }

    fn hold(&mut self) -> Result<(), Failure> {
        let longest = self.options.max_outage;
        let schemas = self.seen.inside.contents.schemas();
        let wait = LOCK_TIMEOUT.min(longest);
        self.declare.hold_writes(names::HOLD, OLD, &refs(&schemas), longest, wait)?;
        let step = Step::new(
            names::HOLD,
            "Block writes to the old server",
            "what is written there must stand still for a moment: writers wait without an error, and reads go on",
        )
        .beginning_section(SECTION, longest);
        let step = step.outage(&self.context.service, OutageKind::Writes, SECOND);
        let step = Self::without_writes(step, &self.context.clients, SECOND);
        self.push(
            step.effects(&[names::HOLD])
                .needs(&[names::LINK_END])
                .approved(GO)
                .in_window()
                .if_left(HELD)
                .restored()
                .limit(longest.max(60 * SECOND)),
        );
        Ok(())
    }

    /// Whatever was acknowledged before the block is at the cluster when this is done.
    fn drain(&mut self) -> Result<(), Failure> {
        self.declare.copy_sequences("sequences", OLD, NEW, AHEAD)?;
        self.declare.hold_snapshots("snapshots", OLD, NEW, SNAPSHOTS)?;
        let step = Step::new(
            names::DRAIN,
            "Wait until the cluster has everything, and let numbers go on there",
            "the log's end was read after the block, so nothing can come after it; numbers are in no log",
        );
        let step = self.held(step).effects(&["sequences", "snapshots"]).needs(&[names::HOLD]);
        self.push(step);
        Ok(())
    }

    /// Before anybody writes at the cluster the old server follows it.
    pub(super) fn arm(&mut self) -> Result<(), Failure> {
        let service = &self.context.service;
        let first = match self.context.path {
            Path::Online => {
                self.declare.transaction("arm-off", NEW, links::stand_still(FORTH))?;
                "arm-off"
            }
            Path::Job => {
                self.back_publication()?;
                names::BACK_PUBLICATION
            }
        };
        let link = subscribe(BACK, service, self.seen.inside.server.following_only());
        self.declare.alone("arm-back-sub", OLD, link, &subscribed(BACK))?;
        let step = Step::new(
            names::ARM,
            "Arm the way back: let the old server follow the cluster",
            "before anything is written at the new side, so that going back loses no row",
        );
        let step = self.held(step).effects(&[first, "arm-back-sub"]).undone_by(&[names::ARM_UNDO]);
        self.push(step);
        let undo = self.end_of("arm-undo", BACK)?;
        // On the other path the publication is older than this step, and goes with its database.
        let publication = self.by_path("arm-back-sub", names::BACK_PUBLICATION);
        let reversed = ["arm-back-sub", "arm-back-sub", publication];
        let pairs: Vec<_> = undo.iter().map(String::as_str).zip(reversed).collect();
        self.push_undo(
            Step::new(
                names::ARM_UNDO,
                "Let the old server follow no more",
                "nothing more is to come from the cluster",
            )
            .effects(&refs(&undo))
            .if_left("the cluster keeps its log for the old server")
            .reverses(&pairs),
        );
        Ok(())
    }

    /// Publishes the cluster's tables to the old server. It waits for whoever vacuums one of them, so it is not for a moment in
    /// which writers wait.
    pub(super) fn back_publication(&mut self) -> Result<(), Failure> {
        self.declare.transaction(names::BACK_PUBLICATION, NEW, publish(BACK, &self.tables()))
    }

    /// Keeps new sessions of the old database from writing.
    pub(super) fn seal(&mut self) -> Result<(), Failure> {
        let database = self.context.database.as_str();
        self.declare.transaction(names::SEAL, OLD, seal::set(database))?;
        self.declare.transaction(names::UNSEAL, OLD, seal::lift(database))?;
        self.declare.transaction("unseal-end", OLD, seal::end_sealed())?;
        let step = Step::new(
            names::SEAL,
            "Seal the old database against writes of new sessions",
            self.by_path(
                "the block ends by itself, the seal does not; the old server goes on following the cluster under it",
                "whoever was not found and stopped must not write there either; the old server follows the cluster under it",
            ),
        );
        let step = self.held(step).effects(&[names::SEAL]);
        let online: &[&str] = &[names::UNSEAL];
        let undo = self.by_path(online, &[names::UNSEAL, names::FORGET_SEAL]);
        self.push(step.undone_by(undo));
        let mut unseal = Step::new(
            names::UNSEAL,
            "Take the seal off, and end the sessions that began under it",
            "they would stay read-only for as long as they live",
        );
        unseal.rounds = ROUNDS;
        self.push_undo(
            unseal
                .effects(&[names::UNSEAL, "unseal-end"])
                .if_left(self.by_path(SEALED, STOPPED))
                .reverses(&[(names::UNSEAL, names::SEAL), ("unseal-end", names::SEAL)]),
        );
        match self.context.path {
            // The end of the copy, which is taken back after this, forgets them.
            Path::Online => Ok(()),
            Path::Job => self.forget_seal(),
        }
    }

    fn forget_seal(&mut self) -> Result<(), Failure> {
        self.declare.transaction(names::FORGET_SEAL, OLD, seal::forget(&self.context.database))?;
        self.push_undo(
            Step::new(
                names::FORGET_SEAL,
                "Forget when the seal was set and taken off",
                "nothing of it stays in the database",
            )
            .effects(&[names::FORGET_SEAL])
            .if_left(STOPPED)
            .reverses(&[(names::FORGET_SEAL, names::SEAL)]),
        );
        Ok(())
    }

    /// Ends whoever could still write to the old side.
    pub(super) fn end_writers(&mut self) -> Result<(), Failure> {
        self.declare.transaction(names::END_WRITERS, OLD, seal::end_clients())?;
        let mut step = Step::new(
            names::END_WRITERS,
            "End every client's session that is older than the seal",
            "the seal does not count for them; walsenders, apply workers and Lockstep's own sessions go on",
        );
        step.rounds = ROUNDS;
        let step = self.held(step).effects(&[names::END_WRITERS]);
        self.push(step);
        Ok(())
    }
}
