//! Other people's hands: a deployment or a staged change that this run did not make stops it before the next step.
//!
//! One owner at a time: a colleague, or an update of Railway's own, in the middle of an upgrade makes what was approved
//! something else than what happens.

use super::bounds::line;
use super::execute::Execution;
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Journal, News, Reporter, World};
use crate::journal::Event;
use crate::model::{Deployment, Failure, Read, Reading, ServiceRef, StepId};

/// How many deployments are looked through: more than anybody makes between two steps.
const DEPLOYMENTS: u32 = 10;

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
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
        let services: Vec<String> = self.authority.pins.keys().cloned().collect();
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

fn unexpected(asked: &str) -> Interrupt {
    let text = format!("asked for {asked} and was answered something else");
    Interrupt::Unread(Failure::permanent("engine:reading", text))
}

fn shown(deployment: &Deployment) -> String {
    let image = deployment.image.as_deref().unwrap_or("built from a repository");
    line(&format!("{} ({image})", deployment.id))
}
