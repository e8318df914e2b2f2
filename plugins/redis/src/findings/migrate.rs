//! Findings about moving from Bitnami's image to the official one: whether everything that it was told can be handed on, and
//! whether each image can read what the other one wrote.

use lockstep_sdk::{Finding, Variable, VariableValue};

use super::server::{strangers, variable};
use crate::names;
use crate::server::is_read;
use crate::start;
use crate::survey::{Inside, Survey};

/// The variable with which Railway starts an image as another user than its own.
pub(crate) const USER: &str = "RAILWAY_RUN_UID";

/// Variables that Bitnami's image reads and whose effect `CONFIG GET` does not tell, or no flag repeats.
const LOST: [(&str, &str); 6] = [
    ("REDIS_ACLFILE", "users of their own"),
    ("REDIS_DISABLE_COMMANDS", "commands that clients may not use"),
    ("REDIS_OVERRIDES_FILE", "a file of settings"),
    ("REDIS_PASSWORD_FILE", "a password outside `REDIS_PASSWORD`"),
    ("REDIS_REPLICATION_MODE", "a place among replicas"),
    ("REDIS_MASTER_HOST", "a place among replicas"),
];

/// Returns what is to be said.
pub(super) fn going(survey: &Survey, inside: &Inside) -> Vec<Finding> {
    let mut findings = vec![
        Finding::note("start-command", "the official image takes its password by a start command")
            .evidence("a service with a start command of its own can't be converted to Railway's `redis-ha` later; Bitnami's image could")
            .evidence("what differs from the official image's own is handed on as flags"),
    ];
    if !survey.variables.iter().any(|variable| variable.name == "REDIS_PASSWORD") {
        findings.push(
            Finding::refusal("password", "the service has no variable `REDIS_PASSWORD` that the start command could refer to")
                .remedy("set it to the password that the server has now"),
        );
    }
    findings.extend(user(survey));
    findings.extend(unread(inside));
    findings.extend(told(survey));
    findings.extend(users(inside));
    findings.extend(disk(survey, inside));
    findings
}

/// The official image starts as root, gives the data to its own user (999) and creates files that only that one reads.
/// Bitnami's starts as 1001, who can't read them, unless Railway starts it as root: then it gives them to its user too.
fn user(survey: &Survey) -> Option<Finding> {
    let set = survey.variables.iter().find(|variable| variable.name == USER);
    match (set, variable(survey, USER)) {
        (_, Some("0")) => None,
        (None, _) => Some(
            Finding::note("user", "each image must be able to read what the other one wrote, so both are started as root; each changes to its own user by itself")
                .evidence(format!("{USER} is not set: the plan sets it to 0, and leaves it so once the server was replaced"))
                .evidence("the official image gives the data to its own user (999), and Bitnami's runs as another (1001)")
                .mended_by(names::USER),
        ),
        (Some(_), _) => Some(
            Finding::refusal(
                "user",
                "the service runs as a user who may not give the data to the official image's user",
            )
            .evidence(format!("{USER} is not 0"))
            .remedy(format!(
                "set {USER} to 0: the official image changes to its own user by itself"
            )),
        ),
    }
}

fn unread(inside: &Inside) -> Option<Finding> {
    let unread = &inside.server.unread;
    let finding = Finding::refusal(
        "settings-unread",
        "settings can't be read, so the official image can't be told what they are",
    )
    .remedy("let `CONFIG GET` be used (`REDIS_DISABLE_COMMANDS`), then plan again");
    let finding = unread.iter().fold(finding, |finding, line| finding.evidence(line.as_str()));
    (!unread.is_empty()).then_some(finding)
}

/// What the image was told by variables and flags that nobody can hand on.
fn told(survey: &Survey) -> Option<Finding> {
    let mut evidence = Vec::new();
    for variable in survey.variables.iter().filter(|variable| counts(variable)) {
        let name = variable.name.as_str();
        if let Some((_, what)) = LOST.iter().find(|(lost, _)| *lost == name) {
            evidence.push(format!("{name}: {what}"));
        } else if name.starts_with("REDIS_TLS_") {
            evidence.push(format!("{name}: encrypted connections"));
        } else if name == "REDIS_EXTRA_FLAGS" {
            match &variable.value {
                VariableValue::Shown(flags) => evidence.extend(unknown(name, flags)),
                VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => {
                    evidence.push(format!("{name}: flags that can't be seen"));
                }
            }
        }
    }
    let command = survey.redis.setting("start-command").unwrap_or("");
    evidence.extend(unknown("the start command", command));
    let finding = Finding::refusal(
        "bitnami-only",
        "Bitnami's image is told what the official one would not be told",
    )
    .remedy("do without it first, or move by hand: no flag of the plan's start command repeats it");
    let finding = evidence.iter().fold(finding, |finding, line| finding.evidence(line.as_str()));
    (!evidence.is_empty()).then_some(finding)
}

/// Flags that no `CONFIG GET` of this plugin reads. Those that it reads are handed on with the value that the server has.
fn unknown(place: &str, command: &str) -> Vec<String> {
    start::flags(command)
        .filter(|flag| !is_read(flag))
        .map(|flag| format!("{place}: --{flag}"))
        .collect()
}

fn counts(variable: &Variable) -> bool {
    match &variable.value {
        VariableValue::Shown(text) => {
            !["", "no", "false", "0"].contains(&text.trim().to_ascii_lowercase().as_str())
        }
        VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => true,
    }
}

fn users(inside: &Inside) -> Option<Finding> {
    let finding = Finding::refusal(
        "users",
        "clients are logged in as users of their own, which the official image would not know",
    )
    .remedy("let these clients use the default user, then plan again");
    let finding = strangers(inside).fold(finding, Finding::evidence);
    (!finding.evidence.is_empty()).then_some(finding)
}

/// Switching the append-only file on writes the whole data set once more, beside the file of the saves and its successor.
fn disk(survey: &Survey, inside: &Inside) -> Option<Finding> {
    let volume = survey.redis.service.volume.as_ref()?;
    let short = volume.size_mb > 0 && volume.used_mb.saturating_mul(3) > volume.size_mb;
    (!inside.server.appends() && short).then(|| {
        Finding::refusal(
            "disk",
            "the append-only file must be switched on, and the volume has no room for it beside the saves",
        )
        .evidence(format!("{} MB of {} MB used", volume.used_mb, volume.size_mb))
        .remedy("grow the volume to three times what is used, or free space, then plan again")
    })
}
