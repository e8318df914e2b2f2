//! Findings about a front that comes first.

use lockstep_sdk::Finding;

use super::Seen;
use crate::account::{Password, URL};
use crate::options::Path;
use crate::passage::{IMAGE, SERVICE, same_password};

/// Where the option comes from.
const SOURCE: &str = "plans.md 3.4";

pub(crate) fn passage(seen: Seen<'_>) -> Vec<Finding> {
    let survey = seen.survey;
    let mut findings = vec![
        Finding::note(
            "front-first",
            "a front comes first, and only it is switched when the database has moved",
        )
        .evidence(format!(
            "`{SERVICE}` runs {IMAGE}; every service is led through it, and stays so afterwards"
        ))
        .evidence(
            "nobody is deployed without its writes, and what a service holds in memory lives on",
        )
        .source(SOURCE),
    ];
    if seen.path != Path::Online {
        findings.push(no_passage());
    }
    if survey.passage_taken {
        let title = format!(
            "there is a service `{SERVICE}` already, and the plan would make one of that name"
        );
        findings.push(
            Finding::refusal("front-taken", title)
                .remedy("give that service another name, or delete it if nobody needs it")
                .source(SOURCE),
        );
    }
    if survey.passage.is_none() {
        findings.push(
            Finding::refusal("front-image", "the front's image can't be had")
                .evidence(IMAGE)
                .source(SOURCE),
        );
    }
    if survey.entry.password == Password::Escaped {
        let title = "the services' password must be escaped in a URL, and the front that comes first is in none that has it so";
        findings.push(
            Finding::refusal("front-account", title)
                .evidence(format!("`{URL}` of `{}` leads to that service itself", survey.front.name()))
                .remedy("give the role a password of letters, digits and `-._~` alone, or leave `front-first` out")
                .source(SOURCE),
        );
    }
    if !same_password(&survey.old, &survey.front) {
        let title = "the services' password is not the same at both sides, and through a front they keep one";
        findings.push(
            Finding::refusal("front-account", title)
                .evidence(format!(
                    "PGPOOL_POSTGRES_PASSWORD of `{}` and POSTGRES_PASSWORD of `{}` must be one password",
                    survey.front.name(),
                    survey.old.name()
                ))
                .remedy("set the cluster up with the old server's account, as long as nobody uses it, or leave `front-first` out")
                .source(SOURCE),
        );
    }
    findings
}

/// Returns what to say where the database is moved in another way.
pub(crate) fn no_passage() -> Finding {
    Finding::refusal("front-first", "a front comes first only on the path `online`")
        .remedy("leave the option `front-first` out, or take the path `online`")
        .source(SOURCE)
}
