//! The whole life of a run: planning, freezing, gates, rounds, effects, rollback, resuming. The ports are here too.

mod apply;
mod bounds;
mod claim;
mod denials;
mod effect;
mod execute;
mod foreign;
mod interrupt;
mod judge;
mod ledger;
mod look;
mod plan;
mod port;
mod rollback;
mod running;
mod section;
mod seen;
mod span;
mod step;
mod traffic;
mod watch;
mod window;

pub use claim::Claimant;
pub use execute::{Ended, Execution, OnFailure, Options, Ports, RunError, Wait};
pub use plan::{PlanError, Planner, difference};
pub use port::{
    AppendError, Clock, Control, Follow, Guest, GuestError, Host, Journal, News, Reporter,
    TrapKind, Window, Wish, World,
};
