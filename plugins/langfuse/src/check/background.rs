//! Whether what is migrated in the background has come to its end, and whether it still moves.

use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress};

use crate::background::{self, BACKFILL, Migration, Standing};
use crate::context::Context;
use crate::findings::RETRY;
use crate::observe::lines;

/// How often to look.
const AGAIN: u64 = 5 * SECOND;

/// What a look gives the next one: how everything stood, and for how many looks it has stood so.
const STOOD: &str = "stood";
const STILL: &str = "still";

/// The fact that lists what was migrated.
const DONE: &str = "background";

/// The fact with which the host tells people what to look after.
const ATTENTION: &str = "attention";

/// Follows it. What stands still and is worked on by nobody has ended, whatever it says of itself.
pub(super) fn followed<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let migrations = background::read(outside, &context.schema)?;
    let variables = outside.variables(&context.worker.service)?;
    match Standing::by(&migrations, &variables, context.to) {
        Standing::Finished => Ok(Progress::Done(vec![done(&migrations)])),
        // What was kept from beginning when the upgrade was planned is whoever's who did so, and nobody else's to end.
        Standing::Asleep(asleep) if context.from.major == context.to.major => {
            Ok(Progress::Done(vec![done(&migrations), Fact::one(ATTENTION, paused(&asleep))]))
        }
        Standing::Asleep(asleep) => Ok(Progress::Failed(paused(&asleep))),
        Standing::Failed(failed) => Ok(Progress::Failed(format!(
            "a migration in the background failed: {}. To go on, {RETRY}",
            lines(&failed.iter().map(Migration::line).collect::<Vec<_>>())
        ))),
        Standing::Active(open) => Ok(moving(context, &migrations, &open, Facts(memo))),
    }
}

fn done(migrations: &[Migration]) -> Fact {
    let done = migrations.iter().filter(|it| it.finished);
    Fact::table(DONE, done.map(|it| vec![it.name.as_str().into()]))
}

fn paused(asleep: &[Migration]) -> String {
    format!(
        "what version 3 kept is not written anew for version 4, because {BACKFILL} of the worker keeps it from that: {}. Take the variable away, \
         and deploy the worker",
        lines(&asleep.iter().map(Migration::line).collect::<Vec<_>>())
    )
}

fn moving(context: &Context, all: &[Migration], open: &[Migration], memo: Facts<'_>) -> Progress {
    let all_lines = open.iter().map(Migration::line).collect::<Vec<_>>();
    let stands = all_lines.join("\n");
    let moves = memo.maybe_text(STOOD) != Some(stands.as_str());
    // Only one is worked on at a time, so one sign of life is enough.
    let alone = open.iter().all(Migration::is_left_alone);
    let still = if moves || !alone { 0 } else { memo.maybe_count(STILL).unwrap_or(0) + 1 };
    if still.saturating_mul(AGAIN) >= context.stall_limit {
        let limit = lockstep_sdk::blocks::soak::words(context.stall_limit);
        return Progress::Failed(format!(
            "what is migrated in the background has not moved for {limit}, and no worker says that it works on it: {}. See the \
             worker's log; {RETRY}",
            lines(&all_lines)
        ));
    }
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (total, left) = (count(all.len()), count(open.len()));
    let memo = vec![Fact::one(STOOD, stands), Fact::one(STILL, still)];
    let mut pending = Pending::after(AGAIN, lines(&all_lines)).remembering(memo);
    pending.done = Some(total.saturating_sub(left));
    pending.total = Some(total);
    pending.into()
}
