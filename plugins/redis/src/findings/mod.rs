//! What a plan says about what it found.

mod data;
mod migrate;
mod platform;
mod server;

use lockstep_sdk::Finding;
pub(crate) use migrate::USER;
pub(crate) use platform::lost_if_killed;
pub(crate) use server::{POLICY, told_to_append};

use crate::path::{Lineage, Path};
use crate::survey::{Inside, Survey};
use crate::target::Goal;

/// What is planned, as far as the findings depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned<'a> {
    /// Whose image runs.
    pub(crate) lineage: Lineage,
    /// The way.
    pub(crate) path: Path,
    /// The image wanted.
    pub(crate) goal: &'a Goal,
}

/// Returns what is to be said before a path is known: whether the stack can be worked on at all.
pub(crate) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = platform::standing(survey);
    match &survey.inside {
        Ok(inside) => findings.extend(server::standing(inside)),
        Err(why) => findings.push(
            Finding::refusal(
                "server",
                "the server can't be read, so nothing about it can be proven",
            )
            .evidence(why.as_str())
            .remedy(unread(why)),
        ),
    }
    findings
}

/// Returns what to do about a server that can't be read.
fn unread(why: &str) -> &'static str {
    if why.contains("(redis:noauth)") {
        return "make the variable that holds the password (REDIS_PASSWORD, unless lockstep.toml names another) what the \
            server was started with: `lockstep doctor` tries it";
    }
    "see that it is up and that the connection leads to it: `lockstep doctor`"
}

/// Returns what is to be said about going the planned way.
pub(crate) fn going(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let mut findings = server::going(survey, inside, planned);
    findings.extend(data::going(survey, inside, planned));
    findings.extend(platform::going(survey, inside, planned));
    if planned.path == Path::Migrate {
        findings.extend(migrate::going(survey, inside));
    }
    findings
}
