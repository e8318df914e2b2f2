//! Who is without what while Redis is replaced or the worker is stopped, and what is left if nobody goes on.

use lockstep_sdk::image::Image;
use lockstep_sdk::{OutageKind, Service, Step};

use crate::clients;
use crate::survey::Survey;

/// What is left while only the worker is stopped.
pub(crate) const WORKER_STOPPED: &str = "the queues' worker stays stopped: jobs wait in the queues and new traces do not show up in Langfuse, \
    until somebody deploys it; Redis serves, and everything else works";

/// What is left while Redis is being replaced.
const REPLACED: &str = "Railway goes on with what it was told. Once the deploy is asked for, Redis is down until the new server is up, and for \
    good if that one does not come up: Langfuse waits and retries, LiteLLM goes on without its cache and its shared limits. \
    Before that, nothing is different";

/// What is left while Redis is down until somebody goes on.
const DOWN: &str = "Redis is down until somebody goes on by the break-glass file: Langfuse waits and retries, what is sent to it meanwhile may be \
    refused, and LiteLLM goes on without its cache and its shared limits";

/// How a service uses Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Langfuse's web server: queues what it takes in, and reads sessions and keys from a cache.
    Web,
    /// Langfuse's worker: works off the queues.
    Worker,
    /// LiteLLM: cache, and limits that its processes share.
    LiteLlm,
    /// Anything else.
    Unknown,
}

impl Use {
    /// Tells it by the image.
    pub(crate) fn of(service: &Service) -> Self {
        let image = service.image.as_deref().and_then(Image::parse);
        let repository = image.map(|image| image.repository).unwrap_or_default();
        if clients::is_worker(service) {
            Self::Worker
        } else if repository.ends_with("langfuse/langfuse") {
            Self::Web
        } else if repository.contains("litellm") {
            Self::LiteLlm
        } else {
            Self::Unknown
        }
    }

    fn is_without(self) -> OutageKind {
        match self {
            Self::Web => OutageKind::Writes,
            Self::Worker => OutageKind::All,
            Self::LiteLlm => OutageKind::Other("cache and shared limits".to_owned()),
            Self::Unknown => OutageKind::Other("what it needs Redis for".to_owned()),
        }
    }
}

/// Says of a step that replaces Redis who is without what, for `length`. A worker that is stopped is counted by what stopped
/// it.
pub(crate) fn replacing(step: Step, survey: &Survey, stopped: Option<&str>, length: u64) -> Step {
    let step = step.outage(&survey.redis.service.name, OutageKind::All, length);
    let users = survey.users.iter().filter(|(service, _)| Some(service.as_str()) != stopped);
    let step =
        users.fold(step, |step, (service, uses)| step.outage(service, uses.is_without(), length));
    step.if_left(match stopped {
        Some(worker) => format!("{REPLACED}, but {worker} stays stopped until somebody deploys it"),
        None => REPLACED.to_owned(),
    })
}

/// Likewise of a step during which nothing brings Redis up.
pub(crate) fn keeping_down(
    step: Step,
    survey: &Survey,
    stopped: Option<&str>,
    length: u64,
) -> Step {
    replacing(step, survey, stopped, length).if_left(DOWN)
}
