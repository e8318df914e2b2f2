//! Findings about the server and its settings.

use lockstep_sdk::Finding;
use lockstep_sdk::image::short;

use super::Planned;
use crate::clients;
use crate::names;
use crate::observe::KEPT;
use crate::path::{Lineage, Path};
use crate::server::Server;
use crate::start;
use crate::survey::{Inside, Survey};

const MEGABYTE: u64 = 1_048_576;

/// The eviction policy that Langfuse's queues need.
pub(crate) const POLICY: &str = "noeviction";

pub(super) fn standing(inside: &Inside) -> Vec<Finding> {
    let server = &inside.server;
    let mut findings = Vec::new();
    let role = server.field("role").unwrap_or("unknown");
    if !server.is_master() {
        findings.push(
            Finding::refusal(
                "role",
                "the server is no primary, so an upgrade of it would upgrade a copy",
            )
            .evidence(format!("its role is `{role}`"))
            .remedy("name the primary's service and connection"),
        );
    }
    if !server.stands_alone() {
        findings.push(
            Finding::refusal(
                "mode",
                "the server is part of a cluster or a sentinel, for which this plugin has no plan",
            )
            .evidence(format!("its mode is `{}`", server.field("redis_mode").unwrap_or("unknown"))),
        );
    }
    if let Some(why) = clients::not_alone(server, inside.sentinels) {
        findings.push(
            Finding::refusal(
                "followers",
                "the server is the primary of others, and stopping it would make one of them take over",
            )
            .evidence(why)
            .remedy("take the replicas and sentinels away first, or upgrade them by their own procedure, replicas before the primary"),
        );
    }
    if server.loads() {
        findings.push(
            Finding::refusal("loading", "the server is still reading its data set")
                .remedy("plan again when it has ended"),
        );
    }
    for (name, what) in [
        ("rdb_last_bgsave_status", "its last save failed"),
        ("aof_last_bgrewrite_status", "its last rewrite of the append-only file failed"),
        ("aof_last_write_status", "its last write to the append-only file failed"),
    ] {
        if server.field(name).is_some_and(|status| status != "ok") {
            findings.push(
                Finding::refusal(
                    "persistence-broken",
                    format!("the server can't keep its data: {what}"),
                )
                .evidence(format!("`{name}` is `{}`", server.field(name).unwrap_or_default()))
                .remedy("free space on the volume, or mend its permissions, then plan again"),
            );
        }
    }
    findings
}

pub(super) fn going(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let mut findings = version(survey, inside, planned);
    findings.extend(policy(survey, inside));
    findings.extend(persistence(survey, inside, planned));
    findings.extend(settings(survey, inside, planned));
    findings.extend(extensions(inside, planned));
    findings
}

fn version(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let server = &inside.server;
    let image = survey.redis.service.image.as_deref().unwrap_or("none");
    let found = Finding::note(
        "version",
        format!("Redis {} runs, and {} is wanted", server.version, planned.goal.version),
    )
    .evidence(format!("INFO: redis_version {}", server.version))
    .evidence(format!("configured: {image}"))
    .evidence(format!("running: {}", survey.redis.digest().map_or("unknown", short)))
    .evidence(format!("wanted: {}", planned.goal.image));
    let mut findings = vec![found];
    if let Some(valkey) = server.field("valkey_version") {
        findings.push(
            Finding::note(
                "valkey",
                "the server is Valkey, which calls itself the Redis that it grew out of",
            )
            .evidence(format!("valkey_version {valkey}")),
        );
    }
    let tag = survey.redis.image().and_then(|image| image.tag);
    let tagged = tag.as_deref().and_then(lockstep_sdk::version::numbers).map(|found| found.numbers);
    let runs = [server.version.major, server.version.minor, server.version.patch];
    if tagged.is_some_and(|tagged| !runs.starts_with(&tagged)) {
        findings.push(
            Finding::warning("version-tag", "the tag does not say what runs").evidence(format!(
                "tag {}, version {}",
                tag.unwrap_or_default(),
                server.version
            )),
        );
    }
    findings
}

fn policy(survey: &Survey, inside: &Inside) -> Vec<Finding> {
    let live = inside.server.setting("maxmemory-policy").unwrap_or("unknown");
    let limit = inside.server.setting("maxmemory").unwrap_or("unknown");
    let used = inside.server.count("used_memory").unwrap_or(0);
    let mut findings = vec![
        Finding::note("memory", "memory in use and its limit")
            .evidence(format!("used {} MB, maxmemory {limit}", used / MEGABYTE))
            .evidence(format!(
                "evicted since the start: {}",
                inside.server.count("evicted_keys").unwrap_or(0)
            )),
        fork(&inside.server),
    ];
    let most = inside.server.setting("maxmemory").and_then(|limit| limit.parse::<u64>().ok());
    if let Some(most) = most.filter(|most| live != POLICY && is_nearly_full(used, *most)) {
        findings.push(
            Finding::refusal(
                "memory-full",
                format!("the server has nearly all the memory that it may have, so under `{POLICY}` it would soon refuse every write that needs more"),
            )
            .evidence(format!("used {} MB of {} MB, policy `{live}`", used / MEGABYTE, most / MEGABYTE))
            .remedy("raise `maxmemory` first, in the server and in what starts it, as far as the service's memory allows; then plan again"),
        );
    }
    let hidden = survey.redis.setting("start-command").is_some_and(start::names_a_file);
    findings.push(if live != POLICY && hidden {
        Finding::refusal("policy", format!("the eviction policy is `{live}`, and the next start takes it from a file that can't be seen"))
            .evidence("CONFIG GET maxmemory-policy")
            .remedy(format!("set `maxmemory-policy {POLICY}` in that file, or as a flag of the start command"))
    } else if live == POLICY {
        Finding::note("policy", format!("the eviction policy is `{POLICY}`, as Langfuse's queues need")).evidence("CONFIG GET maxmemory-policy")
    } else {
        Finding::warning("policy", format!("the eviction policy is `{live}`: under pressure the server throws away Langfuse's jobs"))
            .evidence("CONFIG GET maxmemory-policy")
            .remedy(format!("the plan sets it to `{POLICY}`"))
            .mended_by(names::POLICY)
            .source("BullMQ: going to production")
    });
    let idle =
        ["REDIS_MAXMEMORY", "REDIS_MAXMEMORY_POLICY", "REDIS_APPENDONLY", "REDIS_APPENDFSYNC"];
    let set: Vec<_> =
        survey.variables.iter().filter(|variable| idle.contains(&variable.name.as_str())).collect();
    if !set.is_empty() {
        let finding = Finding::note(
            "idle-variables",
            "these variables are set and the image does not read them",
        );
        findings.push(
            set.iter().fold(finding, |finding, variable| finding.evidence(variable.name.as_str())),
        );
    }
    findings
}

/// Returns whether less than a fifth of the memory is left. What evicted until now only grows from then on: queues while
/// the worker is stopped, and the cache until its keys expire.
const fn is_nearly_full(used: u64, most: u64) -> bool {
    most > 0 && used.saturating_mul(5) > most.saturating_mul(4)
}

/// A save and a rewrite happen in a copy of the process, which shares memory until clients change it.
fn fork(server: &Server) -> Finding {
    let resident = server.count("used_memory_rss").unwrap_or(0);
    let copied = server.count("rdb_last_cow_size").unwrap_or(0);
    let evidence = format!(
        "resident {} MB, copied during the last save {} MB",
        resident / MEGABYTE,
        copied / MEGABYTE
    );
    let title = "while it saves, the server may need as much memory again";
    if !server.forks_large() {
        return Finding::note("fork", title).evidence(evidence);
    }
    Finding::warning("fork", title)
        .evidence(evidence)
        .remedy("see that the service has room for that: a server that is killed for its memory is down, and loses what was not on disk")
}

fn persistence(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let server = &inside.server;
    let save = server.setting("save").unwrap_or("unknown");
    let mut findings = vec![
        Finding::note("persistence", "how the server keeps its data")
            .evidence(format!("append-only file: {}", if server.appends() { "on" } else { "off" }))
            .evidence(format!("save: {}", if save.is_empty() { "never" } else { save }))
            .evidence(format!("dir: {}", server.setting("dir").unwrap_or("unknown"))),
    ];
    if !server.appends() && save.is_empty() {
        findings.push(
            Finding::refusal("persistence-off", "the server writes nothing to disk by itself, so a deploy would lose what is written before it")
                .remedy("switch the append-only file on while it runs (`CONFIG SET appendonly yes`), wait for the rewrite, and add `--appendonly yes` to the start command"),
        );
    } else if !server.appends() && planned.path != Path::Migrate {
        findings.push(
            Finding::warning(
                "persistence-weak",
                "without the append-only file the server saves when it is told to end",
            )
            .evidence("what is written between the last save and a kill is lost"),
        );
    }
    // What the next start reads is what its flags say, not what the server was told since.
    let told = told_to_append(survey, planned.lineage);
    let word = |appends: bool| if appends { "yes" } else { "no" };
    if let Some(told) =
        told.filter(|told| planned.path != Path::Migrate && *told != server.appends())
    {
        findings.push(
            Finding::refusal("persistence-drift", "the next start would read another file than the one that the server writes now")
                .evidence(format!("appendonly is {} in the server and {} in what starts it", word(server.appends()), word(told)))
                .remedy("make both say the same: a server that starts with `appendonly yes` and finds no such file starts empty"),
        );
    }
    findings
}

/// Returns whether the image that runs is told to keep an append-only file; none where that can't be seen.
pub(crate) fn told_to_append(survey: &Survey, lineage: Lineage) -> Option<bool> {
    let command = survey.redis.setting("start-command").unwrap_or("");
    let flag =
        |text| start::flag(text, "appendonly").map(|value| value.eq_ignore_ascii_case("yes"));
    match lineage {
        Lineage::Official => flag(command).or((!start::names_a_file(command)).then_some(false)),
        Lineage::Bitnami => {
            let set = |name| survey.variables.iter().any(|variable| variable.name == name);
            let extra = variable(survey, "REDIS_EXTRA_FLAGS");
            flag(command).or_else(|| extra.and_then(flag)).or_else(|| {
                match variable(survey, "REDIS_AOF_ENABLED") {
                    Some(value) => {
                        let value = value.to_ascii_lowercase();
                        Some(["yes", "true", "1"].contains(&value.as_str()))
                    }
                    None => (!set("REDIS_AOF_ENABLED")).then_some(true),
                }
            })
        }
    }
}

fn settings(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let server = &inside.server;
    let unusual: Vec<_> = server.unusual().collect();
    let mut findings = Vec::new();
    if !unusual.is_empty() {
        let finding =
            Finding::note("settings", "settings that differ from the official image's own");
        findings.push(
            unusual.iter().fold(finding, |finding, (name, value)| {
                finding.evidence(format!("{name} {value}"))
            }),
        );
    }
    let command = survey.redis.setting("start-command").unwrap_or("");
    let handled = ["appendonly", "dir", "maxmemory-policy"];
    // The first two are otherwise in 6.2, and `maxclients` is cut to what the container may open.
    let by_version = ["acl-pubsub-default", "repl-diskless-sync", "maxclients"];
    if planned.lineage == Lineage::Official && !start::names_a_file(command) {
        // What a Valkey has without being told is not known.
        let standing: Vec<_> = if server.field("valkey_version").is_some() {
            unusual.clone()
        } else {
            server.carried().filter(|(name, _)| !by_version.contains(name)).collect()
        };
        let lost: Vec<_> = standing
            .iter()
            .filter(|(name, _)| !handled.contains(name) && start::flag(command, name).is_none())
            .collect();
        let title = "these were set while the server ran, and its next start forgets them";
        // The check after the deploy demands the settings that decide what is kept, so the run could only be rolled back.
        let finding = if lost.iter().any(|(name, _)| KEPT.contains(name)) {
            Finding::refusal("settings-live", title)
        } else {
            Finding::warning("settings-live", title)
        };
        let finding = finding.remedy("add them to the start command as flags");
        let finding = lost
            .iter()
            .fold(finding, |finding, (name, value)| finding.evidence(format!("--{name} {value}")));
        findings.extend((!finding.evidence.is_empty()).then_some(finding));
    }
    if !server.unread.is_empty() && planned.path != Path::Migrate {
        let finding = Finding::warning(
            "settings-unread",
            "these settings could not be read, so they are neither compared nor carried over",
        );
        findings.push(
            server.unread.iter().fold(finding, |finding, line| finding.evidence(line.as_str())),
        );
    }
    findings
}

fn extensions(inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let server = &inside.server;
    let mut findings = Vec::new();
    // From 8.0 on the official image has the former modules built in.
    if !server.modules.is_empty() && server.version.major < 8 {
        findings.push(
            Finding::refusal(
                "modules",
                "the server has modules loaded, which the official image does not have",
            )
            .evidence(server.modules.join(", ")),
        );
    }
    if planned.path == Path::Migrate {
        return findings;
    }
    let finding = Finding::warning(
        "users",
        "clients are logged in as users of their own, which no flag carries over",
    )
    .remedy("see that the users are in a file on the volume, or that the clients can do without");
    let finding = strangers(inside).fold(finding, Finding::evidence);
    findings.extend((!finding.evidence.is_empty()).then_some(finding));
    findings
}

/// Returns the clients that are logged in as another user than the default one.
pub(super) fn strangers(inside: &Inside) -> impl Iterator<Item = &str> {
    let usual = |client: &&str| client.ends_with(" as default") || client.ends_with(" as ");
    inside.clients.keys().map(String::as_str).filter(move |client| !usual(client))
}

/// Returns the text of one of the service's variables.
pub(super) fn variable<'a>(survey: &'a Survey, name: &str) -> Option<&'a str> {
    let variable = survey.variables.iter().find(|variable| variable.name == name)?;
    if let lockstep_sdk::VariableValue::Shown(text) = &variable.value { Some(text) } else { None }
}
