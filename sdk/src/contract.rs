//! The contract's nouns under one roof. The only place that spells out where each of them lives in the bindings.

pub use crate::bindings::exports::lockstep::plugin::upgrade::{
    Bound, Description, Draft, Drive, Finding, Gate, Guest, Observation, Outage, OutageKind,
    Pending, Progress, Request, Rule, Sample, Severity, Step, StepCall, Target, Undo, Verdict,
    Version, Watch,
};
pub use crate::bindings::lockstep::plugin::effects::{Argument, Job};
pub use crate::bindings::lockstep::plugin::http::Response;
pub use crate::bindings::lockstep::plugin::http_effects::{Capture, Message, Method};
pub use crate::bindings::lockstep::plugin::railway::{
    Backup, Deployment, DeploymentStatus, Location, LogLine, Publication, Service, Tally, Template,
    TemplateService, Variable, VariableValue, Volume,
};
pub use crate::bindings::lockstep::plugin::railway_effects::{Assignment, MovedVariable};
pub use crate::bindings::lockstep::plugin::redis::{KeySummary, Node, Print};
pub use crate::bindings::lockstep::plugin::sql::Rows;
pub use crate::bindings::lockstep::plugin::sql_effects::{Indexes, Part as SchemaPart, Scope};
pub use crate::bindings::lockstep::plugin::types::{
    Allowed, ArgumentRule, Fact, Failure, Peer, Piece, Problem, Proof, ServiceRef, Times, Value,
};
