//! What an operator can do about a failure of the outside, by its code.

use lockstep_engine::model::Failure;

/// What can be done, and the codes of the failures that it is about.
const HINTS: [(&[&str], &str); 20] = [
    (
        &["railway:not-authorized"],
        "the token is wrong, expired, or may not do this: Railway answers the same for all three",
    ),
    (
        &["railway:not-authorized"],
        "a project token goes with kind = \"project\", an account token with kind = \"account\"",
    ),
    (
        &["railway:unreachable", "railway:connection", "railway:timeout"],
        "Railway's API can't be reached from here: is there a network, and is `api` in lockstep.toml right? https://status.railway.com tells of Railway itself",
    ),
    (
        &["railway:server"],
        "Railway's API has a fault of its own: https://status.railway.com; try again later",
    ),
    (
        &["railway:answer"],
        "is `api` in lockstep.toml the address of Railway's GraphQL API? If so, this lockstep is too old for it",
    ),
    (
        &["railway:staged"],
        "commit or discard what is staged in Railway's dashboard, then plan again",
    ),
    (
        &[
            "redis:connection",
            "redis:timeout",
            "sql:connection",
            "sql:timeout",
            "http:connection",
            "http:timeout",
        ],
        "is the service running? `lockstep status` tells; `lockstep doctor` dials it",
    ),
    (&["redis:loading"], "the server still reads its data; try again when it is done"),
    (
        &["redis:noauth", "sql:28P01"],
        "the variable that holds the password is not what the server was started with",
    ),
    (
        &["redis:no-connection", "sql:no-connection", "http:endpoint"],
        "name it in lockstep.toml: README.md shows an example of a connection and of an endpoint",
    ),
    (&["redis:no-master"], "is `master` in lockstep.toml the name that the Sentinels use?"),
    (&["sql:standby"], "name the service of the primary, or of what leads to it, in lockstep.toml"),
    (
        &["ssh:tunnel"],
        "does `ssh` get there by itself? Its key must be known to Railway (account settings, SSH keys); lockstep.toml may name it: ssh = { identity = … }",
    ),
    (
        &["via:no-proxy"],
        "reach it through a tunnel instead: via = \"ssh\"; opening a proxy redeploys the service",
    ),
    (
        &["via:clear-text"],
        "reach it through a tunnel instead: via = \"ssh\"; or say via = \"tcp-proxy-in-clear-text\" if that is meant",
    ),
    (
        &["via:no-password", "via:url"],
        "`variable` of the connection in lockstep.toml names the variable that holds the password or the URL",
    ),
    (&["via:no-private-domain"], "reach it through a tunnel instead: via = \"ssh\""),
    (
        &["railway:no-service"],
        "`lockstep status` lists the services of the environment; lockstep.toml may name another one for a connection",
    ),
    (
        &["registry:unreachable", "registry:server"],
        "the image's registry can't be reached from here; nothing was changed, try again",
    ),
    (
        &["registry:rate-limited"],
        "the image's registry limits how often it may be asked; nothing was changed, try again later",
    ),
];

/// Returns what an operator can do about a failure.
pub(crate) fn hints(failure: &Failure) -> Vec<String> {
    let problem = failure.problem();
    if problem.code == "railway:rate-limited" {
        let asked = problem.extra.iter().find(|(name, _)| name == "retry-after");
        let wait = asked.map_or_else(
            || "wait a while".to_owned(),
            |(_, seconds)| format!("Railway asks to wait {seconds} s"),
        );
        return vec![format!("{wait}, then try again; nothing was lost")];
    }
    let fitting = HINTS.iter().filter(|(codes, _)| codes.contains(&problem.code.as_str()));
    fitting.map(|(_, hint)| (*hint).to_owned()).collect()
}

/// Returns what an operator can do about the failures whose codes a run's words name.
pub(crate) fn hints_in(words: &str) -> Vec<&'static str> {
    let named =
        |codes: &&(&[&str], &str)| codes.0.iter().any(|code| words.contains(&format!("({code})")));
    HINTS.iter().filter(named).map(|(_, hint)| *hint).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Everything that a driver or the engine can say, as source text.
    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("tests") => {}
                true => sources(&path, text),
                false => text.push_str(&std::fs::read_to_string(&path).unwrap()),
            }
        }
    }

    #[test]
    fn every_code_with_a_hint_is_said_by_somebody() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut text = String::new();
        for part in ["drivers/src", "engine/src"] {
            sources(&host.join(part), &mut text);
        }
        // A server's own word becomes a code by `format!`, so it never stands in the source as a whole.
        let spoken_by_a_server = ["redis:loading"];
        for code in HINTS.iter().flat_map(|(codes, _)| *codes) {
            assert!(
                text.contains(&format!("\"{code}\"")) || spoken_by_a_server.contains(code),
                "nobody says `{code}`"
            );
        }
    }

    #[test]
    fn whatever_an_operator_may_meet_has_a_hint() {
        for code in [
            "railway:not-authorized",
            "railway:rate-limited",
            "railway:unreachable",
            "railway:connection",
            "railway:timeout",
            "railway:server",
            "redis:connection",
            "redis:timeout",
            "redis:noauth",
            "sql:connection",
            "sql:28P01",
            "sql:standby",
            "http:connection",
            "http:timeout",
            "ssh:tunnel",
            "via:no-proxy",
            "via:clear-text",
            "via:no-password",
            "registry:unreachable",
        ] {
            assert!(!hints(&Failure::permanent(code, "x")).is_empty(), "`{code}` has no hint");
        }
        assert!(hints(&Failure::permanent("made:up", "x")).is_empty());
    }

    #[test]
    fn what_stopped_a_run_has_its_hint() {
        let words = "step `x` failed: no answer (railway:not-authorized)";
        assert_eq!(hints_in(words).len(), 2);
        assert!(hints_in("step `x` failed: railway:not-authorized is a word here").is_empty());
    }

    #[test]
    fn the_time_that_railway_asks_for_is_told() {
        let mut limited = Failure::transient("railway:rate-limited", "x");
        assert!(hints(&limited)[0].starts_with("wait a while"));
        if let Failure::Transient(problem) = &mut limited {
            problem.extra.push(("retry-after".to_owned(), "77".to_owned()));
        }
        assert!(hints(&limited)[0].contains("wait 77 s"));
    }
}
