//! Whether each step has reached its end.

mod background;
mod services;
mod traces;

use lockstep_sdk::blocks::{grace, pin, proof};
use lockstep_sdk::outside::{Effects, Http, Railway, Redis, Sql};
use lockstep_sdk::{Fact, Facts, Failure, Progress, StepCall};

use crate::context::Context;
use crate::names;
use crate::three;

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Sql + Http + Redis + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::KEEP | names::REVIEW => Ok(Progress::Done(Vec::new())),
        names::PIN => {
            let services: Vec<&str> =
                context.running().into_iter().map(|it| it.service.as_str()).collect();
            pin::check(outside, &services, Facts(&call.facts))
        }
        names::GRACE => grace::check(outside, &context.graces()),
        names::PATIENCE => waits(outside, &context, Some(&context.wait.to_string())),
        names::DRY => services::same(outside, &context, memo),
        names::BACK_SMOKE => traces::again(outside, &context, call, memo),
        names::BEFORE => traces::before(outside, call, memo),
        names::BACKUP_DATABASE => proof::check_backup(outside, &context.database, call),
        names::BACKUP_CLICKHOUSE => proof::check_backup(outside, &context.clickhouse, call),
        names::BACKUP_STORAGE => {
            let storage = context.storage.as_deref().unwrap_or_default();
            proof::check_backup(outside, storage, call)
        }
        names::WEB => services::migrated(outside, &context, call, memo),
        names::WEB_UNDO => services::web_again(outside, &context, memo),
        names::WORKER => services::follows(outside, &context, names::WORKER_DEPLOY),
        names::GO => services::follows(outside, &context, names::GO_DEPLOY),
        names::MAKE => three::made(outside),
        names::SECRETS => three::secret(outside),
        names::REST => three::rested(outside, &context),
        names::REST_UNDO => three::unrested(outside, &three::rest()),
        names::WIRE => three::wired(outside, &context),
        names::MOVED => three::moved(outside, &context),
        names::WORKER_UNDO => services::worker_again(outside, &context),
        names::BACKGROUND => background::followed(outside, &context, memo),
        names::SMOKE => traces::after(outside, &context, call, memo),
        names::SOAK => services::serve(outside),
        names::CLOSE => waits(outside, &context, context.patience.as_deref()),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Looks whether Railway waits so many seconds for the web service; as long as it likes where none are told.
fn waits<O: Railway>(
    outside: &O,
    context: &Context,
    seconds: Option<&str>,
) -> Result<Progress, Failure> {
    let services = outside.services()?;
    let service = services.iter().find(|service| service.name == context.web.service);
    let set =
        service.and_then(|it| it.settings.iter().find(|(name, _)| name == "healthcheck-timeout"));
    let set = set.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
    Ok(if set == seconds {
        Progress::Done(Vec::new())
    } else {
        let (set, seconds) = (set.unwrap_or("no time"), seconds.unwrap_or("no time"));
        Progress::Failed(format!(
            "Railway waits {set} for the web service, and was to wait {seconds}"
        ))
    })
}
