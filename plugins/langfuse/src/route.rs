//! Which way leads from one version to another, and which does not exist.

use lockstep_sdk::Finding;

use crate::version::{ENTERING_3, LEAVING_2, Release};

/// The last line of version 3: what version 4 is reached from.
const LEAVING_3: Release = Release::plain(3, 225, 0);

/// Where it is written what version 4 does to rows that were not moved.
pub(crate) const DROPS: &str =
    "domain.md C.4; langfuse: migrations/20260723150000_drop_legacy_tracing_tables";

/// The whole way, for whoever asks for a part of it that does not exist.
const WHOLE: &str = "the way is 2.92 or later, 3.29, the newest 3, then 4; between any two of them every migration in the background ends";

/// A way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Within version 3, or within version 4.
    Minor,
    /// From version 2, which keeps everything in PostgreSQL, to version 3.
    ToThree,
    /// From version 3 to version 4, which drops what was not moved.
    ToFour,
}

impl Route {
    /// Finds the way.
    pub(crate) fn between(from: Release, to: Release) -> Result<Self, Finding> {
        if to < from {
            return Err(downgrade(from, to));
        }
        match (from.major, to.major) {
            (3, 3) | (4, 4) => Ok(Self::Minor),
            (2, 3) if from < LEAVING_2 => Err(path(format!(
                "{from} can't become {to}: version 3 is reached from {LEAVING_2} or later"
            ))
            .remedy(format!("set the service to a later version 2 first. {WHOLE}"))
            .source("Langfuse: upgrade-v2-to-v3; domain.md C.3")),
            (2, 3) if (to.major, to.minor) != (ENTERING_3.major, ENTERING_3.minor) => Err(path(format!(
                "{from} does not become {to} in one step: version 2 goes on serving beside {ENTERING_3}, and not beside later ones"
            ))
            .remedy(format!("plan `langfuse@{ENTERING_3}` first, then `langfuse@{to}`"))
            .source("domain.md C.3: known-good pair 2.92 and 3.29")),
            (2, 3) => Ok(Self::ToThree),
            (2, 4..) => Err(path(format!(
                "{from} must not become {to}: version 4 drops the tables in which version 2 keeps its traces, before anything has moved them"
            ))
            .evidence("traces, observations and scores would be gone for good")
            .remedy(format!("plan `langfuse@{ENTERING_3}` first. {WHOLE}"))
            .source(DROPS)),
            (3, 4) if from < LEAVING_3 => Err(path(format!(
                "{from} does not become {to}: version 4 is reached from the last line of version 3"
            ))
            .evidence("later versions 3 bring migrations in the background whose scripts version 4 no longer has")
            .remedy(format!("plan `langfuse` without a version first. {WHOLE}"))
            .source(DROPS)),
            (3, 4) => Ok(Self::ToFour),
            _ => Err(path(format!("no way from {from} to {to} is known to this plugin"))
                .evidence(WHOLE)),
        }
    }

    /// Returns the word that stands for it in a plan's parameters.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::ToThree => "2-to-3",
            Self::ToFour => "3-to-4",
        }
    }

    /// Reads the word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Minor, Self::ToThree, Self::ToFour].into_iter().find(|route| route.word() == word)
    }
}

fn path(title: String) -> Finding {
    Finding::refusal("path", title)
}

fn downgrade(from: Release, to: Release) -> Finding {
    let title = format!(
        "{to} is older than {from}, which runs: that is a way back, and no plan of its own"
    );
    Finding::refusal("downgrade", title)
        .evidence("an older version finds a history in ClickHouse that it does not know, and does not start: no migration found for version N")
        .remedy(
            "while the upgrade's run is open: `lockstep rollback`. After that by hand: set LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED=true \
             on the web service, set both services to their former images and digests, deploy the web service and then the worker",
        )
        .source("domain.md C.8; langfuse-k8s#109")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, expected: Result<Route, &str>) {
        let found = Route::between(Release::parse(from).unwrap(), Release::parse(to).unwrap());
        match (&found, expected) {
            (Ok(route), Ok(wanted)) => assert_eq!(*route, wanted, "{from} {to}"),
            (Err(finding), Err(part)) => {
                let shown = format!("{} {:?}", finding.title, finding.remedy);
                assert!(finding.refuses() && shown.contains(part), "{shown}");
            }
            other => panic!("{from} {to}: {other:?}"),
        }
    }

    #[test]
    fn each_way_leads_through_what_lies_between() {
        check("3.170.0", "3.225.4", Ok(Route::Minor));
        check("3.225.4", "3.225.4", Ok(Route::Minor));
        check("4.0.0", "4.16.0", Ok(Route::Minor));
        check("2.95.11", "3.29.0", Ok(Route::ToThree));
        check("3.225.4", "4.16.0", Ok(Route::ToFour));
        check("2.60.0", "3.29.0", Err("2.92.0 or later"));
        check("2.95.11", "3.225.4", Err("plan `langfuse@3.29.0` first, then `langfuse@3.225.4`"));
        check("2.95.11", "4.16.0", Err("drops the tables"));
        check("2.95.11", "4.16.0", Err("plan `langfuse@3.29.0` first"));
        check("3.29.0", "4.16.0", Err("the last line of version 3"));
        check("3.225.4", "3.170.0", Err("lockstep rollback"));
        check("3.225.4", "5.0.0", Err("no way"));
        check("2.92.0", "2.95.11", Err("no way"));
    }

    #[test]
    fn a_way_is_what_its_word_says() {
        for route in [Route::Minor, Route::ToThree, Route::ToFour] {
            assert_eq!(Route::of(route.word()), Some(route));
        }
        assert_eq!(Route::of("sideways"), None);
    }
}
