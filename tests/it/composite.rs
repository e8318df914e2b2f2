//! Plans over several components: stages, each planned at its turn, with an approval, a run and a way back of its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::guests::{guest, option, write};
use crate::secrets::hook::Hook;
use crate::stage::{Done, Stage};

/// Stages that change variables of one service, so that a lab of one stand-in is enough.
pub(crate) const BOTH: [&str; 2] = ["steady@1", "follower@3"];

/// How often `steady` and `follower` change something at Railway.
const CHANGES: (usize, usize) = (4, 2);

/// Returns what `lockstep.toml` says of the guests, and `settings`.
fn settings(settings: &str) -> String {
    let mut text = "version = 1\n[environments.lab.watches]\ntraffic = []\n".to_owned();
    for (component, plugin, read) in
        [("steady", "steady", false), ("follower", "follower", true), ("leader", "follower", true)]
    {
        let path = guest(plugin).display().to_string();
        write!(text, "[plugins.{component}]\npath = \"{path}\"\n").unwrap();
        for access in [Some("set-variables"), read.then_some("read")].into_iter().flatten() {
            write!(
                text,
                "[[environments.lab.grants.{component}]]\ncapability = \"railway\"\nname = \"health-monitor\"\n\
                 access = \"{access}\"\n"
            )
            .unwrap();
        }
    }
    text + settings
}

/// A lab in which `follower` has this mode.
pub(crate) fn stage(mode: &str) -> Stage {
    let stage = Stage::up(&["--only", "health-monitor"]);
    configure(&stage, "follower", mode);
    stage
}

fn configure(stage: &Stage, plugin: &str, mode: &str) {
    write(stage, &settings(&option(plugin, "mode", mode)));
}

/// Writes the composite plan of both components to a file, and returns its text.
#[track_caller]
fn planned(stage: &Stage) -> String {
    let plan = ["plan", BOTH[1], BOTH[0], "-e", "lab", "--out", "both.plan.json"];
    stage.lockstep(&plan).expect(0).says("Written to both.plan.json");
    std::fs::read_to_string(stage.folder().join("both.plan.json")).unwrap()
}

/// Applies the composite plan as far as its first stage, and returns the run of that.
#[track_caller]
fn first_stage(stage: &Stage) -> String {
    planned(stage);
    stage.lockstep(&["apply", "both.plan.json", "--yes", "--until", "set-4"]).expect(10);
    stage.lockstep(&["resume"]).expect(10).says("nobody is there to approve what stands above");
    let [run] = runs(stage).try_into().unwrap();
    run["run"].as_str().unwrap().to_owned()
}

/// Returns all runs, newest first.
fn runs(stage: &Stage) -> Vec<Value> {
    let listed = stage.lockstep(&["runs", "--json"]).expect(0).json();
    listed["runs"]["runs"].as_array().unwrap().clone()
}

/// Returns how the stages of an answer stand.
#[track_caller]
fn standings(done: &Done) -> Vec<Value> {
    let answer = done.json();
    let stages = answer["run"]["stages"].as_array().unwrap();
    stages.iter().map(|stage| stage["standing"].clone()).collect()
}

#[test]
fn two_components_are_done_as_stages_with_a_plan_an_approval_and_a_run_each() {
    let stage = stage("");
    let apply = ["apply", BOTH[1], BOTH[0], "-e", "lab", "--yes", "--json"];
    let done = stage.lockstep(&apply).expect(0);
    assert_eq!(standings(&done), ["done", "done"]);
    done.says("a preview: planned again at its turn")
        .says("━━ Stage 1 of 2 (`steady`)")
        .says("━━ Stage 2 of 2 (`follower`)")
        // The first stage changed what the second is planned on.
        .says("variable FOLLOWER_SAW = 4")
        .says("It differs from its preview");
    let runs = runs(&stage);
    let of = |name: &str| runs.iter().map(|run| run[name].to_string()).collect::<BTreeSet<_>>();
    assert_eq!((runs.len(), of("run").len(), of("plan").len()), (2, 2, 2), "{runs:?}");
    for (run, number) in runs.iter().zip([2, 1]) {
        assert_eq!((&run["stage"]["stage"], &run["stage"]["of"]), (&number.into(), &2.into()));
        let name = run["run"].as_str().unwrap();
        let shown = stage.lockstep(&["show", name, "--json"]).expect(0);
        let shown = shown.says(&format!("It is stage {number} of 2 of composite plan c-")).json();
        let approved = &shown["run"]["records"][1]["event"]["approved"]["plan"];
        assert_eq!(*approved, run["plan"]);
        stage.lockstep(&["show", name, "--verify"]).expect(0);
    }
    assert_eq!(stage.mutations().len(), CHANGES.0 + CHANGES.1);
}

#[test]
fn where_nobody_is_there_to_approve_the_next_stage_it_is_not_begun_and_the_words_say_how_to_go_on()
{
    let stage = stage("");
    let unapproved = stage.lockstep(&["apply", BOTH[0], BOTH[1], "-e", "lab"]).expect(2);
    unapproved.says("nobody is there to approve stage 1 of 2");
    let run = first_stage(&stage);
    assert_eq!(stage.mutations().len(), CHANGES.0);
    let words =
        format!("an approval of its own: unless this command goes on, `lockstep resume {run}`");
    stage.lockstep(&["runs"]).expect(0).says(&words);
    stage.lockstep(&["status", "-e", "lab"]).expect(0).says(&words);
    let again = stage.lockstep(&["apply", "both.plan.json", "--json"]).expect(10);
    assert_eq!(standings(&again), [Value::from("done"), Value::Null]);
    assert_eq!(runs(&stage).len(), 1);
    // No run is open, and one composite plan alone is left.
    stage.lockstep(&["resume", "--yes"]).expect(0).says("All stages of composite plan c-");
    assert_eq!(stage.mutations().len(), CHANGES.0 + CHANGES.1);
    stage.lockstep(&["apply", "both.plan.json", "--yes"]).expect(0).says("All stages of");
    stage.lockstep(&["resume", &run]).expect(0).says("All stages of composite plan c-");
    stage.lockstep(&["resume"]).expect(2).says("no run is open");
    assert_eq!(runs(&stage).len(), 2);
}

#[test]
fn a_stage_that_waits_at_its_gate_holds_up_the_next_until_it_is_done() {
    let stage = stage("");
    configure(&stage, "leader", "gate");
    let apply = ["apply", "leader@2", "follower@2", "-e", "lab", "--yes", "--until", "follow"];
    stage.lockstep(&apply).expect(10).says("Run r-").says("is stage 1 of 2 (`leader`)");
    let waits = stage.lockstep(&["resume"]).expect(10).says("waits at the gate of step `count`");
    let run = runs(&stage)[0]["run"].as_str().unwrap().to_owned();
    waits.says(&format!("once it is done, `lockstep resume {run}` goes on with stage 2 of 2"));
    stage.lockstep(&["status", "-e", "lab"]).expect(0).says("stage 1 of 2 of composite plan c-");
    stage.lockstep(&["approve"]).expect(0);
    stage.lockstep(&["resume", &run, "--yes"]).expect(0).says("All stages of composite plan c-");
    assert_eq!(runs(&stage).len(), 2);
}

#[test]
fn a_stage_that_fails_is_taken_back_alone_and_can_be_begun_again() {
    let stage = stage("fail");
    let first = first_stage(&stage);
    let failed = stage.lockstep(&["resume", &first, "--yes", "--json"]).expect(11);
    assert_eq!(standings(&failed)[0], "done");
    let failed =
        failed.says("is stage 2 of 2 (`follower`)").says("done, and stays so: stage 1 of 2");
    failed.says("plans this stage anew and asks");
    let second = runs(&stage)[0]["run"].as_str().unwrap().to_owned();
    // A stage that was taken back is a person's to begin again.
    stage.lockstep(&["resume"]).expect(2).says("no run is open");
    configure(&stage, "follower", "");
    let until = ["resume", &second, "--yes", "--until", "follow"];
    stage.lockstep(&until).expect(10);
    let back = stage.lockstep(&["rollback", "--why", "not tonight"]).expect(11);
    back.says("Only stage 2 of 2 (`follower`) is taken back")
        .says("stage 1 of 2 (`steady`) by run");
    stage.lockstep(&["apply", "both.plan.json", "--yes"]).expect(0).says("All stages of");
    assert_eq!(runs(&stage).len(), 4);
}

#[test]
fn killed_in_its_second_stage_a_composite_plan_goes_on_from_there() {
    let stage = stage("");
    first_stage(&stage);
    let killed = stage.lockstep(&["resume", "--yes", "--die-after-record", "9"]);
    assert_eq!(killed.code, -1, "{}", killed.err);
    stage.lockstep(&["apply", "both.plan.json", "--yes"]).expect(14).says("holds the environment");
    stage.lockstep(&["resume", "--yes"]).expect(0).says("All stages of composite plan c-");
    assert_eq!(stage.mutations().len(), CHANGES.0 + CHANGES.1);
}

#[test]
fn killed_when_its_first_stage_was_just_over_a_composite_plan_goes_on_with_the_next() {
    let stage = stage("");
    stage.lockstep(&["apply", BOTH[0], BOTH[1], "-e", "lab", "--yes"]).expect(0);
    let last = (runs(&stage)[1]["records"].as_u64().unwrap() - 1).to_string();
    let apply = ["apply", "steady@2", "follower@4", "-e", "lab", "--yes"];
    let killed = stage.lockstep(&[&apply[..], &["--die-after-record", &last]].concat());
    assert_eq!(killed.code, -1, "{}", killed.err);
    let newest = &runs(&stage)[0];
    assert_eq!((&newest["component"], &newest["standing"]), (&"steady".into(), &"done".into()));
    stage.lockstep(&["resume", "--yes"]).expect(0).says("All stages of composite plan c-");
    assert_eq!(stage.mutations().len(), 2 * (CHANGES.0 + CHANGES.1));
}

#[test]
fn with_its_journal_in_postgresql_a_composite_plan_goes_on_as_well() {
    let mut stage = Stage::up(&["--only", "postgres", "--only", "health-monitor"]);
    stage.keep_in_postgresql();
    let store = std::fs::read_to_string(stage.folder().join("lockstep.toml")).unwrap();
    write(&stage, &settings(&store.replace("version = 1", "")));
    let run = first_stage(&stage);
    stage.lockstep(&["resume", "--yes"]).expect(0).says("All stages of composite plan c-");
    stage.lockstep(&["show", &run, "--verify"]).expect(0).says("4 attachments");
}

#[test]
fn what_the_runners_did_of_a_composite_plan_is_gone_on_with_by_a_person() {
    let (stage, hook) = (stage(""), Hook::up());
    let notify = "[[environments.lab.notify]]\nkind = \"webhook\"\nvariable = \"HOOK_URL\"\n";
    write(&stage, &settings(notify));
    let lockstep = |words: &[&str]| stage.lockstep_with(words, &[("HOOK_URL", &hook.url)]);
    let queued = lockstep(&["apply", BOTH[0], BOTH[1], "-e", "lab", "--yes", "--queue"]);
    queued.expect(10).says("is left to the runners").says("is stage 1 of 2 (`steady`)");
    let worked = lockstep(&["runner", "--until-idle"]).expect(0).says("is done");
    let needed = "stage 2 of 2 (`follower`) comes next and needs an approval of its own: unless this command goes on, `lockstep resume r-";
    worked.says(needed);
    let told = hook.told();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told["message"].as_str().unwrap().contains(needed), "{told}");
    lockstep(&["runner", "--until-idle"]).expect(0);
    assert_eq!(runs(&stage).len(), 1);
    lockstep(&["resume", "--yes", "--queue"]).expect(10).says("no stage comes after it");
    lockstep(&["runner", "--until-idle"]).expect(0).says("every stage is done");
}

#[test]
fn a_later_stage_that_would_refuse_or_can_not_be_planned_yet_is_shown_and_planned_at_its_turn() {
    let stage = stage("refuse");
    stage.lockstep(&["plan", BOTH[0], BOTH[1], "-e", "lab"]).expect(0).says("would refuse now");
    let first = stage.lockstep(&["plan", BOTH[1], "leader@2", "-e", "lab", "--json"]).expect(3);
    assert_eq!(first.json()["composite"]["stages"][0]["refuses"], true);
    stage.lockstep(&["apply", BOTH[1], "leader@2", "-e", "lab", "--yes"]).expect(3);
    configure(&stage, "follower", "blind");
    planned(&stage);
    let shown = stage.lockstep(&["apply", "both.plan.json", "--yes"]).expect(0);
    shown.says("can't be planned yet").says("could not be planned before its turn");
    assert_eq!(stage.mutations().len(), CHANGES.0 + CHANGES.1);
}

#[test]
fn a_stage_whose_version_runs_already_is_passed_over() {
    let stage = stage("");
    stage.lockstep(&["apply", BOTH[1], "-e", "lab", "--yes"]).expect(0);
    let apply = ["apply", BOTH[1], "leader@2", "-e", "lab", "--yes", "--json"];
    let done = stage.lockstep(&apply).expect(0).says("nothing to do, so it is passed over");
    assert_eq!(standings(&done), [Value::Null, "done".into()]);
    assert_eq!(runs(&stage).len(), 2);
}

#[test]
fn a_file_that_was_changed_is_newer_or_is_none_is_refused_and_so_is_one_of_another_environment() {
    let stage = stage("");
    let text = planned(&stage);
    let refused = |from: &str, to: &str, words: &str| {
        assert!(text.contains(from), "`{from}` is not in {text}");
        std::fs::write(stage.folder().join("other.json"), text.replacen(from, to, 1)).unwrap();
        stage.lockstep(&["apply", "other.json", "--yes"]).expect(2).says(words);
    };
    refused("STEADY_1_1", "STEADY_1_9", "was changed after it was made");
    refused("\"desired\": \"3\"", "\"desired\": \"4\"", "was changed after it was made");
    refused("\"lockstep_composite\": 1", "\"lockstep_composite\": 2", "reads up to 1");
    refused("\"lockstep_composite\": 1", "\"lockstep_composite\": 1, \"more\": 1", "unknown field");
    refused("\"stages\"", "\"stages", "is not a plan");
    let elsewhere = ["apply", "both.plan.json", "-e", "production", "--yes"];
    stage.lockstep(&elsewhere).expect(2).says("is for environment `lab`");
    let beside = ["apply", "both.plan.json", "leader", "-e", "lab", "--yes"];
    stage.lockstep(&beside).expect(2).says("stands among components");
    stage.lockstep(&["plan", "leader", "leader@2", "-e", "lab"]).expect(2).says("is named twice");
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}

#[test]
fn the_first_stage_of_a_file_is_no_preview_and_the_step_to_stop_after_is_of_the_stage_at_hand() {
    let stage = stage("");
    planned(&stage);
    let until = ["apply", "both.plan.json", "--yes", "--until", "count"];
    stage.lockstep(&until).expect(2).says("the plan has no step `count`");
    stage.lockstep(&["apply", BOTH[0], "-e", "lab", "--yes"]).expect(0);
    stage.lockstep(&["apply", "both.plan.json", "--yes"]).expect(13).says("differs");
    // Neither may what had nothing to do when it was planned.
    stage.lockstep(&["apply", BOTH[1], "-e", "lab", "--yes"]).expect(0);
    let plan = ["plan", BOTH[1], "leader@2", "-e", "lab", "--out", "second.plan.json"];
    stage.lockstep(&plan).expect(0).says("follower 3 → 3: nothing to do");
    stage.lockstep(&["apply", "follower@4", "-e", "lab", "--yes"]).expect(0);
    stage.lockstep(&["apply", "second.plan.json", "--yes"]).expect(13).says("differs");
    assert_eq!(runs(&stage).len(), 3);
}
