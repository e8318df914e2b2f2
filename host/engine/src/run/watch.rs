//! The watches of a run: looked at beside every step and soak, judged, and recorded when a verdict changes.
//!
//! There is one task for each run, so a look is taken wherever the run waits: between two looks at a step, between two
//! steps, and while soaking. A send in flight is never given up for a look.

use super::bounds::{MAX_ATTEMPTS, line, pause};
use super::execute::Execution;
use super::interrupt::Interrupt;
use super::judge::Judge;
use super::port::{Clock, Control, Guest, GuestError, Journal, News, Reporter, World};
use super::traffic::{Traffic, before_the_run};
use crate::journal::{Direction, Event, StepStatus};
use crate::model::{
    Authority, Canary, Failure, HostWatch, Millis, Moment, Sample, Share, StepCall, StepId, Verdict,
};

/// How often the host looks whether a deployment runs.
const RUNNING_LOOK: Millis = Millis::seconds(30);

/// How often the host counts requests: each look is one question for every service that has any.
const TRAFFIC_LOOK: Millis = Millis::seconds(60);

/// How long a closing look waits before it is taken again.
const CLOSING_LOOK: Millis = Millis::seconds(5);

/// One watch, as this process looks at it.
#[derive(Debug)]
pub(super) struct Watched {
    id: String,
    what: What,
    interval: Millis,
    due: Moment,
    judge: Judge,
}

/// What is looked at.
#[derive(Debug)]
enum What {
    Probe,
    Running(String),
    MostOf(Vec<String>),
    Traffic(String, Traffic),
    Canary(Canary),
}

impl Watched {
    /// Returns the watches of a plan, each due at once.
    pub(super) fn all(authority: &Authority) -> Vec<Self> {
        let new = |id, what, interval, trigger| Self {
            id,
            what,
            interval,
            due: Moment(0),
            judge: Judge::new(trigger, authority.triggers),
        };
        let probes = authority
            .watches
            .iter()
            .map(|watch| new(watch.id.clone(), What::Probe, watch.interval, watch.trigger));
        let own = authority.host_watches.iter().map(|watch| {
            let (what, interval) = match watch {
                HostWatch::Running(service) | HostWatch::OneOf(service) => {
                    (What::Running(service.clone()), RUNNING_LOOK)
                }
                HostWatch::MostOf(services) => (What::MostOf(services.clone()), RUNNING_LOOK),
                HostWatch::Traffic(service) => {
                    (What::Traffic(service.clone(), Traffic::default()), TRAFFIC_LOOK)
                }
                HostWatch::Canary(canary) => (What::Canary(canary.clone()), Millis(0)),
            };
            new(watch.id(), what, interval, watch.trigger())
        });
        probes.chain(own).collect()
    }
}

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Looks at every watch before the run changes anything: what fails then is not the run's doing.
    pub(super) async fn watch_before(&mut self, guest: &mut impl Guest) -> Result<(), Interrupt> {
        if !self.state.effects.is_empty() || self.state.direction == Direction::Back {
            return Ok(());
        }
        for index in 0..self.watched.len() {
            let Some(watched) = self.watched.get(index) else { continue };
            let known = self.state.watches.get(&watched.id);
            match &watched.what {
                What::Traffic(service, _) if known.is_none_or(|known| known.before.is_none()) => {
                    let (watch, service) = (watched.id.clone(), service.clone());
                    let before = self.count_before(&service).await?;
                    self.note(Event::Counted { watch, before })?;
                }
                What::Probe | What::Running(_) | What::MostOf(_) | What::Canary(_)
                    if known.is_none() =>
                {
                    self.look_at(index, guest).await?;
                }
                What::Probe
                | What::Running(_)
                | What::MostOf(_)
                | What::Traffic(..)
                | What::Canary(_) => {}
            }
        }
        Ok(())
    }

    /// Looks at every watch that is due.
    pub(super) async fn look_around(&mut self, guest: &mut impl Guest) -> Result<(), Interrupt> {
        for index in 0..self.watched.len() {
            let now = self.ports.clock.now();
            if self.watched.get(index).is_some_and(|watched| watched.due <= now) {
                self.look_at(index, guest).await?;
            }
        }
        Ok(())
    }

    /// Waits, looking at the watches that come due meanwhile.
    pub(super) async fn rest(
        &mut self,
        length: Millis,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        let end = self.ports.clock.now().plus(length);
        loop {
            self.look_around(guest).await?;
            let now = self.ports.clock.now();
            let left = end.since(now);
            if left.0 == 0 {
                return Ok(());
            }
            self.commit().await?;
            let due = self.watched.iter().map(|watched| watched.due.since(now)).min();
            self.nap(due.map_or(left, |due| due.clamp(Millis(1), left))).await;
            if self.ports.clock.now() < end {
                self.listen()?;
            }
        }
    }

    /// Returns the watch that keeps a soak of so long from ending: each must have been seen for a whole window, without a
    /// fault at its end. What never held in this run is not waited for.
    pub(super) fn unsettled(&self, soak: Millis) -> Option<&str> {
        let now = self.ports.clock.now();
        let unsettled = |watched: &&Watched| {
            self.has_held(&watched.id) && !watched.judge.has_passed_a_window(now, soak)
        };
        self.watched.iter().find(unsettled).map(|watched| watched.id.as_str())
    }

    /// Looks until every watch passes that has passed before, as the last act of either way. On the way there a watch that
    /// trips turns the run round; on the way back it leaves it for a person.
    pub(super) async fn watch_at_the_end(
        &mut self,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        let triggers = self.authority.triggers;
        let began = self.ports.clock.now();
        let patience =
            Millis(triggers.grace.0 + triggers.unhealthy_after.0.max(triggers.unknown_after.0));
        for watched in &mut self.watched {
            watched.due = Moment(0);
        }
        loop {
            self.rest(Millis(0), guest).await?;
            let open = |watched: &&Watched| self.has_held(&watched.id) && !watched.judge.is_fine();
            let Some(watch) = self.watched.iter().find(open).map(|watched| watched.id.clone())
            else {
                return Ok(());
            };
            let evidence =
                self.state.watches.get(&watch).map(|it| it.evidence.clone()).unwrap_or_default();
            if self.ports.clock.now() > began.plus(patience) {
                return Err(Interrupt::Stuck(format!(
                    "all steps are done, but watch `{watch}` does not pass: {evidence}; what stands is for a person to judge"
                )));
            }
            if let Some(step) = self.last_step() {
                let note = format!("watch `{watch}` must pass once more: {evidence}");
                self.ports.reporter.report(News::Waiting(step, note, None, None));
            }
            self.rest(CLOSING_LOOK, guest).await?;
            for watched in self.watched.iter_mut().filter(|watched| watched.id == watch) {
                watched.due = Moment(0);
            }
        }
    }

    /// Tells, where a run ends well, what fails all the same and turns nothing round.
    pub(super) fn tell_what_fails(&self) {
        let fails = |watched: &&Watched| {
            let known = self.state.watches.get(&watched.id);
            known.is_some_and(|known| known.held && known.verdict == Some(Verdict::Fail))
        };
        for Watched { id, .. } in self.watched.iter().filter(fails) {
            let evidence = self.state.watches.get(id).map_or("", |known| known.evidence.as_str());
            let note =
                format!("watch `{id}` still fails, and is for a person to judge: {evidence}");
            self.ports.reporter.report(News::Note(note));
        }
    }

    /// An outage that was announced and approved is no reason to go back while its step lasts: the step's own limit ends it.
    fn is_in_an_outage(&self) -> bool {
        let running = |id: &StepId| self.state.step(id).status == StepStatus::Running;
        let step = self.current().filter(running).and_then(|id| self.authority.step(&id));
        step.is_some_and(|frozen| !frozen.step.outage.is_empty())
    }

    fn has_held(&self, watch: &str) -> bool {
        self.state.watches.get(watch).is_some_and(|known| known.held)
    }

    /// Takes one look, records a change of verdict, and turns the run round if the watch trips.
    async fn look_at(&mut self, index: usize, guest: &mut impl Guest) -> Result<(), Interrupt> {
        let mut all = std::mem::take(&mut self.watched);
        let looked = match all.get_mut(index) {
            Some(watched) => self.look_with(watched, guest).await,
            None => Ok(()),
        };
        self.watched = all;
        looked
    }

    async fn look_with(
        &mut self,
        watched: &mut Watched,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        let sample = match &mut watched.what {
            What::Running(service) | What::Traffic(service, _) if self.has_deleted(service) => {
                watched.due = Moment(u64::MAX);
                return Ok(());
            }
            What::Probe => self.probe(&watched.id, guest).await?,
            What::Running(service) => self.running(service).await,
            What::MostOf(services) => self.most_of(services).await,
            What::Traffic(service, traffic) => {
                let known = self.state.watches.get(&watched.id);
                let before = known.and_then(|known| known.before).unwrap_or_default();
                if before.requests == 0 {
                    watched.due = Moment(u64::MAX);
                    return Ok(());
                }
                self.traffic(service, traffic, before).await
            }
            // Writes wait in there, so nobody waits for a look.
            What::Canary(_) if self.section().is_some() => {
                watched.due = self.next_canary_look(self.ports.clock.now());
                return Ok(());
            }
            What::Canary(canary) => self.look_for(canary).await?,
        };
        let sample = sample.unwrap_or_else(|failure| Sample {
            verdict: Verdict::Unknown,
            evidence: failure.to_string(),
            figure: None,
        });
        let sample = Sample { evidence: line(&sample.evidence), ..sample };
        let now = self.ports.clock.now();
        watched.due = match &watched.what {
            What::Canary(_) => self.next_canary_look(now),
            What::Probe | What::Running(_) | What::MostOf(_) | What::Traffic(..) => {
                now.plus(watched.interval)
            }
        };
        let changed = self.state.changed.unwrap_or(Moment(0));
        let tripped = watched.judge.look(now, changed, self.is_in_an_outage(), &sample);
        let watch = &watched.id;
        let before = self.state.watches.get(watch).and_then(|known| known.verdict);
        let Sample { verdict, evidence, .. } = sample;
        if before != Some(verdict) {
            self.ports.reporter.report(News::Watched(watch.clone(), verdict, evidence.clone()));
            self.note(Event::Watched { watch: watch.clone(), verdict, evidence })?;
        }
        match tripped {
            Some(why) if self.has_held(watch) && self.state.direction == Direction::Forward => {
                self.note(Event::Triggered { watch: watch.clone(), why: why.clone() })?;
                Err(Interrupt::Tripped(format!("watch `{watch}`: {why}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn probe(
        &mut self,
        watch: &str,
        guest: &mut impl Guest,
    ) -> Result<Result<Sample, Failure>, Interrupt> {
        let Some(step) = self.step_of_watch() else {
            return Ok(Err(Failure::permanent("watch:step", "the plan has no step")));
        };
        let call = self.call_of_watch(&step);
        let mut host = self.look();
        let answer = guest.probe(watch, &call, &mut host).await;
        let denied = host.into_denied();
        self.record_denied(&step, denied)?;
        let stopped = |error: GuestError| Failure::permanent("watch:plugin", error.to_string());
        Ok(answer.map_err(stopped).flatten())
    }

    /// A probe is given what every step found and left so far, in the order of the plan.
    fn call_of_watch(&self, step: &StepId) -> StepCall {
        let state = self.state.step(step);
        let all = self.authority.steps.iter().filter_map(|it| self.state.steps.get(&it.step.id));
        let facts = all.flat_map(|state| state.observed.iter().chain(&state.facts)).cloned();
        StepCall {
            step: step.clone(),
            run: self.run.clone(),
            round: state.round.max(1),
            now: self.ports.clock.now(),
            parameters: self.authority.parameters.clone(),
            facts: facts.collect(),
        }
    }

    /// Returns the step that a probe is told of. A plugin knows none of those that the host puts around its own: there it is
    /// told of its next step, and after them all of its last one.
    fn step_of_watch(&self) -> Option<StepId> {
        let Some(current) = self.current() else { return self.last_step() };
        let around = self.authority.step(&current).is_some_and(|frozen| frozen.derived)
            || self.authority.closing().any(|undo| undo.step.id == current);
        if !around {
            return Some(current);
        }
        self.next_step(&current).or_else(|| self.last_step())
    }

    /// Returns the plugin's own step that comes after one of the host's on the way there.
    fn next_step(&self, step: &StepId) -> Option<StepId> {
        let from = self.authority.steps.iter().skip_while(|frozen| frozen.step.id != *step);
        from.filter(|frozen| !frozen.derived).map(|frozen| frozen.step.id.clone()).next()
    }

    fn last_step(&self) -> Option<StepId> {
        self.own_steps().last()
    }

    /// Returns the plugin's own steps of the way there.
    fn own_steps(&self) -> impl Iterator<Item = StepId> {
        let own = self.authority.steps.iter().filter(|frozen| !frozen.derived);
        own.map(|frozen| frozen.step.id.clone())
    }

    /// Judges the requests of the newest window, which begins no earlier than the grace after the newest change.
    async fn traffic(
        &self,
        service: &str,
        traffic: &mut Traffic,
        before: Share,
    ) -> Result<Sample, Failure> {
        let triggers = self.authority.triggers;
        let counts_from = self.state.changed.map_or(Moment(0), |at| at.plus(triggers.grace));
        let now = self.ports.clock.now();
        let world = self.ports.world;
        let found = traffic.count(world, service, now, triggers.window, counts_from).await?;
        let not_yet = || {
            let words = "a whole window since the newest change is not over yet";
            (Verdict::Pass, words.to_owned())
        };
        let (verdict, evidence) = found.map_or_else(not_yet, |now| triggers.judge(now, before));
        Ok(Sample { verdict, evidence, figure: None })
    }

    /// Counts the requests before the run. Without them no error rate could be judged, so a run does not begin blind.
    async fn count_before(&self, service: &str) -> Result<Share, Interrupt> {
        let mut attempt = 0;
        loop {
            let now = self.ports.clock.now();
            let window = self.authority.triggers.window;
            match before_the_run(self.ports.world, service, now, window).await {
                Ok(share) => return Ok(share),
                Err(Failure::Transient(_)) if attempt < MAX_ATTEMPTS => {
                    self.listen()?;
                    self.nap(pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => {
                    return Err(Interrupt::Failed(Failure::permanent(
                        "watch:baseline",
                        format!(
                            "the requests of `{service}` before the run can't be counted: {failure}"
                        ),
                    )));
                }
            }
        }
    }
}
