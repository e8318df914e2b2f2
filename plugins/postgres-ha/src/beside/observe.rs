//! What each step of this path finds before it starts.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::outside::{Effects, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Failure, Observation, Pending, StepCall};

use super::context::Making;
use super::{held, names};
use crate::in_place::Templates;
use crate::names::{ADMIN, CLOSE, KEEP, PROVE};
use crate::server::Server;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql + Effects + Templates>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let making = Making::of(call)?;
    match call.step.as_str() {
        KEEP => first(outside, &making),
        names::MAKE | names::SECRETS | names::FIRST => Ok(undisturbed(outside)?),
        names::STANDBYS => follows(outside, 0),
        names::CONFIRM | names::FRONT => follows(outside, making.standbys().count()),
        PROVE | CLOSE => Ok(Observation::Ready(Vec::new())),
        step if step.starts_with(names::STOP) => held::observe(outside, &making, call, memo),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

fn undisturbed<O: Railway>(outside: &O) -> Result<Observation, Failure> {
    let staged = outside.staged()?;
    Ok(if staged.is_empty() {
        Observation::Ready(Vec::new())
    } else {
        let staged = staged.join("; ");
        Observation::Moved(format!("changes that nobody has committed are staged: {staged}"))
    })
}

/// Proves that the template is the one that the plan was made for, and that nobody has taken the names since.
fn first<O: Railway + Templates>(outside: &O, making: &Making) -> Result<Observation, Failure> {
    let digest = outside.published_template(&making.code)?.map(|template| template.digest);
    if digest.as_ref() != Some(&making.digest) {
        let now = digest.unwrap_or_else(|| "gone".to_owned());
        return Ok(Observation::Moved(format!(
            "the template `{}` is {now} by now, and the plan was made for {}",
            making.code, making.digest
        )));
    }
    let services = outside.services()?;
    if let Some(taken) = services.iter().find(|it| making.services().any(|own| own == it.name)) {
        let name = &taken.name;
        return Ok(Observation::Moved(format!("there is a service `{name}` by now")));
    }
    undisturbed(outside)
}

/// A node that nobody leads has nobody to follow, and PgPool must find every node when it starts.
fn follows<O: Railway + Sql>(outside: &O, wanted: usize) -> Result<Observation, Failure> {
    let ready = undisturbed(outside)?;
    if !matches!(ready, Observation::Ready(_)) {
        return Ok(ready);
    }
    let server = match soon(Server::read(outside, ADMIN), "the node that leads")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    let there = usize::try_from(server.receivers).unwrap_or(usize::MAX);
    if server.recovering || there < wanted {
        let note = format!("{there} nodes follow one that leads, and {wanted} should");
        return Ok(Pending::after(SECOND, note).into());
    }
    Ok(ready)
}
