//! A runtime, the test guest, and a host that answers as told.

use std::path::{Path, PathBuf};
use std::process::Command;

use lockstep_engine::model::{
    Answer, Call, Fact, Failure, Job, Moment, Observation, StepCall, Target, Value,
};
use lockstep_engine::run::{Guest, GuestError, Host, TrapKind};
use lockstep_runtime::{Limits, Plugin, Runtime};
use tempfile::TempDir;

/// Builds the test guest, if it is not built yet, and returns its bytes.
pub(crate) fn guest() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-wasip2"]);
    cargo.arg("--manifest-path").arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&target);
    for inherited in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"]
    {
        cargo.env_remove(inherited);
    }
    assert!(cargo.status().unwrap().success(), "the test guest does not build");
    std::fs::read(target.join("wasm32-wasip2/release/lockstep_runtime_guest.wasm")).unwrap()
}

/// A runtime and where it keeps what it compiled.
pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
    pub(crate) limits: Limits,
    _temporary: Option<TempDir>,
}

impl Desk {
    /// A runtime that shares compiled code with all tests and with the next run of them.
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        Self { folder, limits: Limits::default(), _temporary: None }
    }

    /// A runtime with a folder of its own, which does not exist yet.
    pub(crate) fn alone() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("cache");
        Self { folder, limits: Limits::default(), _temporary: Some(temporary) }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        Runtime::new(&self.folder, self.limits.clone()).unwrap()
    }

    pub(crate) fn plugin(&self) -> Plugin {
        self.runtime().load(&guest()).unwrap()
    }

    /// Observes `step` with a host that answers nothing but log lines.
    pub(crate) async fn observe(
        &self,
        step: &str,
    ) -> Result<Result<Observation, Failure>, GuestError> {
        self.plugin().observe(&call(step, 1), &[], &mut Script::silent()).await
    }

    /// Observes `step`, which must be stopped, and returns why.
    pub(crate) async fn stopped(&self, step: &str) -> (TrapKind, String) {
        trap(self.observe(step).await)
    }
}

/// Returns what stopped a plugin.
#[track_caller]
pub(crate) fn trap<T: std::fmt::Debug>(answer: Result<T, GuestError>) -> (TrapKind, String) {
    match answer.unwrap_err() {
        GuestError::Trap { kind, message, .. } => (kind, message),
        fault @ GuestError::Host { .. } => panic!("{fault}"),
    }
}

/// A host that keeps what it is asked, and answers from a function.
pub(crate) struct Script<F> {
    pub(crate) asked: Vec<Call>,
    answer: F,
}

impl<F: FnMut(&Call) -> Answer> Script<F> {
    pub(crate) fn new(answer: F) -> Self {
        Self { asked: Vec::new(), answer }
    }
}

impl Script<fn(&Call) -> Answer> {
    /// Denies everything, and takes log lines.
    pub(crate) fn silent() -> Self {
        Self::new(|call| {
            let denied = Failure::denied("grant:missing", "not granted");
            match call {
                Call::Read(_) | Call::DeploymentOf(_) => Answer::Read(Err(denied)),
                Call::Declare(_) => Answer::Declared(Err(denied)),
                Call::Perform(..) => Answer::Performed(Err(denied)),
                Call::Progress(_) => Answer::Progressed(Err(denied)),
                Call::Log(..) => Answer::Logged,
            }
        })
    }
}

impl<F: FnMut(&Call) -> Answer> Host for Script<F> {
    async fn answer(&mut self, call: Call) -> Answer {
        // A host really waits: this one lets others run once, as a network would.
        tokio::task::yield_now().await;
        let answer = (self.answer)(&call);
        self.asked.push(call);
        answer
    }
}

/// Answers every question after a job with one that is half done.
pub(crate) fn half_done(_: &Call) -> Answer {
    let facts = vec![Fact::one("rows", Value::Integer(5))];
    Answer::Progressed(Ok(Some(Job {
        finished: false,
        done: 5,
        total: 10,
        note: "copying".to_owned(),
        facts,
    })))
}

pub(crate) fn call(step: &str, round: u32) -> StepCall {
    let facts = vec![Fact::text("before", "x")];
    StepCall {
        step: step.parse().unwrap(),
        run: "run-1".parse().unwrap(),
        round,
        now: Moment(1_700_000_000_123),
        parameters: [("to".to_owned(), "8".to_owned())].into(),
        facts,
    }
}

pub(crate) fn target(component: &str) -> Target {
    Target {
        component: component.to_owned(),
        environment: "staging".to_owned(),
        desired: None,
        options: Vec::new(),
        now: Moment(1),
        extra: Vec::new(),
    }
}
