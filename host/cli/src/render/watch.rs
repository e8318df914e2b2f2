//! What is watched beside a run, as an operator reads it in a plan.

use lockstep_engine::model::{Authority, BITS, Canary, Following, HostWatch, Trigger, Triggers};

use super::text::{hang, length, put, tame};

/// Appends what is watched, and what makes the run go back.
pub(super) fn watches(out: &mut String, authority: &Authority) {
    let Authority { watches, host_watches, triggers, .. } = authority;
    if watches.is_empty() && host_watches.is_empty() {
        return;
    }
    put(
        out,
        "\nWatched beside every step and soak; what tips turns the run round, unless that would lose something",
    );
    for watch in watches {
        let line =
            format!("\u{201c}{}\u{201d}: {}", tame(&watch.title), rule(watch.trigger, triggers));
        out.push_str(&hang(&line, "  ", "    "));
    }
    let named = |wanted: fn(&HostWatch) -> Option<&str>| {
        host_watches.iter().filter_map(wanted).collect::<Vec<_>>().join(", ")
    };
    let running = named(|watch| match watch {
        HostWatch::Running(service) => Some(service),
        HostWatch::OneOf(_)
        | HostWatch::MostOf(_)
        | HostWatch::Traffic(_)
        | HostWatch::Canary(_) => None,
    });
    let one_of = named(|watch| match watch {
        HostWatch::OneOf(service) => Some(service),
        HostWatch::Running(_)
        | HostWatch::MostOf(_)
        | HostWatch::Traffic(_)
        | HostWatch::Canary(_) => None,
    });
    let traffic = named(|watch| match watch {
        HostWatch::Traffic(service) => Some(service),
        HostWatch::Running(_)
        | HostWatch::OneOf(_)
        | HostWatch::MostOf(_)
        | HostWatch::Canary(_) => None,
    });
    for (what, services, trigger) in [
        ("the newest deployment runs", running, Trigger::Unhealthy),
        ("the newest deployment of each of several runs", one_of.clone(), Trigger::Told),
        ("more than half of these run", one_of, Trigger::Unhealthy),
        ("HTTP answers", traffic, Trigger::ErrorRate),
    ] {
        if !services.is_empty() {
            let line = format!("{what} ({services}): {}", rule(trigger, triggers));
            out.push_str(&hang(&line, "  ", "    "));
        }
    }
    for canary in authority.canaries() {
        let counted = counted(canary, authority.following.as_ref());
        out.push_str(&hang(&counted, "  ", "    "));
    }
    let unknown = format!(
        "not to be found out for {} counts as failing; what fails before the run is not held against it",
        length(triggers.unknown_after)
    );
    out.push_str(&hang(&unknown, "  ", "    "));
}

fn counted(canary: &Canary, following: Option<&Following>) -> String {
    let gone = "an acknowledged one that is gone tips at once";
    match canary {
        Canary::Rows(connection) => {
            let follows = following.filter(|it| it.from == *connection);
            let then = follows.map_or_else(String::new, |it| {
                format!(", and of {} once step {} is done", tame(&it.to), it.forth)
            });
            let of = tame(connection);
            format!("canary: a row a second in `lockstep.canary` of {of}{then}: {gone}")
        }
        Canary::Bits(connection) => {
            format!("canary: a bit a second under `{BITS}` of {}: {gone}", tame(connection))
        }
        Canary::Answers { endpoint, path } => format!(
            "canary: GET {} of {} every five seconds: counted, and never tips",
            tame(path),
            tame(endpoint)
        ),
    }
}

fn rule(trigger: Trigger, triggers: &Triggers) -> String {
    match trigger {
        Trigger::Unhealthy => format!(
            "failing for {} without a break, from {} after each change",
            length(triggers.unhealthy_after),
            length(triggers.grace)
        ),
        Trigger::ErrorRate => format!(
            "more than {} % of at least {} requests in {} are errors, and twice the share of before",
            triggers.error_percent,
            triggers.fewest_requests,
            length(triggers.window)
        ),
        Trigger::AtOnce => "failing once".to_owned(),
        Trigger::Told => "told at once, and never tips".to_owned(),
    }
}
