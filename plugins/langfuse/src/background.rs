//! What Langfuse migrates in the background: the worker does it, one after the other, while everybody works.

use lockstep_sdk::answer;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::text::tame;
use lockstep_sdk::{Failure, Variable, VariableValue};

use crate::database::table;
use crate::names::DATABASE;

/// Seconds after which a worker that has stopped saying so is no longer taken for one that works, by Langfuse itself.
const STALE: u64 = 60;

/// How the names of the migrations begin that move what version 2 kept.
const OF_VERSION_2: &str = "20241024_";

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
    /// Judges. `wakes` says whether a variable lets a migration that sleeps begin.
    pub(crate) fn of(migrations: &[Migration], wakes: impl Fn(&str) -> bool) -> Self {
        let listed = |is_one: &dyn Fn(&Migration) -> bool| -> Vec<Migration> {
            migrations.iter().filter(|it| is_one(it)).cloned().collect()
        };
        let failed = listed(&|it| it.failed.is_some());
        if !failed.is_empty() {
            return Self::Failed(failed);
        }
        let sleeps = |it: &Migration| it.gate.as_deref().is_some_and(|gate| !wakes(gate));
        let open = listed(&|it| !it.finished && !sleeps(it));
        if open.is_empty() { Self::Finished } else { Self::Active(open) }
    }

    /// Judges by the variables of the worker.
    pub(crate) fn by(migrations: &[Migration], variables: &[Variable]) -> Self {
        Self::of(migrations, |gate| {
            variables.iter().any(|it| {
                let VariableValue::Shown(text) = &it.value else { return false };
                it.name == gate && text.eq_ignore_ascii_case("true")
            })
        })
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
        let of = |all: &[Migration]| Standing::of(all, |_| false);
        assert_eq!(of(&[]), Standing::Finished);
        assert_eq!(of(&[done.clone(), asleep.clone()]), Standing::Finished);
        assert_eq!(of(&[done.clone(), open.clone()]), Standing::Active(vec![open.clone()]));
        assert_eq!(of(&[open, broken.clone(), done]), Standing::Failed(vec![broken]));
        assert_eq!(Standing::of(&[asleep.clone()], |_| true), Standing::Active(vec![asleep]));
    }

    #[test]
    fn a_worker_that_gives_no_sign_of_life_has_left_it_alone() {
        for (beat, alone) in [(None, true), (Some(5), false), (Some(60), false), (Some(61), true)] {
            assert_eq!(Migration { beat, ..migration("a") }.is_left_alone(), alone, "{beat:?}");
        }
    }
}
