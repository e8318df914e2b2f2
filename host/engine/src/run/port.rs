//! What the engine needs from outside, in its own words. Real drivers and the simulation implement the same traits.

#![expect(
    async_fn_in_trait,
    reason = "the engine is generic over its ports and needs no Send bound of them"
)]

use std::collections::BTreeMap;

use crate::journal::{Epoch, Fate, Head, Intent, Linked, Sent, Standing};
use crate::model::{
    Answer, Call, Canary, CanaryTally, Description, Draft, Fact, Failure, Label, Level, Millis,
    Moment, Numbers, Observation, Placed, Problem, Progress, Read, Reading, RunId, Sample,
    StepCall, StepId, Survey, Target, Verdict,
};
use crate::policy::Admitted;

/// How far a long effect is.
#[derive(Clone, Debug, PartialEq)]
pub enum Follow {
    /// It ended well, and gave these facts. Effects that end with their answer are always here.
    Finished(Vec<Fact>),
    /// Not yet.
    Going {
        /// Look again after this long.
        after: Millis,
        /// What is going on.
        note: String,
    },
    /// It ended badly: what is to be seen.
    Failed(String),
}

/// The outside: reads, effects, and what became of them.
pub trait World {
    /// Looks at the environment's services.
    async fn survey(&self) -> Result<Survey, Failure>;

    /// Reads. Everything it answers has been searched for secrets.
    async fn read(&self, read: &Read) -> Result<Reading, Failure>;

    /// Returns every object of the schema of the database behind a connection, with a hash of what defines it.
    async fn schema(&self, connection: &str) -> Result<BTreeMap<String, String>, Failure>;

    /// Returns the claim on the environment as it is written there, if anything is.
    async fn claim(&self) -> Result<Option<String>, Failure>;

    /// Writes the claim on the environment. Nothing else comes of it: no deploy.
    async fn put_claim(&self, text: &str) -> Result<(), Failure>;

    /// Returns what stands where `effect` changes something.
    async fn standing(&self, effect: &Admitted) -> Result<Standing, Failure>;

    /// Sends `effect`. Called only after `intent` is durable; retries nothing.
    async fn send(&self, effect: &Admitted, intent: &Intent) -> Sent;

    /// Ends every connection of Lockstep's by which `effect` may still be carried out, where the far side knows connections by
    /// name: those of another process, and those that this one gave up. Called when nobody is in time to send any more.
    async fn fence(&self, effect: &Admitted);

    /// Finds out what became of `intent`, whose `not_after` is the last moment at which it can have been sent. An effect
    /// did not happen only when nothing sent by then can still bring it about. Changes nothing.
    async fn settle(&self, effect: &Admitted, intent: &Intent) -> Fate;

    /// Looks how far a done effect is that began with `intent` and gave `outcome`: nothing where a person said that it
    /// happened. Changes nothing.
    async fn follow(
        &self,
        effect: &Admitted,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure>;

    /// Has `canaries` written again and again beside the run until `end_canaries`, each at its place and numbered by its
    /// intervals since `began`. Does nothing while that goes on already, but for those whose place is another one now: when
    /// this returns none is acknowledged at the former place any more.
    fn begin_canaries(&self, canaries: Vec<Placed>, began: Moment);

    /// Ends that. When this returns no canary is under way any more.
    async fn end_canaries(&self);

    /// Returns what became of the canaries since the last call.
    fn tallies(&self) -> Vec<(Canary, CanaryTally)>;

    /// Returns those of the acknowledged numbers that are not at the place where `canary` is kept.
    async fn missing(&self, canary: &Canary, acknowledged: &Numbers) -> Result<Numbers, Failure>;

    /// Lifts every block on writes that this process holds. Called whenever the process leaves a run, for whatever reason:
    /// nobody is waited for with writes blocked.
    async fn let_go(&self);
}

/// The host as a plugin's function sees it while it runs.
pub trait Host {
    /// Answers one call. What the function may not ask is answered `denied`.
    async fn answer(&mut self, call: Call) -> Answer;
}

/// Why a plugin's function was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// It used up its fuel.
    Fuel,
    /// It wanted more memory or larger tables than allowed.
    Memory,
    /// It recursed too deep.
    Stack,
    /// It panicked or hit an unreachable instruction.
    Panic,
    /// It called the host too often.
    Calls,
    /// It answered with more than allowed, or with something that the contract does not know.
    Answer,
    /// Anything else that breaks the rules of WebAssembly.
    Other,
}

/// A plugin's function did not return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The plugin broke the rules. It is not called again for this step.
    #[error("the plugin was stopped in `{function}`: {message}")]
    Trap {
        /// What kind of breach.
        kind: TrapKind,
        /// The function that ran.
        function: String,
        /// What happened, for people, with the panic's text where there is one.
        message: String,
    },
    /// The host could not run it: no fault of the plugin.
    #[error("could not run the plugin's `{function}`: {message}")]
    Host {
        /// The function.
        function: String,
        /// Why.
        message: String,
    },
}

/// A plugin. Each call runs in a fresh instance.
pub trait Guest {
    /// Returns what is constant about the plugin.
    async fn describe(&mut self) -> Result<Description, GuestError>;

    /// Proposes a plan.
    async fn plan(
        &mut self,
        target: &Target,
        host: &mut impl Host,
    ) -> Result<Result<Draft, Failure>, GuestError>;

    /// Looks whether a step may start.
    async fn observe(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Result<Result<Observation, Failure>, GuestError>;

    /// Performs a guided step's effects.
    async fn apply(
        &mut self,
        call: &StepCall,
        host: &mut impl Host,
    ) -> Result<Result<Vec<Fact>, Failure>, GuestError>;

    /// Looks whether a step has reached its end.
    async fn check(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Result<Result<Progress, Failure>, GuestError>;

    /// Takes one look for a watch.
    async fn probe(
        &mut self,
        watch: &str,
        call: &StepCall,
        host: &mut impl Host,
    ) -> Result<Result<Sample, Failure>, GuestError>;
}

/// Why records were not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Another process holds the run now. Nothing was written.
    #[error("another process has taken over the run (lease {epoch:?} is no longer the newest)")]
    Superseded {
        /// The lease that was lost.
        epoch: Epoch,
    },
    /// The journal's end is not where this process believes it is. Nothing was written.
    #[error("the journal does not end where this process left it")]
    Diverged,
    /// The store failed. The records may be durable after all, so this process must not go on.
    #[error("could not write the journal: {0}")]
    Store(String),
}

/// The journal of one store.
pub trait Journal {
    /// Appends `records`, which follow `after`, in one transaction. When this returns `Ok` they survive a crash.
    ///
    /// # Errors
    /// See [`AppendError`]: after [`AppendError::Store`] the records may exist.
    async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        records: &[Linked],
    ) -> Result<(), AppendError>;
}

/// Time.
pub trait Clock {
    /// Returns the present moment.
    fn now(&self) -> Moment;

    /// Waits.
    async fn sleep(&self, length: Millis);
}

/// What a person wants of a run that is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Stop where it is safe, leaving the run resumable.
    Pause,
    /// Roll back, and why.
    RollBack(String),
}

/// Whether the operator allows changes at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// No windows are configured.
    Always,
    /// A window is open, and enough of it is left.
    Open {
        /// When it closes.
        until: Moment,
    },
    /// No window with enough time left is open.
    Closed {
        /// When the next one opens that is long enough; none if no window ever is.
        opens: Option<Moment>,
    },
}

/// What people want of the run meanwhile.
pub trait Control {
    /// Returns the newest wish. Asked between effects and while waiting.
    fn wish(&self) -> Option<Wish>;

    /// Returns whether a maintenance window is open at `now` with so much time left.
    fn window(&self, now: Moment, needs: Millis) -> Window;
}

/// News for people; never stored, never read back.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A step begins, or goes on after an interruption.
    StepStarted(StepId),
    /// An effect is sent.
    Sending(StepId, Label),
    /// An effect was done.
    Sent(StepId, Label),
    /// An effect's fate is being found out.
    Settling(StepId, Label),
    /// Something is waited for: what, how much is done, of how much.
    Waiting(StepId, String, Option<u64>, Option<u64>),
    /// A call failed and is tried again after this long.
    Retrying(StepId, Failure, Millis),
    /// The step is done; why nothing had to be done, if nothing had to.
    StepDone(StepId, Option<String>),
    /// The step failed.
    StepFailed(StepId, Failure),
    /// The run turns round, and why.
    TurnedBack(String),
    /// The plugin was denied this and went on. A plugin that asks again and again is denied again and again.
    Denied(Problem),
    /// The plugin says something.
    PluginSays(Level, String),
    /// A watch's verdict changed: its name, the verdict, and how it shows.
    Watched(String, Verdict, String),
    /// The host has something to say about the run.
    Note(String),
}

/// Where news goes.
pub trait Reporter {
    /// Tells people. Must not fail and must not wait.
    fn report(&self, news: News);
}
