//! What a plan comes to: where its way back changes, what it waits for, and what it costs.

use std::collections::BTreeSet;

use lockstep_engine::model::{Effect, Gate, Kind, Millis, Plan, Step};

use super::outage::Outages;
use super::text::{hang, length, plural, put, tame};

/// Where the second column begins.
const COLUMN: &str = "                        ";

/// Appends the lines that an operator must have read.
pub(super) fn totals(out: &mut String, plan: &Plan) {
    put(out, "\nThe way back, and what is waited for");
    row(out, "last lossless undo", &lossless(plan));
    row(out, "point of no return", &no_return(plan));
    row(out, "gates", &gates(plan));
    put(out, "\nAltogether");
    row(out, "time", &time(plan));
    let measured = |step: &Step| plan.evidence.expected.get(&step.id);
    rows(out, "down on the way", &Outages::of(forward(plan), measured).lines(), "nothing");
    let undo = || plan.authority.undo.iter().map(|frozen| &frozen.step);
    let back = Outages::of(undo(), measured).lines();
    rows(out, "down on the way back", &back, "nothing that the plugin names");
    row(out, "Railway API", &calls(plan));
    row(out, "added", &added(plan));
}

fn row(out: &mut String, title: &str, text: &str) {
    out.push_str(&hang(text, &format!("  {title:<20}  "), COLUMN));
}

/// Appends a row of several lines, or `none`.
fn rows(out: &mut String, title: &str, lines: &[String], none: &str) {
    let (first, rest) = match lines {
        [] => (none, lines),
        [first, rest @ ..] => (first.as_str(), rest),
    };
    row(out, title, first);
    for line in rest {
        row(out, "", line);
    }
}

fn forward(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.authority.steps.iter().map(|frozen| &frozen.step)
}

fn lossless(plan: &Plan) -> String {
    let lossy = forward(plan).find_map(|step| Some((&step.id, step.loss.as_ref()?)));
    let end = plan.authority.point_of_no_return();
    match (lossy, end) {
        (Some((step, loss)), _) => format!(
            "until step `{step}` is done: up to there going back loses nothing, and happens by itself when a step fails. \
             From then on a failure stops the run and asks, because going back loses \u{201c}{}\u{201d}",
            tame(loss)
        ),
        (None, Some(_)) => {
            "right before the point of no return: up to there going back loses nothing".to_owned()
        }
        (None, None) => {
            "always: going back loses nothing, and happens by itself when a step fails".to_owned()
        }
    }
}

fn no_return(plan: &Plan) -> String {
    let authority = &plan.authority;
    match authority.point_of_no_return().and_then(|index| authority.steps.get(index)) {
        Some(frozen) => {
            format!("step `{}`: from its beginning on there is no way back", frozen.step.id)
        }
        None => "none: there is a way back at any time".to_owned(),
    }
}

fn gates(plan: &Plan) -> String {
    let gates: Vec<String> = forward(plan)
        .filter(|step| !step.gates.is_empty())
        .map(|step| {
            let kinds: Vec<&str> = step
                .gates
                .iter()
                .map(|gate| match gate {
                    Gate::Approval(_) => "approval",
                    Gate::Window => "window",
                })
                .collect();
            format!("before `{}` ({})", step.id, kinds.join(", "))
        })
        .collect();
    if gates.is_empty() { "none".to_owned() } else { gates.join("; ") }
}

fn time(plan: &Plan) -> String {
    let known = |step: &Step| plan.evidence.expected.get(&step.id).map_or(0, |known| known.time.0);
    let there: u64 = forward(plan).map(known).sum();
    let back: u64 = plan.authority.undo.iter().map(|frozen| known(&frozen.step)).sum();
    let soak: u64 = forward(plan).filter_map(|step| step.soak).map(|soak| soak.0).sum();
    format!(
        "about {} for {}, and {} of soaking; going all the way back about {}",
        length(Millis(there)),
        plural(plan.authority.steps.len(), "step"),
        length(Millis(soak)),
        length(Millis(back))
    )
}

/// Returns how often Railway is asked, roughly: each effect reads what stands there, changes it and reads it back, and what
/// takes time is looked at every two seconds. A version step of Redis in the lab, where next to nothing takes time, made 107
/// calls, and this says 103 without the looks.
fn calls(plan: &Plan) -> String {
    /// What each step reads before and after its effects.
    const OF_A_STEP: u64 = 6;
    /// What an effect on Railway reads and sends.
    const OF_AN_EFFECT: u64 = 4;
    /// How often a deployment or a workflow is looked at.
    const POLL: u64 = 2_000;
    let calls: u64 = forward(plan)
        .map(|step| {
            let effects =
                || step.effects.iter().filter_map(|label| plan.authority.effects.get(label));
            let ours = effects().filter(|effect| is_railways(effect)).count() as u64;
            let waits = effects().any(|effect| lasts(&effect.kind));
            let expected = plan.evidence.expected.get(&step.id).map_or(0, |known| known.time.0);
            OF_A_STEP + ours * OF_AN_EFFECT + if waits { expected / POLL } else { 0 }
        })
        .sum();
    format!(
        "about {calls} calls while it runs, planning not counted (Railway allows 1000 an hour on Hobby, 10000 on Pro)"
    )
}

const fn is_railways(effect: &Effect) -> bool {
    !matches!(
        effect.kind,
        Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. }
    )
}

const fn lasts(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Deploy { .. }
            | Kind::Restart { .. }
            | Kind::Stop { .. }
            | Kind::BackupVolume { .. }
            | Kind::RestoreVolume { .. }
            | Kind::CreateVolume { .. }
            | Kind::Transfer(_)
    )
}

/// Returns how many volumes an effect makes.
fn volumes(kind: &Kind) -> usize {
    if let Kind::StageConversion { wanted, .. } = kind {
        wanted.others().filter(|service| service.mount.is_some()).count()
    } else {
        usize::from(matches!(kind, Kind::CreateVolume { .. }))
    }
}

fn added(plan: &Plan) -> String {
    let authority = &plan.authority;
    let of = |steps: &mut dyn Iterator<Item = &Step>, wanted: fn(&Kind) -> usize| {
        let labels: BTreeSet<_> = steps.flat_map(|step| &step.effects).collect();
        let effects = labels.into_iter().filter_map(|label| authority.effects.get(label));
        effects.map(|effect| wanted(&effect.kind)).sum::<usize>()
    };
    let there = |wanted| of(&mut forward(plan), wanted);
    let back = |wanted| of(&mut authority.undo.iter().map(|frozen| &frozen.step), wanted);
    let restored = back(|kind| usize::from(matches!(kind, Kind::RestoreVolume { .. })));
    let besides = if restored == 0 {
        String::new()
    } else {
        format!("; going back adds {} of the former size", plural(restored, "volume"))
    };
    format!(
        "{}, {}, {}{besides}",
        plural(there(|kind| kind.brings().len()), "service"),
        plural(there(volumes), "volume"),
        plural(there(|kind| usize::from(matches!(kind, Kind::BackupVolume { .. }))), "backup"),
    )
}
