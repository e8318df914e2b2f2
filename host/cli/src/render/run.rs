//! A run as people read it: what happened, and where it stands.

use lockstep_engine::journal::{Direction, End, Event, Fate, Phase, RunState, Sent};
use lockstep_engine::model::{CanaryTally, Numbers, Verdict, attention};

use super::text::{length, plural, tame};
use crate::clock::written;

/// Returns one event as a line.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Planned { plan } => format!("planned: {plan}"),
        Event::Approved { plan, by } => format!("{by} approved {plan}"),
        Event::Leased { epoch, holder } => format!("lease {} taken by {holder}", epoch.0),
        Event::GateReached { step, waits_for, .. } => {
            format!("{step}: waits at a gate: {}", tame(waits_for))
        }
        Event::GateOpened { step, by, .. } => format!("{step}: gate opened by {by}"),
        Event::RoundStarted { step, round, facts, .. } => {
            format!("{step}: round {round} with {}", plural(facts.len(), "fact"))
        }
        Event::Denied { step, denial } => format!(
            "{step}: the plugin was denied, and nothing was sent: {}: {}",
            tame(&denial.call),
            tame(&denial.problem.to_string())
        ),
        Event::WindowFound { step, needs, until: Some(until), .. } => format!(
            "{step}: a maintenance window is open until {}; the worst case and the way back need {}",
            written(*until),
            length(*needs)
        ),
        Event::WindowFound { step, needs, until: None, by } => format!(
            "{step}: outside of the maintenance windows, as {} wanted; the worst case and the way back need {}",
            by.as_deref().unwrap_or("somebody"),
            length(*needs)
        ),
        Event::SectionBegan { section, step, deadline } => format!(
            "{step}: critical section {section} begins, and is over or backed out of by {}",
            written(*deadline)
        ),
        Event::Claimed { store } => format!("environment claimed for store {store}"),
        Event::Stands { service, deployment: Some(deployment) } => {
            format!("{service}: its newest deployment is {deployment}")
        }
        Event::Stands { service, deployment: None } => format!("{service}: has no deployment"),
        Event::Schema { connection, objects } => {
            format!("{connection}: its schema has {}", plural(objects.len(), "object"))
        }
        Event::Counted { watch, before } => format!(
            "watch {watch}: before the run, {} of {} requests failed",
            before.failed, before.requests
        ),
        Event::Watched { watch, verdict, evidence } => {
            format!("watch {watch} {}: {}", found(*verdict), tame(evidence))
        }
        Event::Tallied { canary, tally } => tallied(canary, tally),
        Event::Missed { canary, looked_for, numbers } => missed(canary, *looked_for, numbers),
        Event::Triggered { watch, why } => format!("watch {watch} TRIPPED: {}", tame(why)),
        Event::Intended(intent) => {
            let again = if intent.attempt > 0 {
                format!(", try {}", intent.attempt + 1)
            } else {
                String::new()
            };
            format!("{}: about to perform `{}`{again}", intent.step, intent.label)
        }
        Event::Answered { label, sent } => match sent {
            Sent::Done(_) => format!("`{label}` done"),
            Sent::Refused(failure) => format!("`{label}` refused: {failure}"),
            Sent::Unknown(failure) => format!("`{label}`: no answer tells: {failure}"),
        },
        Event::Settled { label, fate } => match fate {
            Fate::Happened(_) => format!("`{label}` settled: it happened"),
            Fate::DidNot => format!("`{label}` settled: it did not happen"),
            Fate::Partly => format!("`{label}` settled: a part of it happened"),
            Fate::StillGoing => format!("`{label}` settled: it is still going on"),
            Fate::CannotTell(question) => format!("`{label}` can't be settled: {question}"),
        },
        Event::Ended { label, .. } => format!("`{label}` came to its end"),
        Event::EndedBadly { label, why } => format!("`{label}` ended badly: {}", tame(why)),
        Event::Again { step, why } => format!("{step}: another round: {}", tame(why)),
        Event::Checked { step, facts, .. } => match attention(facts) {
            Some(what) => format!("{step}: checked, but look after this: {}", tame(what)),
            None => format!("{step}: checked"),
        },
        Event::StepDone { step, nothing_to_do: None } => format!("{step}: done"),
        Event::StepDone { step, nothing_to_do: Some(why) } => {
            format!("{step}: nothing to do: {}", tame(why))
        }
        Event::Moved { step, why } => format!("{step}: the environment moved: {}", tame(why)),
        Event::StepFailed { step, failure } => {
            format!("{step}: FAILED: {}", tame(&failure.to_string()))
        }
        Event::TurnedBack { why } => format!("turned back: {}", tame(why)),
        Event::Stuck { question } => format!("STUCK: {}", tame(question)),
        Event::Assumed { label, happened, by } => {
            format!(
                "{by} says that `{label}` {}",
                if *happened { "happened" } else { "did not happen" }
            )
        }
        Event::Resumed { by } => format!("resumed by {by}"),
        Event::Finished { end: End::Done } => "finished: done".to_owned(),
        Event::Finished { end: End::RolledBack } => "finished: rolled back".to_owned(),
    }
}

fn tallied(canary: &str, tally: &CanaryTally) -> String {
    let CanaryTally { acknowledged, refused, gaps } = tally;
    let over = match gaps.len() {
        0 => String::new(),
        gaps => format!(", {} over", plural(gaps, "outage")),
    };
    format!("canary {canary}: {} acknowledged, {refused} not{over}", acknowledged.count())
}

fn missed(canary: &str, looked_for: u64, numbers: &Numbers) -> String {
    if numbers.is_empty() {
        return format!("canary {canary}: none of {looked_for} is missing");
    }
    format!("canary {canary}: {} of {looked_for} acknowledged are MISSING", numbers.count())
}

fn found(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passes",
        Verdict::Fail => "fails",
        Verdict::Unknown => "can't tell",
    }
}

/// Returns where a run stands, in a few words.
pub(crate) fn standing(state: &RunState) -> String {
    match (&state.phase, state.direction) {
        (Phase::Planned, _) => "planned, not approved".to_owned(),
        (Phase::Running, Direction::Forward) => "not over: resume or roll back".to_owned(),
        (Phase::Running, Direction::Back) => "rolling back, not over: resume".to_owned(),
        (Phase::Moved(why), _) => format!("waiting: the environment moved: {}", tame(why)),
        (Phase::Stuck(question), _) => format!("stuck: {}", tame(question)),
        (Phase::Finished(End::Done), _) => "done".to_owned(),
        (Phase::Finished(End::RolledBack), _) => {
            format!("rolled back: {}", tame(state.turned_back.as_deref().unwrap_or("")))
        }
    }
}
