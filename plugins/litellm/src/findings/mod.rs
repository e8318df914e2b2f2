//! What a plan says about what it found.

mod database;
mod langfuse;
mod platform;
mod proxy;

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::releases::{self, Release as Published};

pub(crate) use self::langfuse::REFUSING;
pub(crate) use self::platform::OPEN_PATHS;
pub(crate) use self::proxy::{SALT, overlap};

use crate::database::Inside;
use crate::known;
use crate::names::{REVIEW, SWITCH};
use crate::options::Options;
use crate::survey::Survey;
use crate::target::Goal;
use crate::version::Release;

/// Where the releases can be read.
const PAGE: &str = "github.com/BerriAI/litellm/releases";

/// What the findings of a plan rest on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The stack.
    pub(crate) survey: &'a Survey,
    /// What is in the database.
    pub(crate) inside: &'a Inside,
    /// The options.
    pub(crate) options: &'a Options,
    /// The version that runs.
    pub(crate) from: Release,
    /// The image wanted.
    pub(crate) goal: &'a Goal,
    /// The project's releases, or why they can't be read.
    pub(crate) published: &'a Result<Vec<Published>, String>,
}

/// Returns what is to be said before a way is known: whether the stack can be worked on at all.
pub(crate) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = platform::standing(survey);
    match &survey.told {
        Ok(told) if told.is_ready() => {}
        Ok(told) => findings.push(
            Finding::refusal(
                "proxy",
                "the proxy is not ready, and nobody upgrades what does not work",
            )
            .evidence(told.words())
            .remedy("bring it up with its database first")
            .source("domain.md B.2: ready is 200 and a database that is connected"),
        ),
        Err(why) => findings.push(
            Finding::refusal(
                "proxy",
                "the proxy can't be asked, so nothing about it can be proven",
            )
            .evidence(why.as_str())
            .remedy(
                "see that it is up and that the endpoint `litellm` leads to it: `lockstep doctor`",
            ),
        ),
    }
    if let Err(why) = &survey.inside {
        findings.push(
            Finding::refusal("database", "the database can't be read, so nothing about it can be proven")
                .evidence(why.as_str())
                .remedy("see that it is up and that the connection `postgres` leads to it: `lockstep doctor`"),
        );
    }
    findings
}

/// Returns what is to be said about upgrading.
pub(crate) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let mut findings = vec![target(seen)];
    findings.extend(reviewed(seen));
    findings.extend(denied(seen.from));
    findings.push(passed(seen));
    findings.extend(database::going(seen));
    findings.extend(proxy::going(seen));
    findings.extend(platform::going(seen));
    findings.extend(langfuse::going(seen.survey, &seen.inside.callbacks));
    findings.push(staging());
    findings
}

fn target(seen: Seen<'_>) -> Finding {
    Finding::note("target", format!("{} becomes {}", seen.from, seen.goal.release))
        .evidence(format!("{} is published", seen.goal.image))
        .evidence("the image's signature is not looked at here")
        .mended_by(SWITCH)
}

fn reviewed(seen: Seen<'_>) -> Option<Finding> {
    let known = known::reviewed(seen.goal.release)?;
    let title = format!("upgrades to {} have gone wrong for people", seen.goal.release);
    Some(
        Finding::warning("known", title)
            .evidence(known.reason)
            .remedy("take the next release, or read about it first")
            .source(known.source),
    )
}

/// That what runs should not is one more reason to go on.
fn denied(from: Release) -> Option<Finding> {
    let known = known::denied(from)?;
    let title = format!("{from}, which runs, is a version that nobody may run");
    let remedy =
        "going back from this upgrade would start it again: rather go on to a later version";
    Some(
        Finding::warning("denied-running", title)
            .evidence(known.reason)
            .remedy(remedy)
            .source(known.source),
    )
}

/// Every release after the one that runs, up to the one that is wanted.
fn passed(seen: Seen<'_>) -> Finding {
    let (from, to) = (seen.from, seen.goal.release);
    match seen.published {
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

fn staging() -> Finding {
    Finding::note("staging", "whether this upgrade was done elsewhere first is not for this plugin to see")
        .evidence(
            "the rehearsal migrates a copy of this database's own schema, and runs no traffic",
        )
        .remedy(
            "run the same plan in an environment that nobody depends on first: named as `staging` in lockstep.toml, it is looked at",
        )
        .source("the guide: test in staging first")
}

/// A version older than the one that runs is the way back of an upgrade, and no upgrade.
pub(crate) fn downgrade(from: Release, to: Release) -> Finding {
    Finding::refusal("downgrade", format!("{to} is older than {from}, which runs: that is a way back, and no plan of its own"))
        .evidence("which rows of the migrations' history are newer than that version can't be seen in the database, and those must go")
        .evidence("the database keeps what newer versions added, and LITELLM_SALT_KEY never changes")
        .remedy(
            "while the upgrade's run is open: `lockstep rollback`, which starts the former image and deletes exactly the rows that the \
             run's migration made. After that by hand: back up the database, set the service to the former image and digest with \
             DISABLE_SCHEMA_UPDATE=true, deploy it, delete the rows of `_prisma_migrations` that the newer version made, then look for \
             `does not exist` in its log and for a row in \"LiteLLM_SpendLogs\" after a call",
        )
        .source("LiteLLM: troubleshoot/rollback")
}
