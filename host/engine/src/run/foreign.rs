//! Other people's hands: a deployment, a staged change or a change of a database's schema that this run did not make stops it
//! before the next step.
//!
//! One owner at a time: a colleague, or an update of Railway's own, in the middle of an upgrade makes what was approved
//! something else than what happens.

use std::collections::BTreeMap;

use super::bounds::line;
use super::execute::{Execution, RunError};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Journal, News, Reporter, World};
use crate::journal::{Direction, Event};
use crate::model::{Deployment, Failure, Kind, Read, Reading, ServiceRef, StepId};

/// How many objects of a schema are named that changed.
const NAMED: usize = 5;

/// How many deployments are looked through: more than anybody makes between two steps.
const DEPLOYMENTS: u32 = 10;

impl<'a, W, J, C, R, K> Execution<'a, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Looks whether somebody else changed what the plan is about since the run began. What is found is recorded, so that
    /// whoever resumes the run has accepted it.
    pub(super) async fn beware_of_others(&mut self, step: &StepId) -> Result<(), Interrupt> {
        self.beware_of_schemas(step).await?;
        if self.authority.pins.is_empty() {
            return Ok(());
        }
        let Reading::Staged(staged) = self.surely(step, &Read::Staged).await? else {
            return Err(unexpected("staged changes"));
        };
        if let Some(change) = staged.first() {
            return Err(Interrupt::Moved(format!(
                "somebody else staged changes, which the next deployment would carry out: {}; commit or discard them",
                line(change)
            )));
        }
        let there = self.authority.pins.keys().filter(|service| !self.has_deleted(service));
        let services: Vec<String> = there.cloned().collect();
        for service in services {
            let read = Read::Deployments(ServiceRef::Named(service.clone()), DEPLOYMENTS);
            let Reading::Deployments(found) = self.surely(step, &read).await? else {
                return Err(unexpected("deployments"));
            };
            let newest = found.first().map(|deployment| deployment.id.clone());
            let Some(known) = self.state.deployments.get(&service).cloned() else {
                self.note(Event::Stands { service, deployment: newest })?;
                continue;
            };
            if let Some(foreign) = self.foreign(known.as_deref(), &found) {
                self.note(Event::Stands { service: service.clone(), deployment: newest })?;
                return Err(Interrupt::Moved(format!(
                    "somebody else deployed service `{service}` since the run began: {foreign}; see that it is what you want"
                )));
            }
        }
        Ok(())
    }

    async fn beware_of_schemas(&mut self, step: &StepId) -> Result<(), Interrupt> {
        for connection in self.databases_that_run() {
            let objects = self.surely_schema(step, connection).await?;
            let known = self.state.schemas.get(connection).cloned().unwrap_or_default();
            if known.now == objects {
                continue;
            }
            // What was put back is as it was, and what could not be read says nothing.
            let expected = known.now.is_empty() || known.before == objects;
            let changed = (!expected).then(|| changed(&known.now, &objects));
            self.note(Event::Schema { connection: connection.to_owned(), objects })?;
            if let Some(changed) = changed {
                return Err(Interrupt::Moved(format!(
                    "somebody else changed the schema behind connection `{connection}` since the run looked last: {changed}; see that it is what you want"
                )));
            }
        }
        Ok(())
    }

    /// Takes the schemas as they stand: what changed while a step went on was the step's doing, as far as anybody can tell.
    /// Inside a critical section nothing waits for that. What can't be read now is not known, and a step does not fail by it.
    pub(super) async fn accept_schemas(&mut self) -> Result<(), RunError> {
        let forward = self.state.direction == Direction::Forward;
        if !forward || self.section().is_some() {
            return Ok(());
        }
        for connection in self.databases_that_run() {
            let objects = self.ports.world.schema(connection).await.unwrap_or_else(|failure| {
                let note = format!(
                    "the schema behind connection `{connection}` can't be read, so nobody knows whether it changes until the next step: {failure}"
                );
                self.ports.reporter.report(News::Note(note));
                BTreeMap::new()
            });
            if self.state.schemas.get(connection).is_none_or(|known| known.now != objects) {
                self.note(Event::Schema { connection: connection.to_owned(), objects })?;
            }
        }
        Ok(())
    }

    /// Returns the databases that the plan changes, without those that it has not brought up yet, and those that it has stopped
    /// for good or begun to.
    fn databases_that_run(&self) -> Vec<&'a str> {
        let runs = |connection: &&str| {
            let begins = self.authority.begun.get(*connection);
            let stops = self.authority.stopped.get(*connection);
            begins.is_none_or(|step| self.is_done(step))
                && stops.is_none_or(|step| self.state.step(step).round == 0)
        };
        self.databases.iter().copied().filter(runs).collect()
    }

    async fn surely_schema(
        &self,
        step: &StepId,
        connection: &str,
    ) -> Result<BTreeMap<String, String>, Interrupt> {
        let mut attempt = 0;
        loop {
            let failure = match self.ports.world.schema(connection).await {
                Ok(objects) => return Ok(objects),
                Err(failure) => failure,
            };
            match self.again(step, failure, &mut attempt).await {
                // Somebody who rewrites a table keeps it from being read: nothing of the step is wrong.
                Err(Interrupt::Unread(failure)) => {
                    return Err(Interrupt::Moved(format!(
                        "the schema behind connection `{connection}` can't be read: {failure}"
                    )));
                }
                other => other?,
            }
        }
    }

    /// Shows what other people did while nothing waited for anybody. Where that matters, the next step stops for it.
    pub(super) async fn show_others(&self) {
        let mut seen = Vec::new();
        if let Ok(Reading::Staged(staged)) = self.ports.world.read(&Read::Staged).await {
            seen.extend(staged.first().map(|it| format!("staged changes: {}", line(it))));
        }
        for service in self.authority.pins.keys() {
            let read = Read::Deployments(ServiceRef::Named(service.clone()), DEPLOYMENTS);
            let Some(known) = self.state.deployments.get(service) else { continue };
            if let Ok(Reading::Deployments(found)) = self.ports.world.read(&read).await {
                let foreign = self.foreign(known.as_deref(), &found);
                seen.extend(foreign.map(|it| format!("deployed service `{service}`: {it}")));
            }
        }
        for words in seen {
            let note = format!("inside the critical section somebody else {words}");
            self.ports.reporter.report(News::Note(note));
        }
    }

    /// Returns whether the run has deleted a service, or may have.
    pub(super) fn has_deleted(&self, service: &str) -> bool {
        let deletes = |kind: &Kind| matches!(kind, Kind::DeleteService { service: ServiceRef::Named(name) } if name == service);
        let mut effects = self.authority.effects.values();
        effects.any(|effect| deletes(&effect.kind) && self.state.began(&effect.label))
    }

    /// Returns the newest deployment of a service since `known` that this run did not make.
    fn foreign(&self, known: Option<&str>, found: &[Deployment]) -> Option<String> {
        let mut since = found.iter().take_while(|it| known != Some(it.id.as_str()));
        since.find(|it| !self.state.made.contains(&it.id)).map(shown)
    }

    /// Reads, again and again while the failure may pass.
    async fn surely(&self, step: &StepId, read: &Read) -> Result<Reading, Interrupt> {
        let mut attempt = 0;
        loop {
            match self.ports.world.read(read).await {
                Ok(reading) => return Ok(reading),
                Err(failure) => self.again(step, failure, &mut attempt).await?,
            }
        }
    }
}

/// Names what differs between two schemas, the first few of it.
fn changed(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> String {
    let gone = before.keys().filter(|it| !now.contains_key(*it)).map(|it| format!("{it} is gone"));
    let other = now.iter().filter_map(|(object, hash)| match before.get(object) {
        None => Some(format!("{object} is new")),
        Some(known) if known != hash => Some(format!("{object} is another")),
        Some(_) => None,
    });
    let all: Vec<String> = gone.chain(other).collect();
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(NAMED);
    line(&if more == 0 { named } else { format!("{named}, and {more} more") })
}

fn unexpected(asked: &str) -> Interrupt {
    let text = format!("asked for {asked} and was answered something else");
    Interrupt::Unread(Failure::permanent("engine:reading", text))
}

fn shown(deployment: &Deployment) -> String {
    let image = deployment.image.as_deref().unwrap_or("built from a repository");
    line(&format!("{} ({image})", deployment.id))
}
