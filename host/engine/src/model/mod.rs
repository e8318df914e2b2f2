//! The nouns: data that the other modules, the plan file and the journal share. No I/O, no clock, no decision.

mod call;
mod canary;
mod canonical;
mod claim;
mod composite;
mod digest;
mod draft;
mod effect;
mod fact;
mod failure;
mod kind;
mod name;
mod plan;
mod plugin;
mod railway;
mod redis;
mod section;
mod survey;
mod time;
mod transfer;
mod trigger;
mod wire;

pub use call::{Answer, Call, HttpMethod, Job, Level, Read, Reading, Request, Response, Rows};
pub use canary::{
    BITS, CANARIES, CANARIES_FOLLOW, Canary, CanaryTally, Following, Gap, NotRising, Numbers,
    Placed,
};
pub use canonical::canonical;
pub use claim::Claim;
pub use composite::{Composite, Preview, Previewed, ReadCompositeError, Stage};
pub use digest::{Digest, ParseDigestError};
pub use draft::{
    ACCEPTED, Draft, Drive, Finding, Gate, Observation, Outage, OutageKind, Pending, Progress,
    Sample, Severity, Step, StepCall, Undo, Verdict, Watch,
};
pub use effect::{
    Affects, Allowed, Argument, ArgumentRule, Assignment, Atomicity, Capture, Composed,
    DeploySource, Effect, Message, Peer, Piece, Proof, REDACTED, Recipe, ServiceRef, Statement,
    Times,
};
pub(crate) use fact::deployment_id;
pub use fact::{Fact, Value, attention, facts_size};
pub use failure::{Denial, Failure, Problem, UNSEEN};
pub use kind::{Kind, Made};
pub use name::{CompositeId, Label, NameError, RunId, StepId};
pub use plan::{
    Authority, Environment, Evidence, FrozenStep, FrozenUndo, Measured, Pin, Plan, PluginPin,
    ReadPlanError, Way,
};
pub use plugin::{Bound, Description, Grantable, Rule, Target, Version};
pub use railway::{
    Backup, Deployment, DeploymentStatus, Location, LogLine, MovedVariable, Published, Service,
    Tally, Template, TemplateService, Variable, VariableValue, Volume,
};
pub use redis::{Keyspace, Node, Print};
pub use section::{MAX_OUTAGE, OVERDUE, SECTION, Section};
pub use survey::{Survey, Surveyed};
pub use time::{Millis, Moment};
pub use transfer::{Indexes, SchemaPart, Scope, Transfer};
pub use trigger::{HostWatch, ONE_OF_SEVERAL, Share, Trigger, Triggers, UnknownTrigger};
pub use wire::{Extra, Hex};
