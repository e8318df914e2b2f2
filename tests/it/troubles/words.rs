//! What a person typed or wrote.

use super::{nothing_happened, write_toml};
use crate::stage::Stage;

#[test]
fn an_unknown_component_or_version_is_refused_with_what_is_known() {
    let stage = Stage::redis_6_with_data();
    for command in ["plan", "apply"] {
        stage
            .lockstep(&[command, "cassandra", "-e", "lab"])
            .expect(2)
            .says("no plugin upgrades `cassandra`")
            .hints("this lockstep upgrades: langfuse, litellm, postgres-ha, redis");
        for (version, message, hint) in [
            ("6.0.16", "is older than 6.2.14", "roll its run back"),
            ("latest", "may become any version", "name an exact version"),
            ("99.1.2", "no version that this plugin knows", "name a version of"),
            ("nonsense", "`nonsense` is no version of Redis", "write it like"),
            ("7.0.99", "is not published", "7.0"),
        ] {
            let target = format!("redis@{version}");
            stage
                .lockstep(&[command, &target, "-e", "lab"])
                .expect(3)
                .says(message)
                .says("The plan refuses")
                .hints(hint);
        }
    }
    nothing_happened(&stage);
}

#[test]
fn a_malformed_file_is_named_with_its_line_and_what_is_wrong_there() {
    let stage = Stage::empty();
    for (text, message) in [
        ("version = 1\n[environments.twin\n", "line 2"),
        ("version = 1\nversion = 1\n", "duplicate key"),
        ("version = 1\nenvironmnets = {}\n", "unknown field `environmnets`"),
        (
            "version = 1\n[environments.twin]\nproject = \"p\"\nenvironment = \"e\"\nvia = \"pigeon\"\n",
            "unknown variant `pigeon`",
        ),
        (
            "version = 1\n[environments.twin]\nproject = 7\nenvironment = \"e\"\n",
            "invalid type: integer `7`, expected a string",
        ),
        ("version = \"1\"\n", "invalid type: string \"1\", expected u32"),
        ("version = 2\n", "has version 2, and this lockstep reads version 1"),
        ("default-environment = \"lab\"\n", "missing field `version`"),
        ("version = 1\n[environments.twin]\nproject = \"p\"\n", "`twin` names no `environment`"),
    ] {
        write_toml(&stage, text);
        for command in [&["plan", "redis"][..], &["apply", "redis"], &["runs"], &["status"]] {
            stage
                .lockstep(command)
                .expect(2)
                .says("lockstep.toml")
                .says(message)
                .hints("README.md");
        }
        stage.lockstep(&["doctor"]).expect(1).says(message).hints("README.md");
    }
    std::fs::remove_file(stage.folder().join("lockstep.toml")).unwrap();
    stage.lockstep(&["runs"]).expect(0).says("No runs yet");
}

#[test]
fn what_is_named_and_is_not_there_is_a_usage_error() {
    let stage = Stage::empty();
    write_toml(&stage, "version = 1\n");
    stage
        .lockstep(&["plan", "redis", "-e", "prod"])
        .expect(2)
        .says("there is no environment `prod`")
        .hints("there are: lab");
    stage
        .lockstep(&["plan", "redis", "-e", "lab"])
        .expect(1)
        .says("the lab is not running")
        .hints("lockstep lab up");
    stage.lockstep(&["plan"]).expect(2);
    stage.lockstep(&["resume", "r-none"]).expect(2).says("no run begins with");
}
