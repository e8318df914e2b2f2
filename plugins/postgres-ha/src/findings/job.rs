//! Findings about the job: what it would break on, and what it would copy beside the database.

use lockstep_sdk::Finding;

use super::{Seen, listed};
use crate::account::URL;
use crate::job::{self, JobSeen, MAINTENANCE, MAJOR, SERVICE};

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let Some(found) = &seen.survey.job else { return Vec::new() };
    let mut findings = vec![databases(seen, found)];
    let old = &seen.inside.server;
    if old.major() > MAJOR {
        findings.push(
            Finding::refusal(
                "job-version",
                "the job's `pg_dump` refuses a server that is newer than itself",
            )
            .evidence(format!("old server: {}; the job's tools: {MAJOR}", old.version().text))
            .remedy("take the path `online`")
            .source("railway.md 3.2"),
        );
    }
    if found.taken {
        findings.push(
            Finding::refusal("job-service", format!("a service `{SERVICE}` is there already, and this run did not make it"))
                .remedy("delete it: the job can't be run twice, and another run of it would be taken for this one")
                .source("railway.md 3.2"),
        );
    }
    if !found.unfit.is_empty() {
        let lines = found.unfit.iter().map(|(service, why)| format!("{service} {URL}: {why}"));
        findings.push(
            listed(Finding::refusal("job-url", "the job can't take these URLs apart, and would copy nothing or end badly"), lines)
                .remedy(
                    "give the role a password of letters, digits and `-._~` alone (ALTER ROLE … PASSWORD, and the same in its variable), or \
                     take the path `online`; a URL must be of the form postgresql://user:password@host:port/database",
                )
                .source("railway.md 3.2"),
        );
    }
    findings
}

/// The job copies whatever is there, and only one database is compared, goes back and is dropped again.
fn databases(seen: Seen<'_>, found: &JobSeen) -> Finding {
    let own = seen.inside.server.database.as_str();
    let evidence = || found.databases.iter().map(|name| format!("`{name}`"));
    let finding = if !found.databases.iter().any(|name| name == own) {
        Finding::refusal("job-databases", format!("the list of databases does not name `{own}`"))
            .remedy("see that the connection `postgres` leads to the old server")
    } else if found.databases.iter().any(|name| ![own, MAINTENANCE].contains(&name.as_str())) {
        Finding::refusal("job-databases", "the job would copy databases that this plan does not move, and nothing would take them back")
            .remedy("drop those that nobody needs, or take the path `online`, which moves one database")
    } else if !job::takes(own) {
        Finding::refusal("job-databases", "the job would not take the database's name for one word")
            .remedy("take the path `online`")
    } else {
        Finding::note("job-databases", "what the job copies")
    };
    listed(finding, evidence()).source("railway.md 3.2")
}
