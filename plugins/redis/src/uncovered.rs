//! What a plan can't keep or check, in plain words.

use lockstep_sdk::blocks::smoke::Answered;

use crate::findings::{Planned, lost_if_killed};
use crate::outage::Use;
use crate::path::Path;
use crate::server::{self, Server};
use crate::smoke;
use crate::survey::{Inside, Survey};

/// Returns a line for each.
pub(crate) fn lines(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<String> {
    let mut lines = vec![
        "clients outside this Railway environment: only the variables of its services and the connections that are open now were \
         looked at"
            .to_owned(),
        "a handful of lost keys: keys are counted and a sample of values is compared, and what clients themselves may have \
         changed meanwhile is not taken for a loss"
            .to_owned(),
    ];
    let uses = |wanted| survey.users.iter().any(|(_, uses)| *uses == wanted);
    if uses(Use::LiteLlm) {
        lines.push(
            "what LiteLLM counts while Redis is down: spend, budgets and rates are held in each process's memory meanwhile, so \
             limits are looser, and what a process had not yet written is lost if it ends then"
                .to_owned(),
        );
    }
    if uses(Use::Web) {
        lines.push(
            "what is sent to Langfuse while Redis is down and not sent again by its sender"
                .to_owned(),
        );
    }
    if matches!(planned.path, Path::Migrate | Path::VersionStep) && survey.worker.is_some() {
        lines.push(
            "jobs that the worker has begun when it is stopped: they are begun again, so what they do outside may happen twice"
                .to_owned(),
        );
    }
    lines.extend(time_to_end(survey, &inside.server, planned));
    if inside.server.forks_large() {
        lines.push("how much memory the Redis service may have, which nothing here tells: a save may need as much again".to_owned());
    }
    if planned.path == Path::Migrate {
        lines.push(
            "settings of the server that the host does not let out, if they were set while it ran: they are not handed on"
                .to_owned(),
        );
    }
    lines.extend(unwatched(survey));
    lines
}

/// Which of two deployments' time to end counts is not known, so the first deploy may kill at once.
fn time_to_end(survey: &Survey, server: &Server, planned: Planned<'_>) -> Option<String> {
    let set = survey.redis.setting("draining-seconds").unwrap_or("0");
    let wanted = server.draining();
    (!server::is_enough(set, wanted)).then(|| {
        format!(
            "whether Railway goes by the time to end of the deployment that ends ({set} s) or of the one that follows ({wanted} s): \
             in the first case the first deploy kills Redis too early and may lose {}",
            lost_if_killed(server, planned)
        )
    })
}

/// Services whose health no step looks at: those that do not answer now, and those without a known endpoint.
fn unwatched(survey: &Survey) -> Option<String> {
    let silent = survey.answers.iter().filter(|(_, answered)| !fine(answered));
    let mut names: Vec<String> =
        silent.map(|(look, _)| format!("{} {}", look.endpoint, look.path)).collect();
    let known: Vec<&str> = smoke::endpoints().collect();
    let unknown = survey.users.iter().filter(|(service, _)| !known.contains(&service.as_str()));
    names.extend(unknown.map(|(service, _)| service.clone()));
    (!names.is_empty()).then(|| {
        format!("whether these still work afterwards, because no step looks: {}", names.join(", "))
    })
}

fn fine(answered: &Answered) -> bool {
    matches!(answered, Ok(200))
}
