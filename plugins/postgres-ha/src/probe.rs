//! One look of a watch.

use lockstep_sdk::outside::{Http, Sql};
use lockstep_sdk::{Failure, Sample, StepCall, Verdict};

use crate::context::Context;
use crate::front;
use crate::in_place::{self, Conversion};
use crate::links::{self, BACK, FORTH, Link, Slot};
use crate::names::{self, OLD};
use crate::seal;

/// Takes one look.
pub(crate) fn probe<O: Sql + Http>(
    outside: &O,
    watch: &str,
    call: &StepCall,
) -> Result<Sample, Failure> {
    if Conversion::is_of(call) {
        return in_place::probe(outside, watch, call);
    }
    let context = Context::of(call)?;
    let step = call.step.as_str();
    let looked = match watch {
        names::WATCH_WAY_BACK if is_armed(step) => way_back(outside, &context),
        names::WATCH_WAL if step != names::CLOSE => log(outside, &context, step),
        names::WATCH_OLD_IDLE if is_switched(step) => idle(outside),
        names::WATCH_FRONT if is_used(step) => front_stands(outside, &context),
        names::WATCH_WAY_BACK | names::WATCH_WAL | names::WATCH_OLD_IDLE | names::WATCH_FRONT => {
            Ok(pass("not of this part of the run"))
        }
        other => {
            let why = format!("`{other}` is no watch of this plugin");
            return Err(Failure::permanently("plugin:watch", why));
        }
    };
    // A server that does not answer is neither good nor bad here: whoever uses it has a watch of its own.
    Ok(looked.unwrap_or_else(|failure| sample(Verdict::Unknown, failure.line(), None)))
}

/// From the switch until the way back is given up.
fn is_armed(step: &str) -> bool {
    [names::REFERENCES, names::SWITCH, names::PROVE, names::SOAK].contains(&step)
        || step.starts_with(names::DEPLOY)
}

/// From the proof that everybody has left the old server until it is stopped.
fn is_switched(step: &str) -> bool {
    [names::SOAK, names::FINALIZE].contains(&step)
}

/// From the first client on.
fn is_used(step: &str) -> bool {
    const AFTER: [&str; 8] = [
        names::SWITCH,
        names::PROVE,
        names::SOAK,
        names::FINALIZE,
        names::CLOSE,
        names::RETIRE,
        names::LAST_BACKUP,
        names::REMOVE,
    ];
    AFTER.contains(&step) || step.starts_with(names::DEPLOY)
}

fn way_back<O: Sql>(outside: &O, context: &Context) -> Result<Sample, Failure> {
    if let Some(why) = links::broken(outside, BACK)? {
        let lost = format!(
            "{why}: going back would lose what was written since, unless the old server is copied anew before"
        );
        return Ok(sample(Verdict::Fail, lost, None));
    }
    let held = links::slot(outside, BACK)?.map(|slot| held(BACK, &slot, context));
    let evidence = held.map_or_else(String::new, |(_, evidence)| format!(": {evidence}"));
    Ok(pass(&format!("the old server follows the cluster{evidence}")))
}

/// The live server's log that the copy holds back.
fn log<O: Sql>(outside: &O, context: &Context, step: &str) -> Result<Sample, Failure> {
    if !FOLLOWED.contains(&step) {
        return Ok(pass("the cluster does not follow the old server"));
    }
    let Some(slot) = links::slot(outside, FORTH)? else { return Ok(pass("there is no slot")) };
    let (held, evidence) = held(FORTH, &slot, context);
    let figure = Some(f64::from(u32::try_from(held).unwrap_or(u32::MAX)));
    let over = held > context.wal_budget || ["unreserved", "lost"].contains(&slot.status.as_str());
    Ok(sample(if over { Verdict::Fail } else { Verdict::Pass }, evidence, figure))
}

fn held(link: Link, slot: &Slot, context: &Context) -> (u64, String) {
    let held = slot.held_back.div_ceil(1 << 20);
    (held, format!("`{}` holds back {held} MB of {} MB", link.name, context.wal_budget))
}

/// The steps in which the cluster follows the old server.
const FOLLOWED: [&str; 6] =
    [names::COPY, names::INDEXES, names::ANALYZE, names::VERIFY, names::HOLD, names::DRAIN];

fn idle<O: Sql>(outside: &O) -> Result<Sample, Failure> {
    let clients = seal::standing(outside, OLD)?.clients;
    Ok(if clients == 0 {
        pass("nobody is connected to the old server")
    } else {
        let evidence =
            format!("{clients} clients are connected to the old server, and can only read");
        sample(Verdict::Fail, evidence, None)
    })
}

fn front_stands<O: Sql>(outside: &O, context: &Context) -> Result<Sample, Failure> {
    let nodes = front::nodes(outside)?;
    // One node may be down, which is what a cluster is for; without a second one the next failure is an outage.
    Ok(match front::unfit(&nodes, context.nodes.len().min(2)) {
        None => pass("PgPool has one primary"),
        Some(why) => sample(Verdict::Fail, why, None),
    })
}

fn pass(evidence: &str) -> Sample {
    sample(Verdict::Pass, evidence.to_owned(), None)
}

fn sample(verdict: Verdict, evidence: String, figure: Option<f64>) -> Sample {
    Sample { verdict, evidence, figure, extra: Vec::new() }
}
