//! Running an approved plan from wherever its journal stands.

use std::collections::BTreeSet;

use tracing::Instrument as _;

use super::claim::Claimant;
use super::denials::Denials;
use super::interrupt::Interrupt;
use super::port::{AppendError, Clock, Control, Guest, Journal, Reporter, Wish, World};
use super::span;
use super::watch::Watched;
use crate::journal::{
    BrokenChain, Direction, End, Epoch, Event, Head, IllegalRecord, Linked, Phase, Record,
    RunState, StepStatus,
};
use crate::model::{Authority, Digest, Millis, Moment, Placed, RunId, StepId};
use crate::policy::Grant;

/// What a run does when a step fails before the point of no return. After it, a run always stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Rolls back.
    RollBack,
    /// Stops and asks.
    Stop,
}

/// How a run is run this time. Not part of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Who has approved every gate of the plan in advance, if anybody has.
    pub gates_approved_by: Option<String>,
    /// What to do when a step fails.
    pub on_failure: OnFailure,
    /// Stop after this step, leaving the run resumable.
    pub until: Option<StepId>,
    /// Who wants steps to begin outside of the maintenance windows, if anybody does.
    pub outside_windows: Option<String>,
    /// Leave the run as soon as it waits for time alone, instead of waiting with it.
    pub detach: bool,
    /// Who claims the environment, where several stores may meet.
    pub claimant: Option<Claimant>,
    /// The lease whose process is surely gone, so that what it intended need not expire.
    pub gone: Option<Epoch>,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A person's approval of a gate.
    Gate {
        /// The step behind it.
        step: StepId,
        /// What is asked.
        waits_for: String,
    },
    /// The end of a run of another store.
    Claimed {
        /// Which, whose, and since when.
        by: String,
    },
    /// A maintenance window that is long enough.
    Window {
        /// The step that begins then.
        step: StepId,
        /// When one opens; none if no window is ever long enough.
        opens: Option<Moment>,
        /// How much time must be left in it: for the worst case and the way back.
        needs: Millis,
    },
    /// Time: a step is done and watched until then.
    Soak {
        /// The step.
        step: StepId,
        /// Until when.
        until: Moment,
    },
    /// A decision, because something that the plan rests on changed.
    Moved(String),
    /// The next command: this was the last step that was asked for.
    Until(StepId),
    /// The next command: a person asked it to stop here.
    Paused,
}

/// How running ended this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The wanted version runs.
    Done,
    /// The version before runs again, and why it went back.
    RolledBack(String),
    /// The run can be resumed.
    Waiting(Wait),
    /// A person must answer.
    Stuck(String),
}

/// Why a run could not be run on. Its journal stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal refused or failed.
    #[error("could not write the journal of the run")]
    Journal(#[source] AppendError),
    /// The records do not make sense.
    #[error("the journal of the run can't be read")]
    Illegal(#[from] IllegalRecord),
    /// The records are not one chain.
    #[error("the journal of the run is not whole")]
    Chain(#[from] BrokenChain),
    /// The plan is not the one that the run was approved for.
    #[error("the plan is not the one of the run: {found} instead of {approved}")]
    OtherPlan {
        /// The digest in the journal.
        approved: String,
        /// The digest of the plan given.
        found: Digest,
    },
    /// Nobody has approved the run.
    #[error("the run is not approved")]
    NotApproved,
}

/// Everything outside.
#[derive(Debug)]
pub struct Ports<'a, W, J, C, R, K> {
    /// Reads and effects.
    pub world: &'a W,
    /// Where records go.
    pub journal: &'a J,
    /// Time.
    pub clock: &'a C,
    /// Where news goes.
    pub reporter: &'a R,
    /// What people want meanwhile.
    pub control: &'a K,
}

/// One process running one run.
#[derive(Debug)]
pub struct Execution<'a, W, J, C, R, K> {
    pub(super) ports: Ports<'a, W, J, C, R, K>,
    pub(super) authority: &'a Authority,
    /// The databases that the plan's own steps change.
    pub(super) databases: BTreeSet<&'a str>,
    pub(super) grant: Grant,
    pub(super) options: Options,
    pub(super) run: RunId,
    pub(super) epoch: Epoch,
    pub(super) state: RunState,
    pub(super) resumed_at: Moment,
    /// Steps about which a plugin that was stopped is not asked again.
    pub(super) silenced: BTreeSet<StepId>,
    pub(super) denials: Denials,
    pub(super) watched: Vec<Watched>,
    /// Where this process had canaries written last.
    pub(super) led: Vec<Placed>,
    /// Whether this process has claimed the environment.
    pub(super) claimed: bool,
    /// The critical section that this process began, or found to be as it was left.
    pub(super) within: Option<String>,
    head: Head,
    written: Head,
    unwritten: Vec<Linked>,
}

impl<'a, W, J, C, R, K> Execution<'a, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Takes up `run` where `records` leave it, under the lease `epoch`.
    ///
    /// # Errors
    /// The records are not a whole journal, or `authority` is not the plan that was approved.
    pub fn new(
        ports: Ports<'a, W, J, C, R, K>,
        authority: &'a Authority,
        options: Options,
        run: RunId,
        epoch: Epoch,
        records: &[Record],
    ) -> Result<Self, RunError> {
        let head = records.iter().try_fold(Head::start(&run), |head, record| head.after(record))?;
        let state = RunState::fold(records)?;
        let found = authority.digest().map_err(BrokenChain::from)?;
        if state.plan != Some(found) {
            let approved =
                state.plan.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
            return Err(RunError::OtherPlan { approved, found });
        }
        if state.phase == Phase::Planned {
            return Err(RunError::NotApproved);
        }
        let resumed_at = ports.clock.now();
        let grant = Grant::new(authority.grant.clone());
        let unwritten = Vec::new();
        Ok(Self {
            ports,
            authority,
            databases: authority.databases(),
            grant,
            options,
            run,
            epoch,
            state,
            resumed_at,
            silenced: BTreeSet::new(),
            denials: Denials::of(records),
            watched: Watched::all(authority),
            led: Vec::new(),
            claimed: false,
            within: None,
            head,
            written: head,
            unwritten,
        })
    }

    /// Returns where the run stands.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Returns the end of the journal, as far as it is durable.
    pub fn durable_head(&self) -> Head {
        self.written
    }

    /// Runs until the run is over, waits or is stuck.
    ///
    /// # Errors
    /// The process must not go on with this run; another may, from the journal.
    pub async fn run(&mut self, guest: &mut impl Guest) -> Result<Ended, RunError> {
        let ended = self.run_on(guest).await;
        self.ports.world.let_go().await;
        match &ended {
            Ok(ended) => self.leave_ledger(ended).await,
            Err(_) => self.ports.world.end_canaries().await,
        }
        ended
    }

    async fn run_on(&mut self, guest: &mut impl Guest) -> Result<Ended, RunError> {
        loop {
            let ended = match self.turn(guest).await {
                // That a step is done is written with what comes next: until then it is only looked at again.
                Ok(None) => continue,
                Ok(ended) => ended,
                Err(interrupt) => self.handle(interrupt)?,
            };
            self.commit().await?;
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    /// Does one step, or says how running ended.
    async fn turn(&mut self, guest: &mut impl Guest) -> Result<Option<Ended>, Interrupt> {
        match &self.state.phase {
            Phase::Planned => return Err(RunError::NotApproved.into()),
            Phase::Moved(why) => {
                self.rather_back()?;
                return Ok(Some(Ended::Waiting(Wait::Moved(why.clone()))));
            }
            Phase::Stuck(question) => {
                self.rather_back()?;
                return Ok(Some(Ended::Stuck(question.clone())));
            }
            Phase::Finished(End::Done) => return Ok(Some(Ended::Done)),
            Phase::Finished(End::RolledBack) => {
                return Ok(Some(Ended::RolledBack(
                    self.state.turned_back.clone().unwrap_or_default(),
                )));
            }
            Phase::Running => {}
        }
        self.settle_open().await?;
        self.listen()?;
        self.keep_ledger().await?;
        self.watch_before(guest).await?;
        self.rest(Millis(0), guest).await?;
        match self.state.direction {
            Direction::Forward => self.forward(guest).await,
            Direction::Back => self.back(guest).await,
        }
    }

    async fn forward(&mut self, guest: &mut impl Guest) -> Result<Option<Ended>, Interrupt> {
        let authority = self.authority;
        self.regain_section().await?;
        let inside = self.section().is_some();
        if let Some(last) = self.options.until.as_ref().filter(|it| !inside && self.is_done(it)) {
            return Err(Interrupt::Wait(Wait::Until(last.clone())));
        }
        let next =
            authority.steps.iter().enumerate().find(|(_, frozen)| !self.is_done(&frozen.step.id));
        let Some((index, frozen)) = next else {
            self.watch_at_the_end(guest).await?;
            self.end_ledger().await?;
            self.give_claim_back().await;
            self.tell_what_fails();
            self.note(Event::Finished { end: End::Done })?;
            return Ok(None);
        };
        self.await_window(index)?;
        if !inside || !self.claimed {
            self.hold_claim(&frozen.step.id).await?;
        }
        if !inside && !frozen.derived && self.state.step(&frozen.step.id).round == 0 {
            self.beware_of_others(&frozen.step.id).await?;
        }
        let span = span::step(&self.run, &frozen.step.id);
        if frozen.derived {
            // The last ones delete what only the way back needs.
            if authority.cleans_up(&frozen.step.id) {
                self.watch_at_the_end(guest).await?;
            }
            self.derived(&frozen.step, guest).instrument(span).await?;
        } else {
            self.step(&frozen.step, guest).instrument(span).await?;
            if authority.section_of(&frozen.step.id).is_some_and(|it| *it.last == frozen.step.id)
                && !authority.pins.is_empty()
            {
                self.commit().await?;
                self.show_others().await;
            }
        }
        Ok(None)
    }

    /// Stops where a person asked for it, and where a critical section is over its deadline.
    pub(super) fn listen(&self) -> Result<(), Interrupt> {
        self.in_time()?;
        match self.ports.control.wish() {
            None => Ok(()),
            Some(Wish::Pause) if self.is_backing_out() => Ok(()),
            Some(Wish::Pause) => Err(Interrupt::Wait(Wait::Paused)),
            Some(Wish::RollBack(_)) if self.state.direction == Direction::Back => Ok(()),
            Some(Wish::RollBack(why)) => Err(Interrupt::RollBack(why)),
        }
    }

    /// Returns whether a person asked to stop and may: what is being backed out of is not left half done.
    pub(super) fn wants_a_pause(&self) -> bool {
        self.ports.control.wish() == Some(Wish::Pause) && !self.is_backing_out()
    }

    /// A run that waits for a decision turns round when that is the decision and there is a way back.
    fn rather_back(&self) -> Result<(), Interrupt> {
        match self.ports.control.wish() {
            Some(Wish::RollBack(why))
                if self.state.direction == Direction::Forward && self.no_way_back().is_none() =>
            {
                Err(Interrupt::RollBack(why))
            }
            Some(Wish::RollBack(_) | Wish::Pause) | None => Ok(()),
        }
    }

    /// Puts `event` after the records so far. It is written with the next commit.
    pub(super) fn note(&mut self, event: Event) -> Result<(), RunError> {
        let (records, head) =
            self.head.link(&self.run, self.epoch, self.ports.clock.now(), vec![event])?;
        for linked in &records {
            self.state = std::mem::take(&mut self.state).after(linked.record())?;
        }
        self.head = head;
        self.unwritten.extend(records);
        Ok(())
    }

    /// Writes what was noted. When this returns `Ok` it survives a crash.
    pub(super) async fn commit(&mut self) -> Result<(), RunError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let append =
            self.ports.journal.append(&self.run, self.epoch, &self.written, &self.unwritten);
        append.await.map_err(RunError::Journal)?;
        self.written = self.head;
        self.unwritten.clear();
        Ok(())
    }

    pub(super) fn is_done(&self, step: &StepId) -> bool {
        self.state.steps.get(step).is_some_and(|state| state.status == StepStatus::Done)
    }
}
