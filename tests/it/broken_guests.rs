//! L7: a plugin that loops, allocates, recurses, panics, calls without end or answers without measure is stopped with a
//! message that says what it did; nothing is changed, and the host lives on.
//!
//! That each limit holds exactly, and that a stopped call does not harm the next one of the same plugin, is tested in
//! `host/runtime/tests/it/limits.rs`. Here it is the whole `lockstep`, and another plugin in the same process.

use lockstep_engine::model::{Answer, Call, Failure, Moment, Target};
use lockstep_engine::run::{Guest as _, GuestError, Host, TrapKind};
use lockstep_runtime::{Limits, Runtime};
use tempfile::TempDir;

use crate::guests::{guest, toml, write};
use crate::stage::{Done, Stage, block_on};

/// Plans with a broken guest in a lab, and returns what the operator reads.
#[track_caller]
fn plan(name: &str, target: &str) -> Done {
    let stage = Stage::up(&["--only", "redis"]);
    let good = toml("minimal", &[("redis", "redis", "command", "")]).replace("version = 1\n", "");
    write(&stage, &(toml(name, &[]) + &good));
    let done = stage.lockstep(&["plan", target, "-e", "lab"]).expect(1);
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    stage.lockstep(&["runs"]).expect(0).says("No runs yet");
    // The folder and its store are as good as before.
    stage.lockstep(&["plan", "minimal", "-e", "lab"]).expect(0);
    // At three in the morning: the plugin by name and file, where it was, what it did, whose fault it is. Little else.
    assert!(done.err.lines().count() <= 4, "{}", done.err);
    assert!(done.err.len() < 1500, "{}", done.err);
    done.says(&format!("Error: plugin `{name}` 0.1.0 (`{}`) made no plan", guest(name).display()))
        .says("Caused by: the plugin was stopped in `plan`: ")
        .says(
            "Hint: this is a fault of the plugin and not of the environment; nothing was changed.",
        )
}

/// Breaks a guest and then calls another in the same process, whose answer must be as always.
#[track_caller]
fn lives_on(name: &str, desired: Option<&str>, expected: TrapKind) {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new(&folder.path().join("cache"), Limits::default()).unwrap();
    let load = |name: &str| runtime.load(&std::fs::read(guest(name)).unwrap()).unwrap();
    let (mut broken, mut good) = (load(name), load("minimal"));
    block_on(async {
        let before = good.plan(&target("minimal", None), &mut Willing).await.unwrap().unwrap();
        // Three times: what one leaves behind must not add up.
        for _ in 0..3 {
            let stopped = broken.plan(&target(name, desired), &mut Willing).await.unwrap_err();
            let GuestError::Trap { kind, .. } = &stopped else { panic!("{stopped}") };
            assert_eq!(*kind, expected, "{stopped}");
        }
        let after = good.plan(&target("minimal", None), &mut Willing).await.unwrap().unwrap();
        assert_eq!(after, before);
        assert_eq!(broken.describe().await.unwrap().name, name);
    });
}

fn target(component: &str, desired: Option<&str>) -> Target {
    Target {
        component: component.to_owned(),
        environment: "test".to_owned(),
        desired: desired.map(str::to_owned),
        options: Vec::new(),
        now: Moment(1),
        extra: Vec::new(),
    }
}

/// A host that lets everything be declared, and has nothing to read.
struct Willing;

impl Host for Willing {
    async fn answer(&mut self, call: Call) -> Answer {
        let nothing = || Failure::denied("grant:missing", "nothing is granted");
        match call {
            Call::Read(_) | Call::DeploymentOf(_) => Answer::Read(Err(nothing())),
            Call::Declare(_) => Answer::Declared(Ok(())),
            Call::Perform(..) => Answer::Performed(Err(nothing())),
            Call::Progress(_) => Answer::Progressed(Err(nothing())),
            Call::Log(..) => Answer::Logged,
        }
    }
}

#[test]
fn a_plugin_that_loops_without_end_is_stopped() {
    plan("spin", "spin").says("it used up its fuel").says("most likely it loops without end");
    lives_on("spin", None, TrapKind::Fuel);
}

#[test]
fn a_plugin_that_allocates_without_end_is_stopped() {
    plan("greedy", "greedy").says("it wanted more than the 64 MiB of memory that a call may use");
    lives_on("greedy", None, TrapKind::Memory);
}

#[test]
fn a_plugin_that_recurses_without_end_is_stopped() {
    plan("recurse", "recurse").says("recursed too deep");
    lives_on("recurse", None, TrapKind::Stack);
}

#[test]
fn a_plugin_that_panics_is_stopped_and_its_words_are_shown() {
    plan("panic", "panic").says("it panicked: the guest panics on purpose, planning panic (at ");
    lives_on("panic", None, TrapKind::Panic);
}

#[test]
fn a_plugin_that_calls_the_host_a_million_times_is_stopped() {
    plan("chatty", "chatty").says("it called the host more than 10000 times");
    lives_on("chatty", None, TrapKind::Calls);
}

#[test]
fn a_plugin_that_answers_with_a_gigabyte_is_stopped() {
    // A gigabyte does not even fit into its memory; 32 MB do, and are more than it may hand over.
    plan("huge", "huge").says("64 MiB of memory");
    plan("huge", "huge@32").says("it handed over more than the 4096 KiB that one call may");
    lives_on("huge", None, TrapKind::Memory);
    lives_on("huge", Some("32"), TrapKind::Answer);
}

#[test]
fn a_plugin_that_imports_what_no_host_has_is_refused_by_the_imports_name() {
    let stage = Stage::up(&["--only", "redis"]);
    write(&stage, &toml("importer", &[]));
    let done = stage.lockstep(&["plan", "importer", "-e", "lab"]).expect(1);
    done.says(&format!("could not load the plugin `{}`", guest("importer").display()))
        .says("imports `lockstep:absent/thing@0.1.0`, which Lockstep gives to no plugin")
        .says("Hint: nothing of the plugin was run");
    assert!(stage.mutations().is_empty());
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new(&folder.path().join("cache"), Limits::default()).unwrap();
    assert!(runtime.load(&std::fs::read(guest("importer")).unwrap()).is_err());
    let mut good = runtime.load(&std::fs::read(guest("minimal")).unwrap()).unwrap();
    assert!(block_on(good.plan(&target("minimal", None), &mut Willing)).unwrap().is_ok());
}

#[test]
fn a_file_that_is_no_plugin_is_refused_with_the_reason() {
    let stage = Stage::up(&["--only", "redis"]);
    std::fs::write(stage.folder().join("not.wasm"), "#!/bin/sh\n").unwrap();
    write(
        &stage,
        "version = 1\n[plugins.not]\npath = \"not.wasm\"\n[plugins.none]\npath = \"none.wasm\"\n",
    );
    let done = stage.lockstep(&["plan", "not", "-e", "lab"]).expect(1);
    done.says("could not load the plugin `./not.wasm`").says("not a valid WebAssembly component");
    stage
        .lockstep(&["plan", "none", "-e", "lab"])
        .expect(2)
        .says("could not read plugin `./none.wasm`");
}
