//! The state of a run, folded from its records by one total function.

use std::collections::{BTreeMap, BTreeSet};

use super::canary_state::CanaryState;
use super::event::{Direction, End, Event};
use super::record::{Epoch, Record};
use super::step_state::{Performed, StepState, StepStatus};
use super::watch_state::WatchState;
use crate::model::{
    Authority, Digest, Fact, Label, Moment, Section, Step, StepId, UNSEEN, Verdict,
};

/// Whether a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Made, not yet approved.
    Planned,
    /// Goes on.
    Running,
    /// Something that the plan rests on changed: a person decides whether to go on or back.
    Moved(String),
    /// A person must answer this.
    Stuck(String),
    /// Over.
    Finished(End),
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The approved plan's digest.
    pub plan: Option<Digest>,
    /// Whether it goes on.
    pub phase: Phase,
    /// Which way.
    pub direction: Direction,
    /// Why it turned round, if it did.
    pub turned_back: Option<String>,
    /// The newest lease.
    pub epoch: Epoch,
    /// Every step that has begun, undo steps included.
    pub steps: BTreeMap<StepId, StepState>,
    /// The newest performance of every effect, over all rounds.
    pub effects: BTreeMap<Label, Performed>,
    /// Every effect that surely happened at least once.
    pub happened: BTreeSet<Label>,
    /// Every effect of which at least a part surely happened, while the whole had not.
    pub partly: BTreeSet<Label>,
    /// The step in which an effect's fate is open, and the effect.
    pub open: Option<(StepId, Label)>,
    /// The newest deployment of each service that the plan is about, as the run found it.
    pub deployments: BTreeMap<String, Option<String>>,
    /// How the schema of each database that the plan changes stands, as the run found it.
    pub schemas: BTreeMap<String, SchemaState>,
    /// What the watches saw, by name.
    pub watches: BTreeMap<String, WatchState>,
    /// What became of the canaries, by name.
    pub canaries: BTreeMap<String, CanaryState>,
    /// The steps with which a stretch began, and until when the window was open; none outside of one.
    pub windows: BTreeMap<StepId, Option<Moment>>,
    /// When each critical section that has begun is over at the latest.
    pub sections: BTreeMap<String, Moment>,
    /// When each lease on the run was taken, by the clock of whoever took it.
    pub leased: BTreeMap<Epoch, Moment>,
    /// The ids of all deployments that the run made, also of those that it took up again since.
    pub made: BTreeSet<String>,
    /// When an effect happened last, as far as is known, or a step was found to have reached its end.
    pub changed: Option<Moment>,
    /// When the newest record was written.
    pub at: Moment,
    /// Where every step stands that has not begun.
    unbegun: StepState,
}

/// How a database's schema stands: every object with a hash of what defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// As it was found last; nothing where it could not be read.
    pub now: BTreeMap<String, String>,
    /// As it was found before.
    pub before: BTreeMap<String, String>,
}

/// A record that can't follow the records before it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("record {sequence} can't follow the records before it: {why}")]
pub struct IllegalRecord {
    /// The record's number.
    pub sequence: u64,
    /// Why.
    pub why: String,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            plan: None,
            phase: Phase::Planned,
            direction: Direction::Forward,
            turned_back: None,
            epoch: Epoch(0),
            steps: BTreeMap::new(),
            effects: BTreeMap::new(),
            happened: BTreeSet::new(),
            partly: BTreeSet::new(),
            open: None,
            deployments: BTreeMap::new(),
            schemas: BTreeMap::new(),
            watches: BTreeMap::new(),
            canaries: BTreeMap::new(),
            windows: BTreeMap::new(),
            sections: BTreeMap::new(),
            leased: BTreeMap::new(),
            made: BTreeSet::new(),
            changed: None,
            at: Moment(0),
            unbegun: StepState::default(),
        }
    }
}

impl RunState {
    /// Folds `records` from the beginning of a run.
    ///
    /// # Errors
    /// The first record that can't follow.
    pub fn fold(records: &[Record]) -> Result<Self, IllegalRecord> {
        records.iter().try_fold(Self::default(), Self::after)
    }

    /// Returns the state after `record`.
    ///
    /// # Errors
    /// The record can't follow.
    pub fn after(mut self, record: &Record) -> Result<Self, IllegalRecord> {
        self.at = record.at;
        match self.advance(&record.event, record.at) {
            Ok(()) => Ok(self),
            Err(why) => Err(IllegalRecord { sequence: record.sequence, why }),
        }
    }

    /// Returns where `step` stands; a step that never began stands at its beginning.
    pub fn step(&self, step: &StepId) -> &StepState {
        self.steps.get(step).unwrap_or(&self.unbegun)
    }

    /// Returns everything that the effect gave, in whichever step it was performed.
    pub fn given(&self, label: &Label) -> Vec<Fact> {
        self.effects.get(label).map(Performed::given).unwrap_or_default()
    }

    /// Returns whether the effect or a part of it happened or may have.
    pub fn began(&self, label: &Label) -> bool {
        self.happened.contains(label)
            || self.partly.contains(label)
            || self.effects.get(label).is_some_and(Performed::may_have_happened)
    }

    /// Returns what going back loses from here: of the first step of the way there that says so and is done, or may be: one
    /// of which nothing could be seen after its effects began may have reached its end long ago, and be what all use.
    pub fn loss_of_going_back<'a>(&self, authority: &'a Authority) -> Option<&'a str> {
        let done = |step: &Step| {
            let state = self.step(&step.id);
            match &state.status {
                StepStatus::Checked(_) | StepStatus::Done => true,
                StepStatus::Failed(failure) => {
                    let unseen = failure.problem().code == UNSEEN;
                    state.reached || unseen && step.effects.iter().any(|it| self.began(it))
                }
                StepStatus::Pending | StepStatus::AtGate(_) | StepStatus::Running => state.reached,
            }
        };
        let steps = authority.steps.iter().map(|frozen| &frozen.step);
        steps.filter(|step| done(step)).find_map(|step| step.loss.as_deref())
    }

    /// Returns the critical section that the run is in on its way there, and its deadline: the section has begun, and its last
    /// step has not been found to have reached its end. Once all effects of a last step have begun from which going back loses
    /// something, writes flow and people may use what it did, so nothing but the step's own limits forces it back.
    pub fn section<'a>(&self, authority: &'a Authority) -> Option<(Section<'a>, Moment)> {
        if self.direction == Direction::Back || self.sections.is_empty() {
            return None;
        }
        let over = |step: &StepId| {
            matches!(self.step(step).status, StepStatus::Checked(_) | StepStatus::Done)
        };
        let current = authority.steps.iter().map(|it| &it.step.id).find(|it| !over(it))?;
        let section = authority.section_of(current)?;
        let deadline = *self.sections.get(section.name)?;
        let step = authority.step(current).map(|frozen| &frozen.step)?;
        let decided = step.loss.is_some()
            && !step.effects.is_empty()
            && step.effects.iter().all(|label| self.began(label));
        (!decided).then_some((section, deadline))
    }

    fn advance(&mut self, event: &Event, at: Moment) -> Result<(), String> {
        match event {
            Event::Planned { plan } => {
                if self.plan.is_some() {
                    return Err("the run already has a plan".to_owned());
                }
                self.plan = Some(*plan);
            }
            Event::Approved { plan, .. } => {
                if self.plan != Some(*plan) {
                    return Err("another plan was approved than the run's".to_owned());
                }
                self.expect(
                    matches!(self.phase, Phase::Planned),
                    "the run is not waiting for an approval",
                )?;
                self.phase = Phase::Running;
            }
            Event::Leased { epoch, .. } => {
                self.expect(*epoch >= self.epoch, "the lease is older than the one before")?;
                self.epoch = *epoch;
                self.leased.entry(*epoch).or_insert(at);
            }
            Event::GateReached { .. }
            | Event::GateOpened { .. }
            | Event::RoundStarted { .. }
            | Event::Again { .. }
            | Event::Checked { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. } => {
                self.advance_step(event, at)?;
                if matches!(event, Event::Checked { .. }) {
                    self.changed = Some(at);
                }
            }
            Event::Intended(_)
            | Event::Answered { .. }
            | Event::Settled { .. }
            | Event::Assumed { .. }
            | Event::Ended { .. }
            | Event::EndedBadly { .. } => {
                self.advance_effect(event)?;
                if event.tells_of_a_change() {
                    self.changed = Some(at);
                }
            }
            Event::Moved { step, why } => {
                self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
                self.expect(self.open.is_none(), "an effect's fate is still open")?;
                self.phase = Phase::Moved(why.clone());
                self.steps.entry(step.clone()).or_default().moved = Some(why.clone());
            }
            Event::TurnedBack { why } => {
                let begun =
                    matches!(self.phase, Phase::Running | Phase::Moved(_) | Phase::Stuck(_));
                self.expect(begun, "the run has not begun or is over")?;
                self.expect(
                    self.direction == Direction::Forward,
                    "the run is already on its way back",
                )?;
                self.direction = Direction::Back;
                self.phase = Phase::Running;
                self.turned_back = Some(why.clone());
            }
            Event::Stuck { question } => {
                self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
                self.phase = Phase::Stuck(question.clone());
            }
            Event::Denied { .. } | Event::Triggered { .. } | Event::Claimed { .. } => {
                self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
            }
            Event::WindowFound { step, until, .. } => {
                self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
                self.windows.insert(step.clone(), *until);
            }
            Event::SectionBegan { section, deadline, .. } => {
                self.begin_section(section, *deadline)?;
            }
            Event::Stands { service, deployment } => {
                self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
                self.deployments.insert(service.clone(), deployment.clone());
            }
            Event::Schema { connection, objects } => self.schema(connection, objects)?,
            Event::Counted { watch, before } => self.watch(watch)?.before = Some(*before),
            Event::Watched { watch, verdict, evidence } => {
                self.watch(watch)?.saw(*verdict, evidence, at);
            }
            Event::Tallied { canary, tally } => self.canary(canary)?.add(tally),
            Event::Missed { canary, looked_for, numbers } => {
                self.canary(canary)?.looked(*looked_for, numbers);
            }
            Event::Resumed { .. } => self.resume()?,
            Event::Finished { end } => self.finish(*end)?,
        }
        Ok(())
    }

    pub(super) fn expect(&self, holds: bool, why: &str) -> Result<(), String> {
        if holds { Ok(()) } else { Err(format!("{why} (the run is {:?})", self.phase)) }
    }

    /// Returns the watch for a change, if the run goes on.
    fn watch(&mut self, watch: &str) -> Result<&mut WatchState, String> {
        self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
        Ok(self.watches.entry(watch.to_owned()).or_default())
    }

    /// Returns the canaries for a change. They are counted until the run is over, also while it waits for a person.
    fn canary(&mut self, canary: &str) -> Result<&mut CanaryState, String> {
        let counted = !matches!(self.phase, Phase::Planned | Phase::Finished(_));
        self.expect(counted, "the run has not begun or is over")?;
        Ok(self.canaries.entry(canary.to_owned()).or_default())
    }

    fn schema(
        &mut self,
        connection: &str,
        objects: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
        let known = self.schemas.entry(connection.to_owned()).or_default();
        let before = std::mem::replace(&mut known.now, objects.clone());
        // What a step made of it is not something that others may take back unseen.
        let by_a_step = self.steps.values().any(|it| matches!(it.status, StepStatus::Checked(_)));
        known.before = if by_a_step { objects.clone() } else { before };
        Ok(())
    }

    fn finish(&mut self, end: End) -> Result<(), String> {
        self.expect(self.open.is_none(), "an effect's fate is still open")?;
        let fits = matches!(
            (self.direction, end),
            (Direction::Forward, End::Done) | (Direction::Back, End::RolledBack)
        );
        let ends = fits && matches!(self.phase, Phase::Running);
        self.expect(ends, "the run does not end like that")?;
        self.phase = Phase::Finished(end);
        Ok(())
    }

    fn begin_section(&mut self, section: &str, deadline: Moment) -> Result<(), String> {
        let forward = self.direction == Direction::Forward;
        let fits = forward && matches!(self.phase, Phase::Running);
        self.expect(fits, "the run is not going on towards the wanted version")?;
        self.expect(!self.sections.contains_key(section), "the section began already")?;
        self.sections.insert(section.to_owned(), deadline);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        self.expect(
            matches!(self.phase, Phase::Moved(_) | Phase::Stuck(_)),
            "the run neither is stuck nor waits for a decision",
        )?;
        self.phase = Phase::Running;
        for step in self.steps.values_mut() {
            step.accepted = step.moved.take().or_else(|| step.accepted.take());
        }
        for (canary, known) in &mut self.canaries {
            // Only who was asked about a loss has accepted it.
            let watch = self.watches.get(&format!("canary:{canary}"));
            if watch.is_some_and(|watch| watch.verdict == Some(Verdict::Fail)) {
                known.accepted.extend(&known.missing);
            }
        }
        // Whoever says "go on" wants failed and half-done steps looked at again, and what was refused or came to nothing
        // tried again.
        for step in self.steps.values_mut() {
            if matches!(step.status, StepStatus::Failed(_)) {
                step.status =
                    if step.round == 0 { StepStatus::Pending } else { StepStatus::Running };
                while step.performed.pop_if(|last| !last.may_have_happened()).is_some() {}
                let newest = step.performed.iter_mut().chain(self.effects.values_mut());
                newest.for_each(Performed::take_up_again);
            }
        }
        Ok(())
    }
}
