//! Whether each step has reached its end.

mod answers;
pub(crate) mod job;
mod proxy;

use lockstep_sdk::blocks::{grace, pin, proof};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, answer};

use crate::context::Context;
use crate::names::{self, DATABASE, JOB_SERVICE, REHEARSAL_SERVICE};
use crate::statements;

pub(crate) use answers::misfit;
pub(crate) use job::{MIGRATIONS, SAID, STRAINED};

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let context = Context::of(call)?;
    let facts = Facts(&call.facts);
    match call.step.as_str() {
        names::KEEP | names::REVIEW | names::STAGE | names::JOB => Ok(Progress::Done(Vec::new())),
        names::PIN => pin::check(outside, &[&context.service], facts),
        names::GRACE => graced(outside, &context),
        names::DRY => proxy::same(outside, &context, names::DRY_DEPLOY, memo),
        names::BACK_SMOKE => answers::again(outside, &context, facts),
        names::BEFORE => answers::before(outside, &context, facts, memo),
        names::SCRATCH => there(outside, ">"),
        names::SCRATCH_UNDO | names::MIGRATED => there(outside, "="),
        names::SCHEMA => job::copied(outside, &context),
        names::REHEARSE => job::rehearsed(outside, &context),
        names::REHEARSE_UNDO => job::stopped(outside, REHEARSAL_SERVICE),
        names::BACKUP => proof::check_backup(outside, &context.database_service, call),
        names::MIGRATE => job::migrated(outside, &context),
        names::MIGRATE_UNDO => job::forgotten(outside, &context),
        names::SWITCH => proxy::switched(outside, &context, facts, memo),
        names::SWITCH_UNDO => proxy::back(outside, &context, memo),
        names::SMOKE => answers::after(outside, &context, facts, memo),
        names::SOAK => proxy::serves(outside),
        names::CLOSE => gone(outside),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

fn graced<O: Railway>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let found = grace::check(outside, &[context.grace()])?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    let services = outside.services()?;
    let service = services.iter().find(|service| service.name == context.service);
    let path =
        service.and_then(|it| it.settings.iter().find(|(name, _)| name == "healthcheck-path"));
    Ok(match path {
        Some((_, path)) if *path == context.health => Progress::Done(Vec::new()),
        _ => Progress::Failed(format!("Railway does not ask for {}", context.health)),
    })
}

fn there<O: Sql>(outside: &O, word: &str) -> Result<Progress, Failure> {
    Ok(if answer::row(outside, DATABASE, &statements::there(word), &[])?.truth(0)? {
        Progress::Done(Vec::new())
    } else {
        let is = if word == "=" { "still" } else { "not" };
        Progress::Failed(format!("the database of the rehearsal is {is} there"))
    })
}

/// Looks whether the services that migrate are gone.
fn gone<O: Railway>(outside: &O) -> Result<Progress, Failure> {
    let services = outside.services()?;
    let is_ours = |name: &str| [REHEARSAL_SERVICE, JOB_SERVICE].contains(&name);
    Ok(match services.iter().find(|service| is_ours(&service.name)) {
        Some(left) => {
            Pending::after(SECOND, format!("the service `{}` is still listed", left.name)).into()
        }
        None => Progress::Done(Vec::new()),
    })
}
