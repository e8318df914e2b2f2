//! What a run did, for whoever was not there: complete, and in nobody's words but the host's where it counts.

use crate::composite::{BOTH, stage};
use crate::stage::Stage;

/// Returns the report of the newest run.
#[track_caller]
fn report(stage: &Stage) -> String {
    stage.lockstep(&["report", &stage.run()]).expect(0).out
}

/// Returns a line without its code spans, in which nothing means anything.
#[track_caller]
fn outside_of_code(line: &str) -> String {
    // Each part is backticks, if there are any, and one other character after them.
    let mut parts = line.split_inclusive(|character| character != '`').map(|part| {
        let text = part.trim_start_matches('`');
        (part.len() - text.len(), text)
    });
    let mut outside = String::new();
    while let Some((ticks, mut text)) = parts.next() {
        if ticks > 0 {
            let end = parts.find(|(other, _)| *other == ticks);
            text = end.unwrap_or_else(|| panic!("a code span does not end: {line}")).1;
        }
        outside.push_str(text);
    }
    outside
}

#[test]
fn what_is_in_a_code_span_is_told_from_what_is_not() {
    assert_eq!(outside_of_code("a `b` c ``d ` <e>`` f"), "a  c  f");
    assert_eq!(outside_of_code("`` ` `` <x>"), " <x>");
    assert_eq!(outside_of_code("`a`"), "");
}

#[test]
fn a_run_that_is_done_is_told_with_what_it_changed_and_where_its_journal_ends() {
    let stage = stage("");
    stage.lockstep(&["apply", BOTH[0], BOTH[1], "-e", "lab", "--yes"]).expect(0);
    let told = report(&stage);
    let shown = stage.lockstep(&["show", &stage.run(), "--json"]).expect(0).json();
    for words in [
        "- Component: `follower`, from `0` to `3`\n",
        "- Environment: `lab` (at Railway `",
        "- Approved: ",
        "- Came to: done: the wanted version runs\n",
        "\n## Stage 2 of 2\n",
        "- Stage 1, `steady`: run r-",
        "| `follow` | there | ",
        " | done |\n| `count` | there | ",
        ": effect `count`: `health-monitor: set variables without a deploy: FOLLOWER_SAW = 4`\n",
        "\n## Denied to the plugin\n\nNone.\n",
        "- `health-monitor, \u{201c}figures\u{201d}: about 1 s`\n",
        "\n## Outages as the journal bounds them: from their first step to the end of their last\n\n- `health-monitor, ",
        "\n## Not covered, in the plugin's words\n\n- `what the variables are for`\n",
        &format!(
            "- Plan: {}\n",
            shown["run"]["records"][0]["event"]["planned"]["plan"].as_str().unwrap()
        ),
        &format!("- Head: {}\n", shown["run"]["head"]["digest"].as_str().unwrap()),
    ] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    let file = ["report", &stage.run(), "--out", "report.md", "--json"];
    let file = stage.lockstep(&file).expect(0).says("is told in report.md").json();
    assert_eq!(file["report"]["file"], "report.md");
    assert_eq!(std::fs::read_to_string(stage.folder().join("report.md")).unwrap(), told);
    stage.lockstep(&["report", &stage.run(), "--json"]).expect(2).says("is Markdown by itself");
    // None is open, and which one is meant is not guessed.
    stage.lockstep(&["report"]).expect(2).says("no run is open");
}

#[test]
fn a_run_that_was_taken_back_says_why_and_hostile_words_stay_words() {
    let stage = stage("hostile");
    stage.lockstep(&["apply", BOTH[1], "-e", "lab", "--yes"]).expect(11);
    let told = report(&stage);
    for words in [
        "- Came to: rolled back: the version before runs. Why: `",
        " | there | ",
        " | back | ",
        " | failed |\n",
        "count: FAILED: ",
    ] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    assert!(told.matches("alert(1)").count() > 5, "{told}");
    for line in told.lines() {
        let outside = outside_of_code(line);
        for hostile in ["<", "[", "@", "evil", "alert", "\u{202e}"] {
            assert!(!outside.contains(hostile), "`{hostile}` gets out of: {line}");
        }
        assert_eq!(outside.contains('|'), line.starts_with('|'), "{line}");
        assert!(!line.starts_with("# ") || line.starts_with("# Run r-"), "{line}");
    }
}

#[test]
fn a_run_that_is_not_over_says_so() {
    let stage = stage("");
    stage.lockstep(&["apply", BOTH[0], "-e", "lab", "--yes", "--until", "set-1"]).expect(10);
    let told = stage.lockstep(&["report"]).expect(0).out;
    for words in ["- Ended: not yet\n", "- Came to: not over\n", "\nNot begun: `set-2`, `set-3`"] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    assert!(!told.contains("## Stage"), "{told}");
}
