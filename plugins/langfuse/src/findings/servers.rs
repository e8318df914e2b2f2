//! Findings about the servers that Langfuse rests on: PostgreSQL, ClickHouse, Redis and the object storage.

use lockstep_sdk::Finding;
use lockstep_sdk::text::tame;
use lockstep_sdk::version::numbers;

use super::Seen;
use crate::survey::Survey;
use crate::version::Release;

/// Where the oldest versions are written.
const SOURCE: &str = "Langfuse docs, self-hosting; domain.md C.2";

/// The oldest PostgreSQL of versions 3 and 4.
pub(super) const POSTGRES_OF_3: u64 = 12;
const POSTGRES_OF_4: u64 = 15;

/// The oldest MinIO that deletes as Langfuse asks it to, unless told otherwise.
const MINIO: &str = "RELEASE.2025-02-03";

/// The variable that tells it otherwise.
const CHECKSUM: &str = "LANGFUSE_S3_DELETE_OBJECTS_CHECKSUM_ALGORITHM";

/// What keeps anything from being proven.
pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let refusal = |id: &str, title: &str, why: &str| {
        Finding::refusal(id, title)
            .evidence(why)
            .remedy("see that it is up and that it can be reached: `lockstep doctor`")
    };
    if let Err(why) = &survey.columns {
        findings.push(refusal(
            "clickhouse",
            "ClickHouse can't be read, so nothing about it can be proven",
            why,
        ));
    }
    if let Err(why) = &survey.queues {
        findings.push(refusal(
            "redis",
            "Redis can't be read, so nothing about the queues can be proven",
            why,
        ));
    }
    if let Err(why) = &survey.working {
        findings.push(refusal(
            "worker",
            "the worker does not work, so nothing that is sent is ever written",
            why,
        ));
    }
    if let Some(Err(why)) = &survey.stored {
        findings.push(refusal(
            "storage",
            "the object storage does not take requests, so nothing that is sent is kept",
            why,
        ));
    }
    findings
}

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let to_four = seen.goal.release.major >= 4;
    let least = if to_four { POSTGRES_OF_4 } else { POSTGRES_OF_3 };
    let mut findings = vec![postgres(seen.inside.server, seen.goal.release, least)];
    findings.push(clickhouse(seen, if to_four { (25, 12) } else { (24, 3) }));
    findings.push(timezone(seen));
    findings.extend(queues(seen.survey));
    findings.extend(storage(seen.survey));
    findings
}

pub(super) fn postgres(server: u64, release: Release, least: u64) -> Finding {
    let major = server / 10_000;
    if major >= least {
        Finding::note("postgres", format!("PostgreSQL {major} is new enough"))
            .evidence(format!("at least {least}"))
    } else {
        Finding::refusal("postgres", format!("PostgreSQL {major} is too old for {release}"))
            .evidence(format!("at least {least}"))
            .remedy("upgrade PostgreSQL first")
    }
    .source(SOURCE)
}

fn clickhouse(seen: Seen<'_>, (year, month): (u64, u64)) -> Finding {
    let version = tame(&seen.columns.version, 40);
    if seen.columns.is_at_least(year, month) {
        Finding::note("clickhouse", format!("ClickHouse {version} is new enough"))
            .evidence(format!("at least {year}.{month}"))
            .source(SOURCE)
    } else {
        Finding::refusal("clickhouse", format!("ClickHouse {version} is too old for {}", seen.goal.release))
            .evidence(format!("at least {year}.{month}; with an older one its migrations fail half-way"))
            .evidence("years and months are compared as numbers: 24.10 is newer than 24.3")
            .remedy("upgrade ClickHouse first, one line at a time, after a backup: its data does not open in an older version again")
            .source(SOURCE)
    }
}

fn timezone(seen: Seen<'_>) -> Finding {
    let zone = tame(&seen.columns.timezone, 60);
    if zone == "UTC" {
        return Finding::note("timezone", "ClickHouse counts time in UTC");
    }
    Finding::refusal(
        "timezone",
        "ClickHouse does not count time in UTC: what is asked for a time is answered for another",
    )
    .evidence(format!("timezone(): {zone}"))
    .remedy("set its time zone to UTC (TZ=UTC) and restart it")
    .source("domain.md C.3, E")
}

fn queues(survey: &Survey) -> Vec<Finding> {
    let Ok(queues) = &survey.queues else { return Vec::new() };
    let mut findings = Vec::new();
    let version = tame(&queues.version, 40);
    let is_new = numbers(&queues.version).is_some_and(|it| it.numbers.as_slice() >= [7].as_slice());
    findings.push(if is_new {
        Finding::note("redis", format!("Redis {version} is new enough")).source(SOURCE)
    } else {
        Finding::refusal("redis", format!("Redis {version} is too old for Langfuse 3"))
            .evidence("at least 7")
            .remedy("upgrade Redis first")
            .source(SOURCE)
    });
    let policy = tame(&queues.policy, 40);
    findings.push(if policy == "noeviction" {
        Finding::note("eviction", "Redis throws nothing away when it is full")
    } else {
        Finding::refusal("eviction", "Redis throws keys away when it is full, and traces that wait in its queues with them")
            .evidence(format!("maxmemory-policy: {policy}"))
            .remedy("set maxmemory-policy to noeviction, in the server and where it starts from; `lockstep plan redis` does so")
            .source("domain.md C.2; docs.bullmq.io")
    });
    findings
}

fn storage(survey: &Survey) -> Option<Finding> {
    let storage = survey.storage.as_ref()?;
    let image = storage.image()?;
    let tag = image.tag.as_deref().unwrap_or("none");
    let is_old = tag.starts_with("RELEASE.") && tag < MINIO;
    if is_old && !survey.web.has(CHECKSUM) {
        return Some(
            Finding::warning(
                "storage",
                "this MinIO does not take deletions as Langfuse asks for them",
            )
            .evidence(format!("tag {tag}, at least {MINIO}"))
            .remedy(format!("set {CHECKSUM}=MD5 on the web service and the worker, or upgrade it"))
            .source("domain.md E"),
        );
    }
    Some(
        Finding::note("storage", "the object storage takes requests")
            .evidence(format!("tag {tag}; it tells no version")),
    )
}
