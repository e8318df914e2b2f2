//! What a plan says about what it found.

mod clients;
mod cluster;
mod contents;
mod job;
mod passage;
mod platform;
mod roles;
mod server;

use lockstep_sdk::Finding;

pub(crate) use self::passage::{no_passage, passage};
pub(crate) use self::platform::disturbed;

use crate::cluster::Cluster;
use crate::needs::Needs;
use crate::options::Path;
use crate::survey::{Inside, Survey};

/// What the findings of a plan rest on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The stack.
    pub(crate) survey: &'a Survey,
    /// The old server.
    pub(crate) inside: &'a Inside,
    /// The cluster.
    pub(crate) cluster: &'a Cluster,
    /// What must be changed first.
    pub(crate) needs: &'a Needs,
    /// How the database moves.
    pub(crate) path: Path,
    /// The image of the front that comes first, with its digest, where one does.
    pub(crate) passage: Option<&'a str>,
}

/// Returns what is to be said whether or not the servers can be read.
pub(crate) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = platform::standing(survey);
    if let Err(why) = &survey.inside {
        findings.push(
            Finding::refusal("server", "the old server can't be read, so nothing about it can be proven")
                .evidence(why.as_str())
                .remedy("see that it is up and that the connection `postgres` leads to it: `lockstep doctor`"),
        );
    } else if let Err(why) = &survey.cluster {
        findings.push(
            Finding::refusal("cluster", "the cluster can't be read, and this version moves only to one that runs already")
                .evidence(why.as_str())
                .remedy(
                    "see that its nodes are up and that the connection `cluster-admin` leads to the database `postgres` of them: \
                     `lockstep doctor`; one that was never deployed as it should be is deleted, and made anew with path = \"cluster\"",
                )
                .source("plans.md 3.2 step 8"),
        );
    }
    findings
}

/// Returns what is to be said about moving.
pub(crate) fn going(seen: Seen<'_>, now: u64) -> Vec<Finding> {
    let mut findings = server::going(seen);
    findings.extend(roles::going(seen));
    findings.extend(contents::going(seen));
    findings.extend(cluster::going(seen));
    findings.extend(clients::going(seen));
    findings.extend(job::going(seen));
    findings.extend(platform::going(seen, now));
    findings
}

/// Where the server itself becomes a node there is no old service.
pub(crate) fn nothing_to_remove() -> Finding {
    let title = "the option `remove-old` deletes a server that nobody needs any more, and on this path the server stays what it is";
    Finding::refusal("remove-old", title).remedy("leave it out, or take the path `online`")
}

/// Adds a line of evidence for each item.
fn listed<T: ToString>(finding: Finding, items: impl IntoIterator<Item = T>) -> Finding {
    items.into_iter().fold(finding, |finding, item| finding.evidence(item.to_string()))
}
