//! What Langfuse migrates in the background: the worker does it, one after the other, while everybody works.

use lockstep_sdk::answer;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::text::tame;
use lockstep_sdk::{Failure, Variable, VariableValue};

use crate::database::table;
use crate::names::DATABASE;
use crate::version::Release;

/// Seconds after which a worker that has stopped saying so is no longer taken for one that works, by Langfuse itself.
const STALE: u64 = 60;

/// How the names of the migrations begin that move what version 2 kept.
const OF_VERSION_2: &str = "20241024_";

/// The variable behind which what version 3 kept is written anew for version 4. From version 4 on its migration begins by itself, unless
/// the variable says otherwise.
pub(crate) const BACKFILL: &str = "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL";
/// The first major version of which that is so.
const BACKFILLS: u64 = 4;

/// How much of a state and of a reason is shown.
const SHOWN: usize = 160;

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    /// Its name.
    pub(crate) name: String,
    /// How far it says that it is, as JSON.
    pub(crate) state: String,
    /// Whether it ended well.
    pub(crate) finished: bool,
    /// Why it failed, if it did.
    pub(crate) failed: Option<String>,
    /// Seconds since a worker said that it works on it; none where none does.
    pub(crate) beat: Option<u64>,
    /// The variable without which it sleeps.
    pub(crate) gate: Option<String>,
}

/// How all of them stand together, by Langfuse's own rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing is left to do.
    Finished,
    /// Nothing else is left, but these belong to the version and are kept from beginning by a variable.
    Asleep(Vec<Migration>),
    /// These are still to be done, the first of them next.
    Active(Vec<Migration>),
    /// These failed, and the worker does not try them again by itself.
    Failed(Vec<Migration>),
}

impl Migration {
    /// Returns whether nobody works on it, by the sign of life that a worker gives.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.beat.is_none_or(|beat| beat > STALE)
    }

    /// Returns whether it moves what version 2 kept.
    pub(crate) fn is_of_version_2(&self) -> bool {
        self.name.starts_with(OF_VERSION_2)
    }

    /// Returns whether it has moved what was in a table of PostgreSQL to its end.
    pub(crate) fn has_moved(&self, table: &str) -> bool {
        let moves = self.name.contains(&format!("_migrate_{table}_"));
        moves && self.finished && self.failed.is_none()
    }

    /// Returns it in one line.
    pub(crate) fn line(&self) -> String {
        let name = tame(&self.name, SHOWN);
        match &self.failed {
            Some(why) => format!("{name}: {}", tame(why, SHOWN)),
            None if self.state.is_empty() || self.state == "{}" => format!("{name}: not begun"),
            None => format!("{name}: {}", tame(&self.state, SHOWN)),
        }
    }
}

impl Standing {
    /// Judges by what the worker of this version does with its variables. What can't be told is not taken for asleep.
    pub(crate) fn by(migrations: &[Migration], variables: &[Variable], release: Release) -> Self {
        let listed = |is_one: &dyn Fn(&Migration) -> bool| -> Vec<Migration> {
            migrations.iter().filter(|it| is_one(it)).cloned().collect()
        };
        let failed = listed(&|it| it.failed.is_some());
        if !failed.is_empty() {
            return Self::Failed(failed);
        }
        let sleeps = |it: &Migration| {
            it.gate.as_deref().is_some_and(|gate| sleeps_behind(gate, variables, release))
        };
        let open = listed(&|it| !it.finished && !sleeps(it));
        if !open.is_empty() {
            return Self::Active(open);
        }
        let by_itself =
            |it: &Migration| it.gate.as_deref().is_some_and(|gate| wakes_by_itself(gate, release));
        let asleep = listed(&|it| !it.finished && by_itself(it));
        if asleep.is_empty() { Self::Finished } else { Self::Asleep(asleep) }
    }
}

fn wakes_by_itself(gate: &str, release: Release) -> bool {
    gate == BACKFILL && release.major >= BACKFILLS
}

fn sleeps_behind(gate: &str, variables: &[Variable], release: Release) -> bool {
    match variables.iter().find(|it| it.name == gate).map(|it| &it.value) {
        None => !wakes_by_itself(gate, release),
        Some(VariableValue::Shown(text)) => !text.eq_ignore_ascii_case("true"),
        Some(VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_)) => {
            false
        }
    }
}

/// Returns the query for all of them.
pub(crate) fn listed(schema: &str) -> String {
    format!(
        "SELECT b.name::text, coalesce(b.state::text, ''), b.finished_at IS NOT NULL, \
         CASE WHEN b.failed_at IS NULL THEN NULL ELSE coalesce(b.failed_reason, 'no reason was given')::text END, \
         greatest(extract(epoch FROM ((now() AT TIME ZONE 'UTC') - b.locked_at)), 0)::int8, \
         b.args->>'envGate' FROM {} b ORDER BY b.name",
        table(schema, "background_migrations")
    )
}

/// Asks for all of them.
pub(crate) fn read<O: Sql>(outside: &O, schema: &str) -> Result<Vec<Migration>, Failure> {
    let rows = answer::rows(outside, DATABASE, &listed(schema), &[])?;
    let one = |row: &answer::Row| {
        let own = |text: &str| text.to_owned();
        Ok(Migration {
            name: own(row.text(0)?),
            state: own(row.text(1)?),
            finished: row.truth(2)?,
            failed: row.maybe_text(3)?.map(own),
            beat: row.maybe_count(4)?,
            gate: row.maybe_text(5)?.filter(|gate| !gate.is_empty()).map(own),
        })
    };
    rows.iter().map(one).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn migration(name: &str) -> Migration {
        Migration {
            name: name.to_owned(),
            state: "{}".to_owned(),
            finished: false,
            failed: None,
            beat: None,
            gate: None,
        }
    }

    #[test]
    fn they_stand_as_langfuse_itself_says() {
        let done = Migration { finished: true, ..migration("a") };
        let open = migration("b");
        let asleep = Migration { gate: Some("LANGFUSE_X".to_owned()), ..migration("c") };
        let broken = Migration { failed: Some("timeout".to_owned()), ..migration("d") };
        let set =
            |name: &str, value: VariableValue| vec![Variable { name: name.to_owned(), value }];
        let three = Release::plain(3, 225, 4);
        let of = |all: &[Migration]| Standing::by(all, &[], three);
        assert_eq!(of(&[]), Standing::Finished);
        assert_eq!(of(&[done.clone(), asleep.clone()]), Standing::Finished);
        assert_eq!(of(&[done.clone(), open.clone()]), Standing::Active(vec![open.clone()]));
        assert_eq!(of(&[open, broken.clone(), done]), Standing::Failed(vec![broken]));
        for value in [VariableValue::Shown("true".to_owned()), VariableValue::Unreadable] {
            let woken = Standing::by(&[asleep.clone()], &set("LANGFUSE_X", value), three);
            assert_eq!(woken, Standing::Active(vec![asleep.clone()]));
        }
    }

    #[test]
    fn what_version_4_does_by_itself_is_asleep_only_where_it_is_told_so_and_never_done() {
        let backfill = Migration { gate: Some(BACKFILL.to_owned()), ..migration("v4") };
        let (three, four) = (Release::plain(3, 225, 4), Release::plain(4, 16, 0));
        let told = |text: &str| {
            let value = VariableValue::Shown(text.to_owned());
            vec![Variable { name: BACKFILL.to_owned(), value }]
        };
        let all = vec![backfill];
        assert_eq!(Standing::by(&all, &[], three), Standing::Finished);
        assert_eq!(Standing::by(&all, &[], four), Standing::Active(all.clone()));
        assert_eq!(Standing::by(&all, &told("true"), four), Standing::Active(all.clone()));
        assert_eq!(Standing::by(&all, &told("false"), four), Standing::Asleep(all.clone()));
    }

    #[test]
    fn a_worker_that_gives_no_sign_of_life_has_left_it_alone() {
        for (beat, alone) in [(None, true), (Some(5), false), (Some(60), false), (Some(61), true)] {
            assert_eq!(Migration { beat, ..migration("a") }.is_left_alone(), alone, "{beat:?}");
        }
    }
}
