//! Critical sections (L14): one deadline, nobody is waited for inside, and whatever goes wrong turns the run round at once.
//!
//! Inside, neither the claim nor other people's hands are looked for: each look takes Railway's time while writes wait.
//! Both are looked at right before. What others did meanwhile is shown right after, and stops the step that follows.

use super::execute::{Execution, Wait};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Journal, News, Reporter, World};
use crate::journal::{Direction, Event, Fate};
use crate::model::{Failure, Kind, Label, Millis, Moment, OVERDUE, Section, Step, Way};
use crate::policy::admit;

impl<'a, W, J, C, R, K> Execution<'a, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Returns the section that the run is in, and its deadline, while it can be backed out of. Once something happened
    /// that can't be undone the switch is decided, and the deadline forces nothing any more.
    pub(super) fn section(&self) -> Option<(Section<'a>, Moment)> {
        let authority = self.authority;
        self.state.section(authority).filter(|_| self.no_way_back().is_none())
    }

    /// Begins the section of which `step` is the first step, if it is one. The deadline is durable before the first effect.
    pub(super) fn enter_section(&mut self, step: &Step) -> Result<(), Interrupt> {
        let authority = self.authority;
        let Some(section) = authority.section_of(&step.id) else { return Ok(()) };
        if self.state.sections.contains_key(section.name) {
            return Ok(());
        }
        let deadline = self.ports.clock.now().plus(section.max_outage);
        let name = section.name.to_owned();
        self.ports.reporter.report(News::Note(format!(
            "critical section `{name}`: done within {} ms, or backed out of",
            section.max_outage.0
        )));
        self.within = Some(name.clone());
        let step = step.id.clone();
        Ok(self.note(Event::SectionBegan { section: name, step, deadline })?)
    }

    /// Goes on in a section that another process began only if what blocks writes in it still does.
    pub(super) async fn regain_section(&mut self) -> Result<(), Interrupt> {
        let Some((section, _)) = self.section() else { return Ok(()) };
        if self.within.as_deref() == Some(section.name) {
            return Ok(());
        }
        let authority = self.authority;
        let steps = authority.steps.iter().map(|frozen| &frozen.step);
        for step in steps.filter(|step| step.section() == Some(section.name)) {
            for label in step.effects.iter().filter(|label| self.blocks_writes(label)) {
                self.still_blocks(step, label).await?;
            }
        }
        self.within = Some(section.name.to_owned());
        Ok(())
    }

    /// Returns whether an effect blocks writes, as far as the records tell.
    fn blocks_writes(&self, label: &Label) -> bool {
        let effects = &self.authority.effects;
        let holds = |it: &Kind| matches!(it, Kind::HoldWrites { .. });
        let mut lifting = effects
            .values()
            .filter(|it| matches!(&it.kind, Kind::ReleaseWrites { hold, .. } if hold == label));
        effects.get(label).is_some_and(|it| holds(&it.kind))
            && self.state.began(label)
            && !lifting.any(|it| self.state.began(&it.label))
    }

    async fn still_blocks(&self, step: &Step, label: &Label) -> Result<(), Interrupt> {
        let Some(performed) = self.state.effects.get(label) else { return Ok(()) };
        let intent = &performed.intent;
        let position = usize::try_from(intent.position).unwrap_or(usize::MAX);
        let (authority, run) = (self.authority, &self.run);
        let admitted = admit(authority, &self.state, run, step, label, &intent.arguments, position)
            .map_err(Interrupt::Untold)?;
        match self.ports.world.settle(&admitted, intent).await {
            Fate::Happened(_) => Ok(()),
            Fate::DidNot | Fate::Partly | Fate::StillGoing | Fate::CannotTell(_) => {
                let why = format!("writes are not blocked by `{label}` any more");
                Err(Interrupt::Untold(Failure::permanent("section:lifted", why)))
            }
        }
    }

    /// Stops what is done in a section when its deadline has passed.
    pub(super) fn in_time(&self) -> Result<(), Interrupt> {
        match self.section() {
            Some((section, deadline)) if self.ports.clock.now() >= deadline => {
                let (name, length) = (section.name, section.max_outage.0);
                let why = format!("section `{name}` is over its deadline of {length} ms");
                Err(Interrupt::Untold(Failure::permanent(OVERDUE, why)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Waits, but not beyond the deadline of the section that the run is in.
    pub(super) async fn nap(&self, length: Millis) {
        self.ports.clock.sleep(self.within_section(length)).await;
    }

    /// Returns `length`, or what is left of the section that the run is in.
    pub(super) fn within_section(&self, length: Millis) -> Millis {
        let left = self.section().map(|(_, deadline)| deadline.since(self.ports.clock.now()));
        left.map_or(length, |left| left.min(length))
    }

    /// Returns whether the next undo step belongs to a section: until it is backed out of, nobody can make the run stop.
    pub(super) fn is_backing_out(&self) -> bool {
        if self.state.direction == Direction::Forward || self.state.sections.is_empty() {
            return false;
        }
        let Some(next) = self.next_undo() else { return false };
        self.authority.steps.iter().any(|frozen| {
            let within = |name| self.state.sections.contains_key(name);
            let undoes = matches!(&frozen.way, Way::Steps(ids) if ids.contains(&next));
            undoes && frozen.step.section().is_some_and(within)
        })
    }

    /// Returns why a run turns round that would wait for somebody or something else.
    pub(super) fn rather_than_waiting(&self, wait: &Wait) -> Option<String> {
        let (section, _) = self.section()?;
        let what = match wait {
            Wait::Paused => "a person asked to stop".to_owned(),
            Wait::Claimed { by } => format!("the environment is claimed by {by}"),
            Wait::Gate { .. }
            | Wait::Window { .. }
            | Wait::Soak { .. }
            | Wait::Moved(_)
            | Wait::Until(_) => "the run would wait".to_owned(),
        };
        Some(format!("{what} inside section `{}`, where nothing waits", section.name))
    }
}
