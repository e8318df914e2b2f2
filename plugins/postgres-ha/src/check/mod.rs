//! Whether each step has reached its end.

pub(crate) mod copy;
mod cut;
pub(crate) mod job;
mod prepare;
mod rearm;
pub(crate) mod services;
mod switch;

use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::{Fact, Failure, Progress, StepCall};

use crate::before_cut::LINKS_ENDED;
use crate::beside::{self, Making};
use crate::context::Context;
use crate::in_place::{self, Conversion};
use crate::links::{BACK, FORTH, probes};
use crate::names::{self, DEPLOY, NEW, OLD, RESUME, RETURN};
use crate::retire;

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if Conversion::is_of(call) {
        return in_place::check(outside, call, memo);
    }
    if Making::is_of(call) {
        return beside::check(outside, call);
    }
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::PIN | names::GRACE | names::FREEZE | names::BACKUP => {
            prepare::services(outside, &context, call)
        }
        names::IDENTITY => prepare::identified(outside),
        names::WAL_BUDGET => prepare::bounded(outside, &context),
        names::LOGICAL_WAL => prepare::logical(outside, &context, call),
        names::CLUSTER => prepare::cluster(outside, &context),
        names::CLUSTER_UNDO => prepare::cluster_again(outside, &context, memo),
        names::POOL => prepare::pool(outside, &context),
        names::POOL_UNDO => prepare::pool_again(outside, &context, (call, memo)),
        names::DATABASE => prepare::database(outside, &context),
        names::DATABASE_UNDO => prepare::no_database(outside, &context),
        names::LINK => cut::linked(outside, probes(context.path)),
        names::LINK_END => {
            let gone = cut::gone(outside, probes(context.path))?;
            let Progress::Done(mut facts) = gone else { return Ok(gone) };
            facts.push(Fact::one(LINKS_ENDED, call.now));
            Ok(Progress::Done(facts))
        }
        names::LINK_UNDO => cut::gone(outside, probes(context.path)),
        names::SCHEMA => copy::ended(outside, &[names::SCHEMA]),
        names::COPY => copy::copied(outside, &context),
        names::COPY_UNDO => cut::gone(outside, &[FORTH]),
        names::INDEXES => copy::ended(outside, &[names::INDEXES]),
        names::JOB_MAKE => job::made(outside, &context),
        names::HALT => job::halted(outside, &context, memo),
        names::JOB_RUN => job::ran(outside, call, memo),
        names::JOB_STOP => services::stopped(outside, crate::job::SERVICE),
        names::CLOSE if context.stops_clients() => job::gone(outside),
        names::ANALYZE if context.stops_clients() => Ok(Progress::Done(Vec::new())),
        names::VERIFY if context.stops_clients() => copy::ended(outside, &["compare"]),
        names::ANALYZE => copy::caught_up(outside, &context),
        names::VERIFY => copy::ended(outside, &["verify-schema", "verify-rows"]),
        names::ARM => cut::armed(outside),
        names::ARM_UNDO | names::FINALIZE => cut::gone(outside, &[BACK]),
        names::SEAL => cut::sealed(outside, OLD),
        names::END_WRITERS => cut::ended(outside, OLD, memo),
        names::SEAL_NEW => cut::ended(outside, NEW, memo),
        names::REARM => rearm::armed_anew(outside, &context),
        names::UNSEAL | names::UNSEAL_OLD => cut::unsealed(outside, memo),
        names::REFERENCES => switch::referred(outside, &context, &context.address),
        names::PASSAGE => services::front(outside, names::PASSAGE_START),
        names::THROUGH => switch::through(outside, &context, call),
        names::SWITCH => services::front(outside, names::SWITCH_START),
        names::SWITCH_BACK => services::front(outside, names::SWITCH_BACK_START),
        names::PROVE => {
            let ended: &[_] = if context.stops_clients() { &[] } else { &[FORTH] };
            let gone = cut::gone(outside, ended)?;
            if !matches!(gone, Progress::Done(_)) {
                return Ok(gone);
            }
            switch::proven(outside, call, memo)
        }
        names::SOAK => switch::answers(outside, call),
        names::COMPARE_BACK => copy::ended(outside, &[names::COMPARE_BACK]),
        names::RETIRE => services::stopped(outside, &context.service),
        names::LAST_BACKUP => retire::backed_up(outside, &context, call),
        names::REMOVE => retire::removed(outside, &context),
        names::KEEP
        | names::HOLD
        | names::DRAIN
        | names::RELEASE
        | names::IDENTITY_UNDO
        | names::WAL_BUDGET_UNDO
        | names::FORGET_SEAL
        | names::DRAIN_BACK
        | names::SEQUENCES_BACK
        | names::SNAPSHOTS_BACK
        | names::REFERENCES_BACK
        | names::CLOSE => Ok(Progress::Done(Vec::new())),
        step if [DEPLOY, RETURN, RESUME].iter().any(|prefix| step.starts_with(prefix)) => {
            services::deployed_by(outside, &context, call)
        }
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}
