//! Whether what is migrated in the background has come to its end, and whether it still moves.

use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress};

use crate::background::{self, Migration, Standing};
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

/// Follows it. What stands still and is worked on by nobody has ended, whatever it says of itself.
pub(super) fn followed<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let migrations = background::read(outside, &context.schema)?;
    let variables = outside.variables(&context.worker.service)?;
    match Standing::by(&migrations, &variables) {
        Standing::Finished => {
            let names = migrations.into_iter().map(|it| vec![it.name.into()]);
            Ok(Progress::Done(vec![Fact::table(DONE, names)]))
        }
        Standing::Failed(failed) => Ok(Progress::Failed(format!(
            "a migration in the background failed: {}. To go on, {RETRY}",
            lines(&failed.iter().map(Migration::line).collect::<Vec<_>>())
        ))),
        Standing::Active(open) => Ok(moving(context, &migrations, &open, Facts(memo))),
    }
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
