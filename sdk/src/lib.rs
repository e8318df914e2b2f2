//! What a Lockstep plugin is written with: the contract's types and functions, and comfort around them.
//!
//! A plugin implements [`Guest`] for a type of its own and names it to [`export!`]. Everything it may read comes in through
//! the traits of [`outside`], so that its logic runs in native tests against scripted answers; the real answers come from
//! [`Live`]. What it declares goes out through [`Declare`].
//!
//! The crate decides nothing for a plugin. [`blocks`] holds the parts that plans of several components share. With the feature
//! `testing` there is `testing`: what native tests script a stack with, and what they demand of every plan.

pub mod answer;
pub mod bindings;
pub mod blocks;
pub mod declare;
pub mod describe;
pub mod draft;
pub mod fact;
pub mod failure;
pub mod finding;
pub mod history;
pub mod image;
pub mod json;
pub mod make;
pub mod outside;
pub mod quote;
pub mod running;
pub mod step;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod version;

mod contract;
mod export;

pub use contract::{
    Allowed, Argument, ArgumentRule, Assignment, Backup, Bound, Capture, Deployment,
    DeploymentStatus, Description, Draft, Drive, Fact, Failure, Finding, Gate, Guest, Indexes, Job,
    KeySummary, Location, LogLine, Message, Method, MovedVariable, Node, Observation, Outage,
    OutageKind, Peer, Pending, Piece, Print, Problem, Progress, Proof, Publication, Request,
    Response, Rows, Rule, Sample, SchemaPart, Scope, Service, ServiceRef, Severity, Step, StepCall,
    Tally, Target, Template, TemplateService, Times, Undo, Value, Variable, VariableValue, Verdict,
    Version, Volume, Watch,
};
pub use declare::{Declare, DeclareBlocks, DeclareHttp, DeclareSql, DeclareTransfers};
pub use fact::Facts;
pub use make::DeclareMade;
pub use outside::Live;
