//! `effects`: performing what was declared.

use lockstep_engine::model::{Answer, Call};

use super::ask::{Answered, refusal};
use crate::bindings::lockstep::plugin::effects::{Argument, Host, Job};
use crate::bindings::lockstep::plugin::types::Fact;
use crate::convert::{Inward as _, Outward, name};
use crate::instance::{Instance, mismatch};

impl Host for Instance {
    async fn perform(&mut self, label: String, arguments: Vec<Argument>) -> Answered<Vec<Fact>> {
        let call =
            match name(&label).and_then(|label| Ok(Call::Perform(label, arguments.inward()?))) {
                Ok(call) => call,
                Err(refused) => return Ok(Err(refusal(refused))),
            };
        match self.ask(call).await? {
            Answer::Performed(Ok(facts)) => Ok(Ok(facts.outward())),
            Answer::Performed(Err(failure)) => Ok(Err(failure.outward())),
            Answer::Read(_) | Answer::Declared(_) | Answer::Progressed(_) | Answer::Logged => {
                Err(mismatch("effects.perform"))
            }
        }
    }

    async fn progress(&mut self, label: String) -> Answered<Option<Job>> {
        let call = match name(&label) {
            Ok(label) => Call::Progress(label),
            Err(refused) => return Ok(Err(refusal(refused))),
        };
        match self.ask(call).await? {
            Answer::Progressed(Ok(job)) => Ok(Ok(job.outward())),
            Answer::Progressed(Err(failure)) => Ok(Err(failure.outward())),
            Answer::Read(_) | Answer::Declared(_) | Answer::Performed(_) | Answer::Logged => {
                Err(mismatch("effects.progress"))
            }
        }
    }
}
