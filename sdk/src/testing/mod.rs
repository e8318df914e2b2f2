//! Support for a plugin's own tests, which run natively and need no host. Behind the feature `testing`, for
//! `[dev-dependencies]`: a component is built without it.
//!
//! A test has a stack: a type of the plugin's tests with an [`Environment`] for what Railway answers, which implements the
//! other traits of [`outside`](crate::outside) that the plugin reads through. It says with [`Tested`] which functions of the
//! plugin are called with it. What a plan declares, [`Declared`] writes down; [`Given`] calls its steps.
//!
//! [`assert_whole`] and [`assert_requested`] hold of every plan, and [`sweep`] of every step, so they belong into every
//! plugin's tests.
//!
//! ```
//! use lockstep_sdk::outside::{Http, Railway};
//! use lockstep_sdk::testing::{
//!     Declared, Environment, Given, Scripted, Tapped, Tested, assert_whole, digest, failed, ids, sweep,
//!     target,
//! };
//! use lockstep_sdk::{
//!     Declare, Draft, Fact, Failure, Observation, Progress, Response, Sample, Step, StepCall, Target, Version,
//! };
//!
//! // The plugin: it sets an image, deploys it, and is done once the server says that it is up.
//! fn plan(outside: &impl Railway, effects: &impl Declare, target: &Target) -> Result<Draft, Failure> {
//!     let wanted = target.desired.clone().unwrap_or_default();
//!     let image = format!("minio/minio:{wanted}");
//!     let published = outside.published(&image)?;
//!     let digest = published.ok_or_else(|| Failure::permanently("minio:image", "there is no such image"))?.digest;
//!     effects.set_image("image", "minio", &format!("{image}@{digest}"))?;
//!     effects.deploy("deploy", "minio")?;
//!     let versions = (Version::moving("latest"), Version::moving(wanted));
//!     let step = Step::new("upgrade", "starts the new version", "it is the one that is wanted")
//!         .effects(&["image", "deploy"])
//!         .restored()
//!         .if_left("the server is up, or on its way");
//!     Ok(Draft::bare(versions, Vec::new()).of_steps(vec![step]))
//! }
//!
//! fn check(outside: &impl Http) -> Result<Progress, Failure> {
//!     let answer = outside.get("minio", "/minio/health/live")?;
//!     Ok(match answer.status {
//!         200 => Progress::Done(Vec::new()),
//!         status => Progress::Failed(format!("the server answers {status}")),
//!     })
//! }
//!
//! // Its tests: what they script beside the environment is one status.
//! struct Stack {
//!     environment: Environment,
//!     health: u16,
//! }
//!
//! impl Scripted for Stack {
//!     fn environment(&self) -> &Environment {
//!         &self.environment
//!     }
//! }
//!
//! impl Http for Stack {
//!     fn get(&self, _: &str, _: &str) -> Result<Response, Failure> {
//!         Ok(Response { status: self.health, headers: Vec::new(), body: Vec::new() })
//!     }
//! }
//!
//! impl Tested for Stack {
//!     fn plan(outside: &Tapped<'_, Self>, declared: &Declared, target: &Target) -> Result<Draft, Failure> {
//!         plan(outside, declared, target)
//!     }
//!
//!     fn observe(_: &Tapped<'_, Self>, _: &StepCall, _: &[Fact]) -> Result<Observation, Failure> {
//!         Ok(Observation::Ready(Vec::new()))
//!     }
//!
//!     fn check(outside: &Tapped<'_, Self>, _: &StepCall, _: &[Fact]) -> Result<Progress, Failure> {
//!         check(outside)
//!     }
//!
//!     fn probe(_: &Tapped<'_, Self>, watch: &str, _: &StepCall) -> Result<Sample, Failure> {
//!         Err(Failure::permanently("plugin:watch", format!("there is no watch `{watch}`")))
//!     }
//! }
//!
//! let mut stack = Stack { environment: Environment::default(), health: 200 };
//! stack.environment.add("minio", "minio/minio:latest", digest('a'));
//! stack.environment.registry.publish("minio/minio:2026", digest('b'));
//!
//! let (draft, declared) = stack.planned(&target("minio", Some("2026"), &[]));
//! assert_whole(&draft, &declared, &["2026"]);
//! assert_eq!(ids(&draft.steps), ["upgrade"]);
//! assert_eq!(declared.line("image"), format!("set-image minio minio/minio:2026@{}", digest('b')));
//!
//! let given = Given::by(&draft).ready(&stack, "upgrade").after(&stack, "upgrade");
//! stack.health = 503;
//! failed(&given.check(&stack, "upgrade"), "answers 503");
//!
//! let swept = sweep(&stack, &draft, &Given::by(&draft));
//! assert!(swept.undaunted.is_empty(), "{:?}", swept.undaunted);
//! ```
//!
//! Nothing here is a substitute for a run in the lab: these answers are the author's, not a server's.
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the answer that it demands")]

mod access;
mod declared;
mod demands;
mod environment;
mod given;
mod made;
mod registry;
mod scripted;
mod shape;
mod sweep;
mod tapped;
mod tested;
#[cfg(test)]
mod tests;

pub use access::{Access, Named, assert_requested};
pub use declared::{Declaration, Declared, shown};
pub use demands::{done, failed, finding, ids, moved, pending, step, waits};
pub use environment::{Environment, NOW, backup, deployment, digest, location, target, volume};
pub use given::{Given, RUN};
pub use registry::Registry;
pub use scripted::Scripted;
pub use shape::{assert_same_plan, assert_whole};
pub use sweep::{Swept, sweep, sweep_plan};
pub use tapped::{Fails, Read, Tapped};
pub use tested::Tested;
