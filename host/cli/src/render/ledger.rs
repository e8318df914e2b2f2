//! What a run cost, by its canaries.

use std::collections::BTreeMap;

use lockstep_engine::journal::CanaryState;
use lockstep_engine::model::{Gap, Millis};

use super::text::{plural, precisely};
use crate::clock::written;

/// Returns what each kind of canary came to, a line each; nothing where none is kept.
pub(crate) fn ledger(canaries: &BTreeMap<String, CanaryState>) -> Vec<String> {
    canaries.iter().map(|(name, state)| line(name, state)).collect()
}

fn line(name: &str, state: &CanaryState) -> String {
    let CanaryState { acknowledged, looked_for, missing, refused, gaps, longest, silent, .. } =
        state;
    let kept = if name.starts_with("answers:") {
        String::new()
    } else {
        found(acknowledged.count(), *looked_for, missing.count())
    };
    let outage = match longest {
        None => "no outage seen".to_owned(),
        Some(longest) => outage(*gaps, *silent, *longest),
    };
    let refused = if *refused == 0 { String::new() } else { format!(", {refused} not") };
    format!("{name}: {} acknowledged{kept}{refused}; {outage}", acknowledged.count())
}

/// What nobody looked for is not told as found.
fn found(acknowledged: u64, looked_for: u64, missing: u64) -> String {
    match (looked_for, missing) {
        (0, _) => ", none of them looked for".to_owned(),
        (_, 0) if looked_for < acknowledged => {
            format!(", none of the first {looked_for} missing and the others not looked for")
        }
        (_, 0) => ", none of them missing".to_owned(),
        (_, gone) => format!(", {gone} of them MISSING"),
    }
}

fn outage(gaps: u64, silent: Millis, longest: Gap) -> String {
    let count = plural(usize::try_from(gaps).unwrap_or(usize::MAX), "outage");
    let when = written(longest.from);
    if gaps == 1 {
        return format!("{count} of {} from {when}", precisely(silent));
    }
    let (all, one) = (precisely(silent), precisely(longest.length()));
    format!("{count}, {all} together, the longest {one} from {when}")
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::{Moment, Numbers};

    use super::*;

    #[test]
    fn the_cost_is_told_in_one_line_a_kind() {
        let gap = |from, until| Gap { from: Moment(from), until: Moment(until) };
        let numbers = |numbers: std::ops::Range<u64>| numbers.collect::<Numbers>();
        let quiet = CanaryState {
            acknowledged: numbers(1..301),
            looked_for: 300,
            ..CanaryState::default()
        };
        let one = CanaryState {
            refused: 2,
            gaps: 1,
            longest: Some(gap(0, 1_480)),
            silent: Millis(1_480),
            ..quiet.clone()
        };
        let bad = CanaryState {
            missing: numbers(7..9),
            gaps: 3,
            longest: Some(gap(60_000, 96_000)),
            silent: Millis(40_000),
            ..quiet.clone()
        };
        let all = [("rows:postgres", quiet), ("answers:litellm", one), ("bits:redis", bad)];
        let lines = ledger(&all.map(|(name, state)| (name.to_owned(), state)).into());
        assert_eq!(
            lines[2],
            "rows:postgres: 300 acknowledged, none of them missing; no outage seen"
        );
        assert_eq!(
            lines[0],
            "answers:litellm: 300 acknowledged, 2 not; 1 outage of 1.4 s from 1970-01-01T00:00:00Z"
        );
        assert_eq!(
            lines[1],
            "bits:redis: 300 acknowledged, 2 of them MISSING; 3 outages, 40 s together, the longest 36 s from 1970-01-01T00:01:00Z"
        );
    }
}
