//! An outside that answers at once, so that what is measured is what a run itself does.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_engine::journal::{Fate, Intent, Sent, Standing};
use lockstep_engine::model::{
    Canary, CanaryTally, Description, Draft, Effect, Fact, Failure, Kind, Millis, Moment, Numbers,
    Observation, Placed, Progress, Read, Reading, Sample, StepCall, Survey, Target,
};
use lockstep_engine::policy::Admitted;
use lockstep_engine::run::{
    Clock, Control, Follow, Guest, GuestError, Host, News, Reporter, Window, Wish, World,
};

/// Every port but the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside;

/// Returns how it stands where `effect` sets variables that are not there.
pub(super) fn nothing_stands(effect: &Effect) -> Standing {
    let Kind::SetVariables { assignments, .. } = &effect.kind else { return Standing::new() };
    assignments.iter().map(|assignment| (assignment.name.clone(), None)).collect()
}

/// Returns the failure of whatever this plan never asks for.
fn unused(what: &str) -> Failure {
    Failure::permanent("bench:unused", format!("`{what}` is not part of the measurement"))
}

impl World for Outside {
    async fn survey(&self) -> Result<Survey, Failure> {
        Ok(super::shape::survey())
    }

    /// Nobody else is at work.
    async fn read(&self, read: &Read) -> Result<Reading, Failure> {
        if matches!(read, Read::Staged) {
            return Ok(Reading::Staged(Vec::new()));
        }
        if matches!(read, Read::Deployments(..)) {
            return Ok(Reading::Deployments(Vec::new()));
        }
        Err(unused("any other read"))
    }

    async fn claim(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn put_claim(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }

    async fn standing(&self, effect: &Admitted) -> Result<Standing, Failure> {
        Ok(nothing_stands(effect.effect()))
    }

    async fn send(&self, _: &Admitted, _: &Intent) -> Sent {
        Sent::Done(Vec::new())
    }

    async fn settle(&self, _: &Admitted, _: &Intent) -> Fate {
        Fate::CannotTell("nothing is ever settled here".to_owned())
    }

    async fn follow(&self, _: &Admitted, _: &Intent, _: &[Fact]) -> Result<Follow, Failure> {
        Ok(Follow::Finished(Vec::new()))
    }

    async fn fence(&self, _: &Admitted) {}

    async fn schema(&self, _: &str) -> Result<BTreeMap<String, String>, Failure> {
        Ok(BTreeMap::new())
    }

    fn begin_canaries(&self, _: Vec<Placed>, _: Moment) {}

    async fn end_canaries(&self) {}

    fn tallies(&self) -> Vec<(Canary, CanaryTally)> {
        Vec::new()
    }

    async fn missing(&self, _: &Canary, _: &Numbers) -> Result<Numbers, Failure> {
        Ok(Numbers::default())
    }

    async fn let_go(&self) {}
}

impl Guest for Outside {
    async fn describe(&mut self) -> Result<Description, GuestError> {
        Err(GuestError::Host {
            function: "describe".to_owned(),
            message: unused("describe").to_string(),
        })
    }

    async fn plan(
        &mut self,
        _: &Target,
        _: &mut impl Host,
    ) -> Result<Result<Draft, Failure>, GuestError> {
        Ok(Err(unused("plan")))
    }

    async fn observe(
        &mut self,
        _: &StepCall,
        _: &[Fact],
        _: &mut impl Host,
    ) -> Result<Result<Observation, Failure>, GuestError> {
        Ok(Ok(Observation::Ready(Vec::new())))
    }

    async fn apply(
        &mut self,
        _: &StepCall,
        _: &mut impl Host,
    ) -> Result<Result<Vec<Fact>, Failure>, GuestError> {
        Ok(Err(unused("apply")))
    }

    async fn check(
        &mut self,
        _: &StepCall,
        _: &[Fact],
        _: &mut impl Host,
    ) -> Result<Result<Progress, Failure>, GuestError> {
        Ok(Ok(Progress::Done(Vec::new())))
    }

    async fn probe(
        &mut self,
        _: &str,
        _: &StepCall,
        _: &mut impl Host,
    ) -> Result<Result<Sample, Failure>, GuestError> {
        Ok(Err(unused("probe")))
    }
}

impl Clock for Outside {
    fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep(&self, length: Millis) {
        tokio::time::sleep(length.duration()).await;
    }
}

impl Control for Outside {
    fn wish(&self) -> Option<Wish> {
        None
    }

    fn window(&self, _: Moment, _: Millis) -> Window {
        Window::Always
    }
}

impl Reporter for Outside {
    fn report(&self, _: News) {}
}
