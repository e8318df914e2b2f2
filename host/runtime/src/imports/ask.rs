//! The ways of asking the engine.

use lockstep_engine::model::{Answer, Call, Effect, Failure, Kind, Read, Reading};

use crate::bindings::lockstep::plugin::types;
use crate::convert::{Inward, Outward, Refused, name};
use crate::instance::{Instance, mismatch};

/// What an import returns: the outer error stops the plugin, the inner one is the plugin's to decide on.
pub(super) type Answered<T> = wasmtime::Result<Result<T, types::Failure>>;

/// Makes a function that takes one kind of reading and no other.
macro_rules! only {
    ($kind:ident) => {
        |reading| if let Reading::$kind(found) = reading { Some(found) } else { None }
    };
}
pub(super) use only;

impl types::Host for Instance {}

impl Instance {
    /// Reads something.
    pub(super) async fn read<T: Outward>(
        &mut self,
        read: Result<Read, Refused>,
        only: impl FnOnce(Reading) -> Option<T> + Send,
    ) -> Answered<T::Outside> {
        match read {
            Ok(read) => self.reading(Call::Read(read), only).await,
            Err(refused) => Ok(Err(refusal(refused))),
        }
    }

    /// Asks what is answered by a reading.
    pub(super) async fn reading<T: Outward>(
        &mut self,
        call: Call,
        only: impl FnOnce(Reading) -> Option<T> + Send,
    ) -> Answered<T::Outside> {
        match self.ask(call).await? {
            Answer::Read(Ok(reading)) => {
                only(reading).map(|found| Ok(found.outward())).ok_or_else(|| mismatch("a read"))
            }
            Answer::Read(Err(failure)) => Ok(Err(failure.outward())),
            Answer::Declared(_) | Answer::Performed(_) | Answer::Progressed(_) | Answer::Logged => {
                Err(mismatch("a read"))
            }
        }
    }

    /// Declares an effect.
    pub(super) async fn declare(&mut self, effect: Result<Effect, Refused>) -> Answered<()> {
        let effect = match effect {
            Ok(effect) => effect,
            Err(refused) => return Ok(Err(refusal(refused))),
        };
        match self.ask(Call::Declare(effect)).await? {
            Answer::Declared(declared) => Ok(declared.map_err(Outward::outward)),
            Answer::Read(_) | Answer::Performed(_) | Answer::Progressed(_) | Answer::Logged => {
                Err(mismatch("a declaration"))
            }
        }
    }

    /// Declares an effect that takes no arguments and is performed once.
    pub(super) async fn declare_plain(
        &mut self,
        label: &str,
        kind: impl FnOnce() -> Result<Kind, Refused> + Send,
    ) -> Answered<()> {
        let effect = name(label).and_then(|label| Ok(Effect::plain(label, kind()?)));
        self.declare(effect.map_err(|refused| refused.within(&format!("effect {label:?}")))).await
    }

    /// Declares an effect with rules for its arguments.
    pub(super) async fn declare_ruled(
        &mut self,
        label: &str,
        rules: Vec<types::ArgumentRule>,
        times: types::Times,
        proof: types::Proof,
        kind: impl FnOnce() -> Result<Kind, Refused> + Send,
    ) -> Answered<()> {
        let effect = name(label).and_then(|label| {
            let (rules, times, proof) = (rules.inward()?, times.inward()?, proof.inward()?);
            Ok(Effect { label, kind: kind()?, rules, times, proof })
        });
        self.declare(effect.map_err(|refused| refused.within(&format!("effect {label:?}")))).await
    }
}

/// Returns what a plugin is told whose words the engine does not have.
pub(super) fn refusal(refused: Refused) -> types::Failure {
    Failure::permanent("contract:unknown", refused.0).outward()
}
