//! Findings about what is in the server and what becomes of its format.

use lockstep_sdk::Finding;

use super::Planned;
use crate::path::{Path, going_back};
use crate::survey::{Inside, Survey};
use crate::version::Exact;

/// What changed for clients and operators, by the minor version that brought it.
const CHANGES: [(u64, u64, &str); 7] = [
    (
        7,
        0,
        "users without rules for channels may no longer subscribe (`acl-pubsub-default resetchannels`)",
    ),
    (
        7,
        0,
        "DEBUG and MODULE are refused unless `enable-debug-command` and `enable-module-command` allow them",
    ),
    (7, 0, "the append-only file becomes a folder, which an older server does not see"),
    (7, 0, "saving commands are refused inside MULTI, and STRALGO is gone"),
    (7, 2, "the RDB format goes to 11"),
    (7, 4, "the licence becomes RSALv2 or SSPL, and the RDB format goes to 12"),
    (8, 0, "the licence gains AGPL as a choice, and the former modules are built in"),
];

pub(super) fn going(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let look = &inside.look;
    let mut findings = vec![
        format(survey, inside, planned),
        Finding::note("keys", "what is in the server").evidence(format!(
            "{} keys, {} of them without a time to live",
            look.keys,
            look.lasting()
        )),
        queues(inside),
    ];
    let changed = CHANGES.iter().filter(|(major, minor, _)| {
        let first = Exact { major: *major, minor: *minor, patch: 0 };
        inside.server.version < first && first <= planned.goal.version
    });
    let finding = Finding::warning("changes", "what the versions in between change")
        .remedy("read their release notes")
        .source("Redis: 00-RELEASENOTES");
    let finding = changed.fold(finding, |finding, (major, minor, what)| {
        finding.evidence(format!("{major}.{minor}: {what}"))
    });
    findings.extend((!finding.evidence.is_empty()).then_some(finding));
    findings
}

fn format(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Finding {
    let name =
        |version: Exact| version.rdb().map_or_else(|| "unknown".to_owned(), |rdb| rdb.to_string());
    let line = format!(
        "RDB {} now, RDB {} afterwards",
        name(inside.server.version),
        name(planned.goal.version)
    );
    let line = if inside.server.version.rdb().is_none() {
        format!("{line}: within one minor version it has never changed")
    } else {
        line
    };
    match planned.path {
        Path::VersionStep => Finding::warning("format", "once the new server has started, the former one can't read the data")
            .evidence(line)
            .remedy("the plan goes back by restoring the volume; what is written after the last backup is lost then")
            .source("Redis: RDB_VERSION in src/rdb.h, which only grows"),
        Path::Migrate => Finding::note("format", "the data format stays the same")
            .evidence(line)
            .evidence(going_back(survey)),
        Path::Nothing | Path::Patch => {
            Finding::note("format", "the data format stays the same, so going back loses nothing").evidence(line)
        }
    }
}

fn queues(inside: &Inside) -> Finding {
    let queues = &inside.queues;
    let title = format!(
        "{} jobs are in Langfuse's queues, {} of them unfinished",
        queues.all(),
        queues.waiting()
    );
    let busy = queues.depths.iter().filter(|(_, depth)| **depth > 0);
    let finding = busy.fold(Finding::note("queues", title), |finding, (name, depth)| {
        finding.evidence(format!("{name}: {depth}"))
    });
    if queues.complete {
        finding
    } else {
        finding.evidence("not every key was looked at: there may be more queues")
    }
}
