//! Canaries that move along with their database: what a draft says of that, and whether it can be so.

use super::watching::Watching;
use crate::model::{CANARIES_FOLLOW, Draft, Extra, Following, Step, StepId, Survey, Undo};

/// Canaries that move, as a draft has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moving {
    /// From where to where, and by which steps.
    pub(super) following: Following,
    /// The step before which their place is made at the new side; none where the plan brings it there by itself.
    pub(super) room: Option<StepId>,
}

impl Moving {
    /// Reads what a draft says; none where nothing moves.
    ///
    /// # Errors
    /// Everything that is wrong with it, each in words.
    pub(super) fn of(
        draft: &Draft,
        watching: &Watching,
        survey: &Survey,
    ) -> Result<Option<Self>, Vec<String>> {
        let [from, to, room, forth, back] = CANARIES_FOLLOW;
        if CANARIES_FOLLOW.iter().all(|key| said(&draft.extra, key).next().is_none()) {
            return Ok(None);
        }
        let mut problems = Vec::new();
        let mut one = |key: &str| {
            let mut all = said(&draft.extra, key);
            let first = all.next();
            if all.next().is_some() || (first.is_none() && key != room) {
                let times = if first.is_none() { "is not said" } else { "is said twice" };
                problems.push(format!("canaries are to move along, and `{key}` {times}"));
            }
            first
        };
        let (from, to, room) = (one(from), one(to), one(room));
        let (forth, back) = (one(forth), one(back));
        let (Some(from), Some(to), Some(forth), Some(back), []) =
            (from, to, forth, back, problems.as_slice())
        else {
            return Err(problems);
        };
        let mut problems = places(from, to, watching, survey);
        let (there, home) = (named(&draft.steps, forth), named(&draft.undo, back));
        let before = room.map(|room| (room, named(&draft.steps, room)));
        let unknown = "which is no step of that way";
        if there.is_none() {
            problems.push(format!("canaries move along with step `{forth}`, {unknown}"));
        }
        if home.is_none() {
            problems.push(format!("canaries move back with undo step `{back}`, {unknown}"));
        }
        if let Some((room, None)) = before {
            problems.push(format!("canaries are given room before step `{room}`, {unknown}"));
        }
        if let Some((room, Some((at, step)))) = before {
            if step.section().is_some() {
                problems.push(format!(
                    "canaries are given room before step `{room}`, which is in a critical section"
                ));
            }
            if there.is_some_and(|(there, _)| there < at) {
                problems.push(format!("canaries move along before they are given room at `{to}`"));
            }
        }
        if let (Some((_, there)), Some((_, home))) = (there, home)
            && !matches!(&there.undo, Undo::Steps(ids) if ids.contains(&home.id))
        {
            problems.push(format!(
                "canaries move along with step `{forth}`, which undo step `{back}` does not take back"
            ));
        }
        match (there, home, problems.is_empty()) {
            (Some((_, there)), Some((_, home)), true) => {
                let (forth, back) = (there.id.clone(), home.id.clone());
                let following = Following { from: from.to_owned(), to: to.to_owned(), forth, back };
                let room = before.and_then(|(_, step)| Some(step?.1.id.clone()));
                Ok(Some(Self { following, room }))
            }
            _ => Err(problems),
        }
    }
}

/// Looks whether canaries are kept at the one side, and nobody's at the other.
fn places(from: &str, to: &str, watching: &Watching, survey: &Survey) -> Vec<String> {
    let kept = |connection: &str| watching.canaries.iter().any(|it| it.is_rows_of(connection));
    let mut problems = Vec::new();
    if !kept(from) {
        problems.push(format!("canaries move along from `{from}`, where no rows are kept"));
    }
    if kept(to) {
        problems.push(format!(
            "canaries move along to `{to}`, where rows are kept of their own: take `{to}` out of `canaries.rows`"
        ));
    }
    if from == to || !survey.connections.contains_key(to) {
        problems.push(format!("canaries move along to `{to}`, which is no other connection"));
    }
    problems
}

fn said<'a>(extra: &'a Extra, key: &str) -> impl Iterator<Item = &'a str> {
    extra.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn named<'a>(steps: &'a [Step], id: &str) -> Option<(usize, &'a Step)> {
    steps.iter().enumerate().find(|(_, step)| step.id.as_str() == id)
}
