//! The break-glass file, followed by a person who has bash and curl and no Lockstep.

use std::path::PathBuf;
use std::process::Command;

use crate::stage::{Stage, binary};

/// Returns the file of the only run.
fn file(stage: &Stage) -> String {
    let path = stage.folder().join(format!(".lockstep/break-glass/{}.md", stage.run()));
    std::fs::read_to_string(path).unwrap()
}

/// Returns the blocks of commands of the part that begins with `title`, up to the next title.
fn blocks(file: &str, title: &str) -> Vec<String> {
    let (_, part) = file.split_once(title).unwrap_or_else(|| panic!("no `{title}` in:\n{file}"));
    let part = part.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    commands(part).map(str::to_owned).collect()
}

/// Returns the blocks of commands in a text.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap())
}

/// Where a `redis-cli` of the lab's own is.
fn programs() -> Option<PathBuf> {
    let usual = binary().parent()?.parent()?.join("programs");
    let named = std::env::vars_os().find(|(name, _)| name == "LOCKSTEP_PROGRAMS");
    let programs = named.map_or(usual, |(_, folder)| PathBuf::from(folder));
    let bin = programs.join("redis-7.0/bin");
    bin.join("redis-cli").is_file().then_some(bin)
}

/// Runs commands in one bash, as a person who pastes one block after the other, and returns what it said.
fn bash(stage: &Stage, commands: &[String]) -> String {
    let mut command = Command::new("bash");
    command.current_dir(stage.folder()).args(["-u", "-c"]).arg(
        "PATH=$PROGRAMS:$PATH DEPLOYMENT= BACKUP= SERVICE= VOLUME= WORKFLOW= SECRET=\n".to_owned()
            + &commands.concat(),
    );
    for name in ["RAILWAY_API_URL", "RAILWAY_TOKEN"] {
        command.env(name, stage.env(name));
    }
    command.env("REDIS_HOST", stage.env("REDIS_ADDRESS"));
    command.env("REDISCLI_AUTH", stage.env("REDIS_PASSWORD"));
    command.env("PROGRAMS", programs().unwrap_or_default());
    let output = command.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{out}\n{err}");
    assert!(!out.contains("\"errors\""), "{out}\n{err}");
    out
}

#[test]
fn the_break_glass_file_alone_takes_an_upgrade_back() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "upgrade"])
        .expect(10);
    assert!(stage.census().version.starts_with("7.0"));
    let file = file(&stage);
    let mut commands = blocks(&file, "## 1. ");
    assert_eq!(commands.len(), 1, "the functions");
    let looks = blocks(&file, "## 2. ");
    let seen = bash(&stage, &[commands.clone(), looks[..1].to_vec()].concat());
    assert!(file.contains("decryptVariables: false") && !file.contains("decryptVariables: true"));
    for shown in ["7.0.15@sha256:", "final-backup", "SUCCESS"] {
        assert!(seen.contains(shown), "`{shown}` is not in:\n{seen}");
    }
    commands.extend(blocks(&file, "### If step 11, `upgrade`, began"));
    assert_eq!(commands.len(), 6, "{commands:#?}");
    bash(&stage, &commands);
    // Railway deploys in the background.
    let up = |_| {
        let status = stage.lockstep(&["status", "-e", "lab"]).expect(0);
        status.err.contains("redis            healthy")
            && stage.image("redis").contains("redis:6.2@sha256:")
    };
    assert!((0..1000).any(up), "Redis does not come up again");
    let after = stage.census();
    assert!(after.version.starts_with("6.2"), "{after:?}");
    assert_eq!(before.samples, after.samples);
}

#[test]
fn every_step_back_of_the_file_is_a_command_and_no_secret_is_in_it() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "pin"]).expect(10);
    let file = file(&stage);
    let back = file.split("## 4. ").nth(1).unwrap();
    let asked = back.matches(" happened)").count();
    let blocks: Vec<&str> = commands(back).map(str::trim).collect();
    assert_eq!(blocks.len(), asked);
    assert!(blocks.iter().all(|block| !block.is_empty()), "{back}");
    assert!(!file.contains(&stage.env("REDIS_PASSWORD")));
    assert!(!file.contains(&stage.env("RAILWAY_TOKEN")));
}
