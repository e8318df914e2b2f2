//! The end of the old server: whether it may be stopped, whether its service may be deleted, and whether that is gone.

use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::blocks::smoke as block;
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Backup, Fact, Facts, Failure, Observation, Pending, Progress, StepCall, Value};

use crate::check::services;
use crate::context::Context;
use crate::left::{Left, listed};
use crate::names::{LAST_BACKUP, OLD, REMOVE};
use crate::seal;
use crate::sessions;
use crate::smoke;

/// How often to look again.
const AGAIN: u64 = 5 * SECOND;

/// How long to wait for sessions beside the database to end, in looks: whoever looks at a server is there for a moment.
const LOOKS: u64 = 12;

/// The fact by which the host tells what was said when a person went on.
const ACCEPTED: &str = "accepted";

/// What a person goes on with.
const OFFER: &str = "Going on says that you have seen that none of them leads to the old server";

/// Whoever still uses the old server had better be found before it is stopped.
pub(crate) fn observe<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let clients = seal::standing(outside, OLD)?.clients;
    if clients > 0 {
        let why = format!("the old server still has {clients} client sessions: see whose they are");
        return Ok(Observation::Moved(why));
    }
    let others = sessions::elsewhere(outside)?;
    if !others.is_empty() {
        let why = format!(
            "the old server is still used beside the database: {}. End each, or lead it elsewhere",
            others.join("; ")
        );
        let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
        return Ok(if looks > LOOKS {
            Observation::Moved(why)
        } else {
            Pending::after(AGAIN, why).remembering(vec![Fact::one("looks", looks)]).into()
        });
    }
    Ok(match owner::disturbed(outside, &context.services())? {
        None => Observation::Ready(Vec::new()),
        Some(Disturbance::Staged(why) | Disturbance::Deploying(why)) => {
            Observation::Ready(vec![Fact::one("disturbed", why)])
        }
    })
}

/// A volume is backed up for the last time while nothing writes to it.
pub(crate) fn observe_backup<O: Railway>(
    outside: &O,
    context: &Context,
) -> Result<Observation, Failure> {
    Ok(started_again(outside, context)?.map_or(Observation::Ready(Vec::new()), Observation::Moved))
}

/// Proves what must be so before the service is deleted: nobody has needed it since it was stopped, nobody refers to it, and
/// what was in it is kept.
pub(crate) fn observe_removal<O: Railway + Http + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    let old = context.service.as_str();
    if !is_listed(outside, old)? {
        return Ok(Observation::NothingToDo(format!("somebody has deleted `{old}` already")));
    }
    match owner::disturbed(outside, &[old])? {
        Some(Disturbance::Staged(why)) => return Ok(Observation::Moved(why)),
        Some(Disturbance::Deploying(why)) => return Ok(Pending::after(AGAIN, why).into()),
        None => {}
    }
    if let Some(why) = started_again(outside, context)? {
        return Ok(Observation::Moved(why));
    }
    let left = Left::read(outside, old)?;
    if !left.leading.is_empty() {
        return Ok(Observation::Moved(format!(
            "these still lead to `{old}`, and would render to nothing when it is deleted: {}. Lead each to the cluster and deploy its \
             service, or delete the variable; nothing has been deleted",
            listed(&left.leading)
        )));
    }
    let accepted = Facts(&call.facts).maybe_text(ACCEPTED);
    if !left.unclear.is_empty() && !accepted.is_some_and(|said| said.contains(OFFER)) {
        return Ok(Observation::Moved(format!(
            "nothing can be seen of these, whose names speak of databases: {}. {OFFER}",
            listed(&left.unclear)
        )));
    }
    let Some(backup) = kept(outside, old, call)? else {
        return Ok(Observation::Moved(format!(
            "the backup `{}` of the volume of `{old}` is not there, or may expire: without it nothing but the volume keeps what was in the \
             old server",
            backup_name(call)
        )));
    };
    Ok(match block::check(outside, &smoke::LOOKS, Facts(&call.facts))? {
        Progress::Failed(why) => Observation::Moved(why),
        Progress::Pending(pending) => pending.into(),
        Progress::Done(_) | Progress::Again(_) | Progress::Other(_) => {
            Observation::Ready(vec![Fact::one("kept-backup", backup.name)])
        }
    })
}

/// Looks whether the last backup is there to stay. How old it is does not matter: the host names it after the run and the step, so
/// it is no other, and a run may be taken up again days after it was made.
pub(crate) fn backed_up<O: Railway + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let Some(backup) = kept(outside, &context.service, call)? else {
        let why = format!("the backup `{}` is not listed and locked yet", backup_name(call));
        return Ok(Pending::after(SECOND, why).into());
    };
    Ok(Progress::Done(vec![
        Fact::one("backup", backup.name),
        Fact::one("backup-mb", backup.size_mb),
        Fact::one("backup-made", Value::Moment(backup.created)),
    ]))
}

/// Looks whether the service is gone and its volume is not.
pub(crate) fn removed<O: Railway + Effects>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    let old = context.service.as_str();
    if is_listed(outside, old)? {
        return Ok(Pending::after(SECOND, format!("`{old}` is still listed")).into());
    }
    let facts = outside.progress(REMOVE)?.map(|job| job.facts).unwrap_or_default();
    Ok(match Facts(&facts).maybe_text("volume") {
        Some(volume) => Progress::Done(vec![Fact::one("kept-volume", volume)]),
        None => Progress::Failed(format!(
            "`{old}` is deleted, and nobody has seen that its volume stays: look for it in Railway's dashboard now. Railway keeps a volume \
             that is deleted for two days"
        )),
    })
}

/// Returns the last backup, if this run has made it and it does not expire.
fn kept<O: Railway + Effects>(
    outside: &O,
    service: &str,
    call: &StepCall,
) -> Result<Option<Backup>, Failure> {
    if !outside.progress(LAST_BACKUP)?.is_some_and(|job| job.finished) {
        return Ok(None);
    }
    let name = backup_name(call);
    Ok(outside.backups(service)?.into_iter().find(|it| it.name == name && it.locked))
}

fn backup_name(call: &StepCall) -> String {
    format!("lockstep-{}-{LAST_BACKUP}", call.run)
}

fn is_listed<O: Railway>(outside: &O, service: &str) -> Result<bool, Failure> {
    Ok(outside.services()?.iter().any(|listed| listed.name == service))
}

/// Returns what to say of an old server that runs again, if it does.
fn started_again<O: Railway>(outside: &O, context: &Context) -> Result<Option<String>, Failure> {
    let Progress::Pending(up) = services::stopped(outside, &context.service)? else {
        return Ok(None);
    };
    Ok(Some(format!(
        "somebody has started the old server again ({}): see who needs it, lead them to the cluster, and stop it",
        up.note
    )))
}
