//! What a command finds around itself.

use crate::stage::Stage;

#[test]
fn every_command_has_help_with_an_example_or_a_sentence() {
    let stage = Stage::empty();
    for command in [
        "plan", "apply", "resume", "rollback", "approve", "runs", "show", "status", "lab", "doctor",
    ] {
        let done = stage.lockstep(&[command, "--help"]).expect(0);
        assert!(done.out.len() > 200, "{command}: {}", done.out);
    }
}

#[test]
fn json_is_one_document_also_for_errors() {
    let stage = Stage::empty();
    let done = stage.lockstep(&["plan", "redis", "-e", "nowhere", "--json"]).expect(2);
    assert_eq!(done.json()["kind"], "error");
    assert_eq!(done.json()["error"]["exit"], 2);
    assert_eq!(stage.lockstep(&["runs", "--json"]).expect(0).json()["lockstep"], 1);
}
