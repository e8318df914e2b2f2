//! Whether what tests demand of a plugin is demanded.

use std::cell::Cell;

use super::*;
use crate::outside::Http;
use crate::{
    Declare, Description, Draft, Fact, Facts, Failure, Finding, Observation, Progress, Request,
    Response, Sample, Step, StepCall, Target, Undo, Version,
};

/// How the plugin of these tests misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flaw {
    #[default]
    None,
    /// Panics where a read fails.
    Panics,
    /// Answers otherwise the second time.
    Counts,
    /// Is done without having looked.
    Believes,
    /// Rests on a fact without a look whether it is there.
    Indexes,
    /// Rests on a fact of a step that it does not need.
    Borrows,
}

/// A server that is up.
#[derive(Debug, Default)]
struct Stack {
    environment: Environment,
    flaw: Flaw,
    calls: Cell<u64>,
}

impl Scripted for Stack {
    fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl Http for Stack {
    fn get(&self, _: &str, _: &str) -> Result<Response, Failure> {
        Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
    }
}

impl Tested for Stack {
    fn plan(_: &Tapped<'_, Self>, declared: &Declared, target: &Target) -> Result<Draft, Failure> {
        declared.deploy("deploy", "server")?;
        let step = Step::new("start", "starts the server", "it is down")
            .effects(&["deploy"])
            .undone_by(&["end"])
            .if_left("the server is up or down");
        declared.stop("stop", "server")?;
        let end = Step::new("end", "ends the server", "it was down")
            .effects(&["stop"])
            .reverses(&[("stop", "deploy")])
            .if_left("the server is up or down");
        let desired = target.desired.clone().unwrap_or_default();
        let versions = (Version::moving("1"), Version::moving(desired));
        let finding = Finding::note("down", "it is down").mended_by("start");
        let draft = Draft::bare(versions, vec![finding]).of_steps(vec![step]);
        Ok(Draft { undo: vec![end], ..draft })
    }

    fn observe(_: &Tapped<'_, Self>, _: &StepCall, _: &[Fact]) -> Result<Observation, Failure> {
        Ok(Observation::Ready(vec![Fact::one("seen", true)]))
    }

    fn check(outside: &Tapped<'_, Self>, call: &StepCall, _: &[Fact]) -> Result<Progress, Failure> {
        let calls = &outside.stack.calls;
        calls.set(calls.get() + 1);
        let answer = outside.get("server", "/");
        match outside.stack.flaw {
            Flaw::None => answer.map(|_| Progress::Done(Vec::new())),
            Flaw::Panics => Ok(answer.map(|_| Progress::Done(Vec::new())).unwrap()),
            Flaw::Counts => Ok(Progress::Failed(format!("call {}", calls.get()))),
            Flaw::Believes => Ok(Progress::Done(Vec::new())),
            Flaw::Borrows if call.step == "start" => {
                answer.map(|_| Progress::Done(vec![Fact::one("started", true)]))
            }
            Flaw::Borrows => {
                Ok(Facts(&call.facts).rows("started").map(|_| Progress::Done(Vec::new()))?)
            }
            Flaw::Indexes => Ok(Progress::Done(vec![call.facts[0].clone()])),
        }
    }

    fn probe(_: &Tapped<'_, Self>, watch: &str, _: &StepCall) -> Result<Sample, Failure> {
        Err(Failure::permanently("plugin:watch", format!("there is no watch `{watch}`")))
    }
}

fn planned() -> (Draft, Declared) {
    Stack::default().planned(&target("server", Some("2"), &[]))
}

fn swept(flaw: Flaw) -> Swept {
    let (draft, _) = planned();
    sweep(&Stack { flaw, ..Stack::default() }, &draft, &Given::by(&draft))
}

#[test]
fn a_plugin_that_keeps_the_rules_is_swept_whole() {
    let (draft, declared) = planned();
    assert_whole(&draft, &declared, &[]);
    let swept = swept(Flaw::None);
    assert_eq!(swept.done, ["start", "end"]);
    assert_eq!(swept.undaunted, [""; 0]);
    assert!(swept.calls > 20, "{}", swept.calls);
    assert_eq!(sweep_plan(&Stack::default(), &target("server", None, &[])).calls, 2);
}

#[test]
#[should_panic(expected = "check of `start`, when read of http `server` for `/` ends")]
fn a_plugin_that_panics_where_a_read_fails_is_found() {
    drop(swept(Flaw::Panics));
}

#[test]
#[should_panic(expected = "check of `start`: two calls answer differently")]
fn a_plugin_that_answers_otherwise_the_second_time_is_found() {
    drop(swept(Flaw::Counts));
}

#[test]
#[should_panic(expected = "check of `start`: the plugin panics")]
fn a_plugin_that_rests_on_a_fact_unseen_is_found() {
    drop(swept(Flaw::Indexes));
}

#[test]
#[should_panic(
    expected = "check of `end`: no step that it needs gives it this: the fact `started`"
)]
fn a_plugin_that_rests_on_a_fact_of_a_step_that_it_does_not_need_is_found() {
    drop(swept(Flaw::Borrows));
}

#[test]
fn a_plugin_that_is_content_without_a_read_is_told_of() {
    let found = swept(Flaw::Believes).undaunted;
    assert_eq!(
        found,
        ["start", "end"].map(|it| format!("check of `{it}` without read of http `server`"))
    );
}

/// Demands that a draft is not whole any more after this change, and why.
#[track_caller]
fn breaks(part: &str, change: impl FnOnce(&mut Draft)) {
    let (mut draft, declared) = planned();
    change(&mut draft);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assert_whole(&draft, &declared, &[]);
    }));
    let why = found.expect_err("the draft still counts as whole");
    let why = why.downcast_ref::<String>().expect("words");
    assert!(why.contains(part), "{why}");
}

#[test]
fn a_draft_that_is_not_whole_is_found() {
    breaks("what is declared is what is used", |draft| draft.steps[0].effects.clear());
    breaks("is no name of a step", |draft| draft.steps[0].id = "No Name".to_owned());
    breaks("two steps are named", |draft| draft.undo[0].id = "start".to_owned());
    breaks("may take no time", |draft| draft.steps[0].limit = 0);
    breaks("0 rounds", |draft| draft.steps[0].rounds = 0);
    breaks("which is not before it", |draft| draft.steps[0].needs.push("start".to_owned()));
    breaks("which is no step", |draft| draft.undo[0].needs.push("end".to_owned()));
    breaks("which is no step", |draft| draft.findings[0].mended_by.push("end".to_owned()));
    breaks("those that there are", |draft| draft.steps[0].undo = Undo::Nothing);
    breaks("which is no effect", |draft| draft.undo[0].reverses[0].1 = "stop".to_owned());
    breaks("reverses one", |draft| draft.undo[0].reverses.clear());
    breaks("can't have", |draft| draft.undo[0].soak = Some(1));
    breaks("what is left", |draft| draft.steps[0].if_left = None);
    breaks("has a figure", |draft| draft.steps[0].title = "starts in 5 s".to_owned());
    breaks("parameters take", |draft| {
        draft.parameters.push(("name".to_owned(), "x".repeat(16 << 10)));
    });
}

#[test]
fn whatever_is_declared_must_be_requested_by_name() {
    let declared = Declared::default();
    declared.backup_volume("backup", "server").unwrap();
    declared.lock_backup("lock", "backup").unwrap();
    let description = |name: &str, accesses: &[&str]| Description {
        name: "server".to_owned(),
        version: "1".to_owned(),
        components: Vec::new(),
        requests: accesses
            .iter()
            .map(|access| Request {
                capability: "railway".to_owned(),
                name: name.to_owned(),
                access: (*access).to_owned(),
                paths: Vec::new(),
                why: "it is needed".to_owned(),
            })
            .collect(),
        rules: Vec::new(),
        after: Vec::new(),
        extra: Vec::new(),
    };
    assert_requested(&description("server", &["backup-volume", "lock-backup"]), &declared);
    assert_requested(&description("*", &["backup-volume", "lock-backup"]), &declared);
    for lacking in [
        description("server", &["backup-volume"]),
        description("other", &["backup-volume", "lock-backup"]),
    ] {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_requested(&lacking, &declared);
        }));
        assert!(found.is_err(), "{lacking:?}");
    }
}
