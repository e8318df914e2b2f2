//! The place of the canaries: made before everything else, and gone at the end of a run.

use super::following::Moving;
use crate::model::{
    Atomicity, BITS, Canary, Composed, Effect, FrozenStep, FrozenUndo, Kind, Label, Millis,
    NameError, Piece, Proof, Statement, Step, StepId, Way,
};

/// The step that comes first of all. A plugin can't take its name, nor those of the others.
const BEGIN: &str = "begin-canaries";

/// The step that makes the place at the other side, where canaries move along.
const ROOM: &str = "follow-canaries";

/// The step that comes last on the way there.
const END: &str = "end-canaries";

/// How long either may take: they make or remove one table.
const LIMIT: Millis = Millis::seconds(60);

/// What the host adds to a plan with canaries.
pub(crate) struct Ledger {
    /// The first step of all.
    pub(crate) first: FrozenStep,
    /// What makes the place at the other side.
    pub(crate) room: Option<Room>,
    /// The last step of all.
    pub(crate) last: FrozenStep,
    /// The last undo step of all.
    pub(crate) undo: FrozenUndo,
    /// The effects of all of them.
    pub(crate) effects: Vec<Effect>,
}

/// The place at the other side of canaries that move along.
pub(crate) struct Room {
    /// The step before which it is made.
    pub(crate) before: StepId,
    /// What makes it.
    pub(crate) step: FrozenStep,
    /// What removes it on the way back: before what is taken back then, the database itself may go.
    pub(crate) undo: FrozenUndo,
}

/// Derives the steps that make and remove the place of the canaries; none where no canary is kept.
///
/// # Errors
/// A name does not fit, which would be a fault of ours.
pub(super) fn ledger<'a>(
    canaries: impl Iterator<Item = &'a Canary>,
    moving: Option<&Moving>,
) -> Result<Option<Ledger>, NameError> {
    let (mut made, mut ended, mut undone) = (Vec::new(), Vec::new(), Vec::new());
    for (number, canary) in canaries.filter(|canary| canary.is_kept()).enumerate() {
        made.extend(effect(&format!("make-canaries-{number}"), make(canary))?);
        ended.extend(effect(&format!("remove-canaries-{number}"), remove(canary))?);
        undone.extend(effect(&format!("undo-canaries-{number}"), remove(canary))?);
    }
    if made.is_empty() {
        return Ok(None);
    }
    let other = moving.map(|moving| Canary::Rows(moving.following.to.clone()));
    if let Some(place) = &other {
        ended.extend(effect("remove-canaries-followed", remove(place))?);
    }
    let room = match (moving.and_then(|moving| moving.room.clone()), &other) {
        (Some(before), Some(place)) => Some(room(before, place)?),
        (None, _) | (_, None) => None,
    };
    let (room, of_room) = room.unzip();
    let reverses =
        undone.iter().zip(&made).map(|(undo, it)| (undo.label.clone(), it.label.clone()));
    let undo = Step { reverses: reverses.collect(), ..step(&format!("undo-{END}"), &undone)? };
    let (first, last) = (step(BEGIN, &made)?, step(END, &ended)?);
    Ok(Some(Ledger {
        first: FrozenStep { step: first, way: Way::Nothing, derived: true },
        room,
        last: FrozenStep { step: last, way: Way::Nothing, derived: true },
        undo: FrozenUndo { step: undo, derived: true },
        effects: made
            .into_iter()
            .chain(of_room.into_iter().flatten())
            .chain(ended)
            .chain(undone)
            .collect(),
    }))
}

/// Derives what makes the place at the other side, and what removes it again, with the effects of both.
fn room(before: StepId, place: &Canary) -> Result<(Room, Vec<Effect>), NameError> {
    let made: Vec<Effect> = effect(ROOM, make(place))?.into_iter().collect();
    let gone: Vec<Effect> = effect("unfollow-canaries", remove(place))?.into_iter().collect();
    let pairs = gone.iter().zip(&made).map(|(undo, it)| (undo.label.clone(), it.label.clone()));
    let back = Step { reverses: pairs.collect(), ..step(&format!("undo-{ROOM}"), &gone)? };
    let way = Way::Steps(vec![back.id.clone()]);
    let step = FrozenStep { step: step(ROOM, &made)?, way, derived: true };
    let undo = FrozenUndo { step: back, derived: true };
    Ok((Room { before, step, undo }, made.into_iter().chain(gone).collect()))
}

/// Returns whether a step is the one that makes the place of the canaries.
pub(crate) fn begins(step: &StepId) -> bool {
    step.as_str() == BEGIN
}

/// Returns whether a step is one that removes it, on either way.
pub(crate) fn ends(step: &StepId) -> bool {
    step.as_str().strip_prefix("undo-").unwrap_or(step.as_str()) == END
}

fn step(id: &str, effects: &[Effect]) -> Result<Step, NameError> {
    let labels = effects.iter().map(|effect| effect.label.clone()).collect();
    let (title, why) = match id {
        BEGIN => (
            "make the place of the canaries",
            "derived by lockstep: what the run costs is counted from here on",
        ),
        ROOM => (
            "make the place of the canaries at the new side",
            "derived by lockstep: they move along with the database, and so do those that are written by then",
        ),
        _ => ("remove the canaries", "derived by lockstep: nothing of the run stays behind"),
    };
    let (title, why) = (title.to_owned(), why.to_owned());
    Ok(Step { title, why, ..Step::listed(id.parse()?, labels, LIMIT) })
}

fn effect(label: &str, kind: Option<Kind>) -> Result<Option<Effect>, NameError> {
    let Some(kind) = kind else { return Ok(None) };
    let label: Label = label.parse()?;
    // A key that is emptied or deleted twice is as if it were once.
    let repeatable = matches!(kind, Kind::RedisCommand { .. });
    let proof = if repeatable { Proof::Repeatable } else { Proof::ByKind };
    Ok(Some(Effect { proof, ..Effect::plain(label, kind) }))
}

/// What a run before left there, because it was given up, is not this run's.
fn make(canary: &Canary) -> Option<Kind> {
    match canary {
        Canary::Rows(connection) => Some(sql(
            connection,
            &[
                "CREATE SCHEMA IF NOT EXISTS lockstep",
                "DROP TABLE IF EXISTS lockstep.canary",
                "CREATE TABLE lockstep.canary (number bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp())",
            ],
        )),
        Canary::Bits(connection) => Some(command(connection, &["SET", BITS, ""])),
        Canary::Answers { .. } => None,
    }
}

/// The schema may hold what is not ours: then it stays.
fn remove(canary: &Canary) -> Option<Kind> {
    match canary {
        Canary::Rows(connection) => Some(sql(
            connection,
            &[
                "DROP TABLE IF EXISTS lockstep.canary",
                "DO $$BEGIN DROP SCHEMA IF EXISTS lockstep; \
                 EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL; END$$",
            ],
        )),
        Canary::Bits(connection) => Some(command(connection, &["DEL", BITS])),
        Canary::Answers { .. } => None,
    }
}

fn sql(connection: &str, statements: &[&str]) -> Kind {
    let statement =
        |text: &&str| Statement { text: composed(text), parameters: Vec::new(), affects: None };
    Kind::SqlExecute {
        connection: connection.to_owned(),
        statements: statements.iter().map(statement).collect(),
        atomicity: Atomicity::Transaction,
    }
}

fn command(connection: &str, words: &[&str]) -> Kind {
    let words = words.iter().map(|word| composed(word)).collect();
    Kind::RedisCommand { connection: connection.to_owned(), words }
}

fn composed(text: &str) -> Composed {
    vec![Piece::Text(text.to_owned())]
}
