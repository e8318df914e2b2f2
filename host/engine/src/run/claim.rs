//! The claim on the environment: within one store the lease keeps two runs apart, and across stores this does (L11).
//!
//! The environment holds the claim as a shared variable, written without a deploy. Whoever writes it reads it back after a
//! while, so that of two who start in the same instant at most one goes on; and everybody reads it again before each step.

use super::bounds::{MAX_ATTEMPTS, line, pause};
use super::execute::{Execution, Wait};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Journal, News, Reporter, World};
use crate::journal::Event;
use crate::model::{Claim, Failure, Millis, RunId, StepId};

/// Who claims the environment for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The store that the run is kept in.
    pub store: String,
    /// Who runs it.
    pub holder: String,
    /// How long after writing the claim is read back: longer than two writers can miss each other.
    pub settle: Millis,
    /// The run of another store whose claim counts for nothing, because a person says that it is gone.
    pub over: Option<RunId>,
}

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Claims the environment, or sees that the claim is still there. One that somebody took away is written again: without it
    /// another store's run would begin.
    pub(super) async fn hold_claim(&mut self, step: &StepId) -> Result<(), Interrupt> {
        let Some(claimant) = self.options.claimant.clone() else { return Ok(()) };
        if self.claim_is_there(step, &claimant).await? && self.claimed {
            return Ok(());
        }
        let claim = self.own_claim(&claimant);
        self.put_claim(step, &claim).await?;
        self.ports.clock.sleep(claimant.settle).await;
        self.claim_is_there(step, &claimant).await?;
        self.claimed = true;
        Ok(self.note(Event::Claimed { store: claimant.store })?)
    }

    /// Says that the run is over, before its last record: a process that dies in between leaves a run that changes nothing
    /// more. Who comes next need not ask; where it can't be said, the next run of this store goes on all the same, and one
    /// of another store has a person to ask.
    pub(super) async fn give_claim_back(&self) {
        let Some(claimant) = &self.options.claimant else { return };
        let own = |claim: &Claim| claim.store == claimant.store && claim.run == self.run;
        let found = self.ports.world.claim().await.ok().flatten();
        let Some(claim) = found.as_deref().and_then(Claim::from_text).filter(own) else { return };
        let Ok(text) = (Claim { over: true, ..claim }).to_text() else { return };
        if let Err(failure) = self.ports.world.put_claim(&text).await {
            let note = format!("the claim on the environment could not be given back: {failure}");
            self.ports.reporter.report(News::Note(note));
        }
    }

    fn own_claim(&self, claimant: &Claimant) -> Claim {
        let (store, holder) = (claimant.store.clone(), claimant.holder.clone());
        Claim::new(self.run.clone(), store, holder, self.epoch.0, self.ports.clock.now())
    }

    /// Returns whether this store claims the environment; nobody does otherwise.
    async fn claim_is_there(&self, step: &StepId, claimant: &Claimant) -> Result<bool, Interrupt> {
        let mut attempt = 0;
        let found = loop {
            match self.ports.world.claim().await {
                Ok(found) => break found,
                Err(failure) => self.again(step, failure, &mut attempt).await?,
            }
        };
        let Some(text) = found.filter(|text| !text.is_empty()) else { return Ok(false) };
        let Some(claim) = Claim::from_text(&text) else {
            let by = format!("something that this version can't read: {}", line(&text));
            return Err(Interrupt::Wait(Wait::Claimed { by }));
        };
        if claim.over || claimant.over.as_ref() == Some(&claim.run) {
            return Ok(false);
        }
        if claim.store == claimant.store {
            return Ok(claim.run == self.run);
        }
        let Claim { run, holder, store, .. } = &claim;
        let minutes = self.ports.clock.now().since(claim.since).0 / 60_000;
        let by = line(&format!("run {run} of {holder}, kept in store {store}, for {minutes} min"));
        Err(Interrupt::Wait(Wait::Claimed { by }))
    }

    async fn put_claim(&self, step: &StepId, claim: &Claim) -> Result<(), Interrupt> {
        let text = claim.to_text().map_err(|error| {
            Interrupt::Unread(Failure::permanent("claim:text", error.to_string()))
        })?;
        let mut attempt = 0;
        loop {
            match self.ports.world.put_claim(&text).await {
                Ok(()) => return Ok(()),
                Err(failure) => self.again(step, failure, &mut attempt).await?,
            }
        }
    }

    /// Waits before something is tried again, where that may help.
    pub(super) async fn again(
        &self,
        step: &StepId,
        failure: Failure,
        attempt: &mut u32,
    ) -> Result<(), Interrupt> {
        let Failure::Transient(_) = failure else { return Err(Interrupt::Unread(failure)) };
        if *attempt >= MAX_ATTEMPTS {
            return Err(Interrupt::Unread(failure));
        }
        let wait = pause(*attempt);
        self.ports.reporter.report(News::Retrying(step.clone(), failure, wait));
        self.listen()?;
        self.nap(wait).await;
        *attempt += 1;
        Ok(())
    }
}
