//! Every example of every `--help` is a call that this version takes.

use clap::{CommandFactory as _, Parser as _};

use super::lab::{FAULTS, control};
use crate::args::{Arguments, Command, LabCommand};

/// Returns the calls of `lockstep` in the text after the help of a command and of all below it.
fn examples(command: &clap::Command) -> Vec<String> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("  ")).flat_map(|line| {
        let calls = line.trim().split("&&").map(str::trim);
        let calls = calls.map(|call| {
            let inner = call.strip_prefix("eval \"$(").and_then(|call| call.strip_suffix(")\""));
            inner.unwrap_or(call).to_owned()
        });
        calls.filter(|call| call.starts_with("lockstep ")).collect::<Vec<_>>()
    });
    lines.chain(command.get_subcommands().flat_map(examples)).collect()
}

/// Returns the words of a call, as a shell would.
fn words(call: &str) -> Vec<String> {
    let parts = call.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn is_taken(call: &str) {
    let arguments =
        Arguments::try_parse_from(words(call)).unwrap_or_else(|error| panic!("`{call}`: {error}"));
    match arguments.command {
        Command::Lab(LabCommand::Break { fault }) if !fault.is_empty() => {
            let fault: Vec<&str> = fault.iter().map(String::as_str).collect();
            assert!(control(&fault).is_ok(), "`{call}` is no fault");
        }
        Command::Lab(LabCommand::Up(up)) => {
            up.stack.parse::<lockstep_lab::Stack>().unwrap();
        }
        Command::Resume(resume) => {
            let fate = resume.assume.as_deref().map(|assume| assume.split_once(':').unwrap().0);
            assert!(fate.is_none_or(|fate| ["happened", "not-happened"].contains(&fate)));
        }
        Command::Lab(_)
        | Command::Plugin(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Rollback(_)
        | Command::Approve(_)
        | Command::Runner(_)
        | Command::Runs
        | Command::Show(_)
        | Command::Report(_)
        | Command::Export(_)
        | Command::Prune(_)
        | Command::Status
        | Command::Matrix(_)
        | Command::Doctor(_) => {}
    }
}

#[test]
fn every_example_of_the_help_is_taken() {
    let examples = examples(&Arguments::command());
    assert!(examples.len() > 12, "{examples:#?}");
    for call in examples {
        is_taken(&call);
    }
}

#[test]
fn every_fault_that_is_listed_can_be_injected() {
    let lines: Vec<&str> = FAULTS.lines().skip(1).collect();
    for line in &lines {
        let (form, _) = line.trim().split_once("  ").unwrap();
        let given = form.split(' ').map(|word| match word.trim_matches(['[', ']']) {
            "N" | "SECS" | "MILLISECONDS" => "3",
            "IMAGE" => "redis:7.0.15",
            "SERVICE" => "redis",
            "MUTATION" => "serviceInstanceDeployV2",
            "FAULT…" => "down",
            "HOW" => "postgres-killed",
            literal => literal,
        });
        let all: Vec<&str> = given.collect();
        assert!(control(&all).is_ok(), "`{form}`");
    }
    assert!(lines.len() > 10);
}

#[test]
fn the_examples_of_the_readme_are_taken() {
    let readme = include_str!("../../../../README.md");
    let calls: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    lockstep"))
        .map(|call| call.split('#').next().unwrap_or_default().trim())
        .collect();
    assert!(calls.len() > 8, "{calls:?}");
    for call in calls {
        // `[RUN]` may be left out, and stands for a run where it is not.
        is_taken(&format!("lockstep {}", call.replace("[RUN]", "r-3f9a")));
    }
}
