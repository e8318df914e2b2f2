//! Logs: what processes wrote, and what fronts saw answered.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::{Answered, Arguments, leaf, required, text};
use super::refusal::Refusal;
use crate::clock::printed;
use crate::state::{Deployment, State};
use crate::twin::Twin;

const DEFAULT: usize = 100;
const MOST: usize = 5_000;

/// Which lines are wanted.
struct Filter {
    words: Vec<String>,
    service: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

pub(super) fn of_deployment(twin: &Arc<Twin>, state: &State, arguments: &Arguments) -> Answered {
    let deployment = found(state, arguments)?;
    let filter = Filter::of(arguments, "startDate", "endDate")?;
    leaf(last(lines(twin, state, deployment, &filter), limit(arguments, "limit")?))
}

/// Image sources have no build, and the lab builds nothing from a repository either.
pub(super) fn of_build(state: &State, arguments: &Arguments) -> Answered {
    found(state, arguments)?;
    leaf(json!([]))
}

pub(super) fn of_environment(twin: &Arc<Twin>, state: &State, arguments: &Arguments) -> Answered {
    let filter = Filter::of(arguments, "afterDate", "beforeDate")?;
    let before = limit(arguments, "beforeLimit")?;
    let after = limit(arguments, "afterLimit")?;
    let wanted = |deployment: &&Deployment| {
        filter.service.as_ref().is_none_or(|id| *id == deployment.service_id)
    };
    let mut all: Vec<Value> = state
        .deployments
        .iter()
        .filter(wanted)
        .flat_map(|deployment| lines(twin, state, deployment, &filter))
        .collect();
    all.sort_by(|a, b| {
        a.get("timestamp").and_then(Value::as_str).cmp(&b.get("timestamp").and_then(Value::as_str))
    });
    let Some(anchor) = text(arguments, "anchorDate") else {
        return leaf(last(all, before.max(after)));
    };
    let (earlier, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|line| {
        line.get("timestamp").and_then(Value::as_str).is_some_and(|time| time <= anchor)
    });
    let mut around = earlier.split_at(earlier.len().saturating_sub(before)).1.to_vec();
    around.extend(later.into_iter().take(after));
    leaf(Value::Array(around))
}

pub(super) fn of_requests(twin: &Arc<Twin>, state: &State, arguments: &Arguments) -> Answered {
    let deployment = found(state, arguments)?;
    let filter = Filter::of(arguments, "afterDate", "beforeDate")?;
    let all = twin.fronts.exchanges(&deployment.id).into_iter().map(|seen| {
        json!({
            "timestamp": printed(seen.at),
            "method": seen.method,
            "path": seen.path,
            "httpStatus": seen.status,
            "totalDuration": seen.milliseconds,
            "upstreamRqDuration": seen.milliseconds,
            "host": deployment.variables.get("RAILWAY_PUBLIC_DOMAIN").cloned().unwrap_or_default(),
            "srcIp": seen.source.ip().to_string(),
            "deploymentId": deployment.id,
            "deploymentInstanceId": crate::identity::uuid(state.seed, &deployment.id),
            "upstreamAddress": seen.upstream.to_string(),
        })
    });
    let kept = all.filter(|line| filter.keeps(line, "path"));
    leaf(last(kept.collect(), limit(arguments, "limit")?))
}

fn found<'s>(state: &'s State, arguments: &Arguments) -> Result<&'s Deployment, Refusal> {
    state.deployment(required(arguments, "deploymentId")?).ok_or(Refusal::NotFound("Deployment"))
}

fn limit(arguments: &Arguments, name: &str) -> Result<usize, Refusal> {
    match arguments.get(name).and_then(Value::as_u64).map(usize::try_from) {
        None => Ok(DEFAULT),
        Some(Ok(limit)) if limit <= MOST => Ok(limit),
        Some(_) => Err(Refusal::BadInput(format!("`{name}` must be at most {MOST}"))),
    }
}

/// Returns one row more than asked for, as Railway does; clients keep the last ones.
fn last(lines: Vec<Value>, limit: usize) -> Value {
    let skip = lines.len().saturating_sub(limit + 1);
    Value::Array(lines.into_iter().skip(skip).collect())
}

/// Returns the lines of a deployment's log file.
///
/// Processes write to the file themselves, so only the order of lines is known: each gets the time of
/// the deployment and a microsecond more than the line before.
fn lines(twin: &Arc<Twin>, state: &State, deployment: &Deployment, filter: &Filter) -> Vec<Value> {
    let text = read(&twin.log_file(&deployment.id));
    let tags = json!({
        "serviceId": deployment.service_id,
        "deploymentId": deployment.id,
        "deploymentInstanceId": crate::identity::uuid(state.seed, &deployment.id),
        "environmentId": state.environment_id,
        "projectId": state.project_id,
        "snapshotId": deployment.snapshot_id,
    });
    let line = |(index, message): (usize, &str)| {
        let later = SignedDuration::from_micros(i64::try_from(index).unwrap_or_default());
        let at = deployment.created_at.checked_add(later).unwrap_or(deployment.created_at);
        json!({
            "timestamp": nanoseconds(at),
            "severity": if message.to_lowercase().contains("error") { "error" } else { "info" },
            "message": message,
            "attributes": [],
            "tags": tags,
        })
    };
    text.lines().enumerate().map(line).filter(|line| filter.keeps(line, "message")).collect()
}

fn read(file: &Path) -> String {
    std::fs::read(file)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn nanoseconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// Returns a moment of the request; two texts of one moment may differ, so texts are not compared.
fn moment(arguments: &Arguments, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let parsed = text(arguments, name).map(str::parse).transpose();
    parsed.map_err(|error: jiff::Error| Refusal::BadInput(format!("`{name}` is no date: {error}")))
}

impl Filter {
    /// Reads words and quoted phrases, which must all occur, and `@service:<id>`.
    fn of(arguments: &Arguments, from: &str, to: &str) -> Result<Self, Refusal> {
        let mut filter = Self {
            words: Vec::new(),
            service: None,
            from: moment(arguments, from)?,
            to: moment(arguments, to)?,
        };
        for (index, part) in text(arguments, "filter").unwrap_or_default().split('"').enumerate() {
            if index % 2 == 1 {
                filter.words.push(part.to_lowercase());
                continue;
            }
            for word in part.split_whitespace() {
                if let Some(service) = word.strip_prefix("@service:") {
                    filter.service = Some(service.to_owned());
                } else if word.starts_with(['@', '-', '(']) || word.ends_with(')') || word == "OR" {
                    return Err(Refusal::NotServed(format!("the log filter `{word}`")));
                } else if word != "AND" {
                    filter.words.push(word.to_lowercase());
                }
            }
        }
        Ok(filter)
    }

    fn keeps(&self, line: &Value, key: &str) -> bool {
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
        let said = text(key).to_lowercase();
        // Every line has a time that the lab itself has written.
        let time: Timestamp = text("timestamp").parse().unwrap_or(Timestamp::MIN);
        self.from.is_none_or(|from| time > from)
            && self.to.is_none_or(|to| time < to)
            && self.words.iter().all(|word| said.contains(word))
    }
}
