//! `lockstep plugin test` finds what is wrong with a component: each guest that breaks a rule fails it, and is told which.
//!
//! None of these needs an answer, so no stack is needed either.

use crate::guests::guest;
use crate::stage::{Done, Stage};

/// Tests a guest without an environment.
fn test(stage: &Stage, name: &str, more: &[&str]) -> Done {
    let answers = stage.folder().join("answers.json");
    std::fs::write(answers, "{ \"lockstep_answers\": 1, \"answers\": {} }").unwrap();
    let path = guest(name);
    let mut words = vec!["plugin", "test", path.to_str().unwrap(), "--answers", "answers.json"];
    words.extend(more);
    stage.lockstep(&words)
}

#[test]
fn plugin_test_fails_each_guest_that_breaks_a_rule_and_passes_one_that_breaks_none() {
    let stage = Stage::empty();
    test(&stage, "minimal", &[]).expect(0).says("steps: set, del").says("✓ It kept the rules");

    let stopped = [
        ("panic", "it is stopped: it panicked: the guest panics on purpose"),
        ("spin", "it is stopped: it used up its fuel"),
        ("greedy", "it is stopped: it wanted more than the 64 MiB"),
        (
            "recurse",
            "it is stopped: it reached outside its memory: most likely it recursed too deep",
        ),
        ("huge", "it is stopped: "),
        ("chatty", "it is stopped: it called the host more than"),
    ];
    for (name, said) in stopped {
        test(&stage, name, &[]).expect(1).says(&format!("✗ plan: {said}"));
    }
    test(&stage, "importer", &[]).expect(1);

    test(&stage, "liar", &[])
        .expect(1)
        .says("✗ apply of `unlisted`: it performs `never-declared`, which its step does not list")
        .says("✗ apply of `other-step`: it performs `unlisted`, which its step does not list")
        .says("✗ apply of `argument`: it performs what is denied in a run: argument `value` of effect `argument` is outside")
        .says("✗ apply of `no-argument`: it performs what is denied in a run: argument `value` of effect `no-argument` is missing")
        .says("✗ apply of `twice`: it performs what is denied in a run: effect `twice` was performed 1 times already")
        .says("✗ apply of `backwards`: it performs what is denied in a run: effect `backwards-first` comes before one")
        .says("✗ apply of `declare`: it declares `late` outside `plan`")
        .says("✗ apply of `read`: it reads in `apply`")
        .says("✗ observe of `in-observe`: it performs `in-observe` where nothing may be performed")
        .says("✗ check of `in-check`: it performs `in-check` where nothing may be performed")
        .says("✗ probe of `lie` in `unlisted`: it performs `unlisted`, which its step does not list");
    let json = test(&stage, "liar", &["--option", "mode=hoard", "--json"]).expect(1).json();
    let breach = "plan: it reads `get leak /leak` and does not ask for that";
    assert_eq!(json["plugin-test"]["breaches"][0], breach, "{json}");
}
