//! What a plan says about what it found.

mod four;
mod migrations;
mod platform;
mod servers;
mod settings;

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::releases::{self, Release as Published};

pub(crate) use self::four::{counts, moved};
pub(crate) use self::migrations::RETRY;
pub(crate) use self::platform::{impatient, wait};
pub(crate) use self::settings::{KEYS, KEYS_OF_2};

use crate::names::{REVIEW, WEB};
use crate::options::Options;
use crate::route::Route;
use crate::survey::Survey;
use crate::target::Goal;
use crate::three::Entering;
use crate::version::Release;
use crate::{clickhouse, database};

/// Where the releases can be read.
const PAGE: &str = "github.com/langfuse/langfuse/releases";

/// What the findings of a plan rest on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The stack.
    pub(crate) survey: &'a Survey,
    /// What is in PostgreSQL.
    pub(crate) inside: &'a database::Inside,
    /// What is in ClickHouse.
    pub(crate) columns: &'a clickhouse::Inside,
    /// The options.
    pub(crate) options: &'a Options,
    /// The way.
    pub(crate) route: Route,
    /// The version that runs.
    pub(crate) from: Release,
    /// The images wanted.
    pub(crate) goal: &'a Goal,
    /// The project's releases, or why they can't be read.
    pub(crate) published: &'a Result<Vec<Published>, String>,
}

/// Returns what is to be said before a way is known: whether the stack can be worked on at all.
pub(crate) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = platform::standing(survey);
    findings.extend(unready(survey));
    findings.extend(settings::key(survey));
    if let Err(why) = &survey.inside {
        let title = "PostgreSQL can't be read, so nothing about it can be proven";
        findings.push(Finding::refusal("database", title).evidence(why.as_str()).remedy(
            "see that it is up and that the connection `postgres` leads to it: `lockstep doctor`",
        ));
    }
    findings
}

fn unready(survey: &Survey) -> Option<Finding> {
    let words = match &survey.told {
        Ok(told) if told.is_ready() => return None,
        Ok(told) => told.words(),
        Err(why) => why.clone(),
    };
    let title = "the web service is not ready, and nobody upgrades what does not work";
    Some(
        Finding::refusal("web", title)
            .evidence(words)
            .remedy("bring it up with its database first; the other findings may say what keeps it down")
            .source("domain.md C.6"),
    )
}

/// Returns what keeps the parts of version 3 from being worked on.
pub(crate) fn parts(survey: &Survey) -> Vec<Finding> {
    let mut findings = settings::going(survey);
    findings.extend(platform::parts(survey));
    findings.extend(servers::standing(survey));
    findings
}

/// Returns what is to be said about upgrading.
pub(crate) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let Seen { from, goal, published, .. } = seen;
    let mut findings = vec![target(from, goal), between(published, from, goal.release)];
    findings.extend(migrations::going(seen));
    findings.extend(servers::going(seen));
    findings.extend(platform::going(seen));
    findings.push(traced(seen.survey));
    if seen.route == Route::ToFour {
        findings.extend(four::going(seen));
    }
    findings.push(staging());
    findings
}

/// Returns what is to be said about upgrading from version 2, but for what is made then.
pub(crate) fn entering(entering: Entering<'_>, inside: &database::Inside) -> Vec<Finding> {
    let Entering { survey, options, from, goal, published } = entering;
    let mut findings = vec![target(from, goal), between(published, from, goal.release)];
    findings.push(migrations::history(inside));
    findings.push(servers::postgres(inside.server, goal.release, servers::POSTGRES_OF_3));
    findings.extend(platform::waiting(&survey.web, options));
    findings.push(traced(survey));
    findings.push(staging());
    findings
}

fn target(from: Release, goal: &Goal) -> Finding {
    Finding::note("target", format!("{from} becomes {}", goal.release))
        .evidence(format!("{} is published", goal.web.image))
        .evidence(format!("{} is published", goal.worker.image))
        .evidence("the images' signatures are not looked at here")
        .mended_by(WEB)
}

/// Every release between two.
fn between(published: &Result<Vec<Published>, String>, from: Release, to: Release) -> Finding {
    match published {
        Ok(published) => {
            let is_between = |it: &&Published| {
                Release::parse(&it.tag).is_some_and(|release| from < release && release <= to)
            };
            let between: Vec<Published> = published.iter().filter(is_between).cloned().collect();
            releases::finding("releases", &between).mended_by(REVIEW).source(PAGE)
        }
        Err(why) => {
            Finding::warning("releases", "what the releases in between change can't be read here")
                .evidence(why.as_str())
                .remedy("read their notes yourself before you approve the step")
                .mended_by(REVIEW)
                .source(PAGE)
        }
    }
}

fn traced(survey: &Survey) -> Finding {
    match &survey.keys {
        Ok(()) => Finding::note("smoke", "a trace is written and read back before and after, and those from before must still be there")
            .evidence("it goes the whole way: web service, object storage, queue, worker, ClickHouse; health alone sees neither of the last two")
            .source("domain.md C.6"),
        Err(why) => Finding::refusal("smoke", "no trace can be written and read back, and that alone shows that an upgraded Langfuse works")
            .evidence(format!("the endpoint `langfuse-api`: {why}"))
            .remedy(
                "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY of a project on the service to which the endpoint `litellm` leads: \
                 Lockstep asks with those",
            )
            .source("domain.md C.6"),
    }
}

fn staging() -> Finding {
    Finding::note("staging", "whether this upgrade was done elsewhere first is not looked at here")
        .remedy("run the same plan in an environment that nobody depends on first")
        .source("the guide: test in staging first")
}
