//! The vocabulary of the journal, the chain that holds its records together, and the state that is folded from them.

mod canary_state;
mod effect_state;
mod event;
mod record;
mod rounds;
mod run_state;
mod step_state;
mod watch_state;

pub use canary_state::CanaryState;
pub use event::{Direction, End, Event, Fate, Intent, Sent, Standing, standing_of};
pub use record::{BrokenChain, Epoch, Head, Linked, Record};
pub use run_state::{IllegalRecord, Phase, RunState, SchemaState};
pub use step_state::{Outcome, Performed, StepState, StepStatus};
pub use watch_state::WatchState;
