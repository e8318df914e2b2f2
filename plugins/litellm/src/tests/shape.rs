//! What the host demands of every draft, whatever it is about, and what is constant about the plugin.

use std::collections::BTreeSet;

use lockstep_sdk::{Draft, Undo};

use super::declared::Declared;
use super::given::{TO, planned, planned_with};
use super::stack::{Stack, deployment};
use crate::describe::description;

/// Plans that differ most.
fn plans() -> Vec<(Draft, Declared)> {
    let mut bare = Stack::healthy();
    bare.databases.models.clear();
    let mut new = Stack::healthy().running("1.84.0", "1.84.0", 'c');
    new.proxy.version = None;
    new.set("litellm", "DISABLE_SCHEMA_UPDATE", "true");
    vec![
        planned(&Stack::healthy(), TO),
        planned(&Stack::healthy(), "v1.83.3-stable.patch.2"),
        planned(&bare, "1.106.2"),
        planned(&new, "1.106.2"),
        planned_with(&Stack::healthy(), TO, &[("destructive", "accepted"), ("soak", "0")]),
    ]
}

#[test]
fn every_draft_is_whole() {
    for (draft, declared) in plans() {
        labels(&draft, &declared);
        names(&draft);
        ways_back(&draft);
        figures(&draft);
    }
}

fn labels(draft: &Draft, declared: &Declared) {
    let steps = draft.steps.iter().chain(&draft.undo);
    let mut used: Vec<&str> = steps.flat_map(|step| &step.effects).map(String::as_str).collect();
    let declared = declared.labels();
    let mut sorted: Vec<&str> = declared.iter().map(String::as_str).collect();
    let once: BTreeSet<&str> = sorted.iter().copied().collect();
    assert_eq!(once.len(), sorted.len(), "a label is declared twice: {sorted:?}");
    used.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(used, sorted, "what is declared is what is used, once");
}

fn names(draft: &Draft) {
    let plain = |text: &str| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
    };
    let mut seen = BTreeSet::new();
    let mut before: Vec<&String> = Vec::new();
    for step in draft.steps.iter().chain(&draft.undo) {
        assert!(plain(&step.id) && seen.insert(&step.id), "{}", step.id);
        assert!(step.effects.iter().all(|label| plain(label)), "{:?}", step.effects);
        assert!(step.limit > 0 && (1..=1000).contains(&step.rounds), "{}", step.id);
        assert!(
            step.needs.iter().all(|need| before.contains(&need)),
            "{}: {:?}",
            step.id,
            step.needs
        );
        before.push(&step.id);
    }
    let size: usize = draft.parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size < 16 << 10, "{size}");
    for finding in &draft.findings {
        assert!(finding.mended_by.iter().all(|id| before.contains(&id)), "{}", finding.id);
        assert!(!finding.title.contains('\n'), "{}", finding.title);
    }
}

fn ways_back(draft: &Draft) {
    let mut named: Vec<&String> = Vec::new();
    for step in &draft.steps {
        assert!(step.reverses.is_empty(), "{}", step.id);
        if let Undo::Steps(ids) = &step.undo {
            named.extend(ids);
        }
    }
    let once: BTreeSet<&String> = named.iter().copied().collect();
    assert_eq!(once.len(), named.len(), "an undo step is named twice: {named:?}");
    assert_eq!(once, draft.undo.iter().map(|step| &step.id).collect());
    let forward: Vec<&String> = draft.steps.iter().flat_map(|step| &step.effects).collect();
    for step in &draft.undo {
        let bare = step.undo == Undo::Nothing && step.loss.is_none() && step.soak.is_none();
        assert!(bare && step.gates.is_empty() && step.extra.is_empty(), "{}", step.id);
        let reversed: BTreeSet<&String> = step.reverses.iter().map(|(mine, _)| mine).collect();
        assert_eq!(reversed, step.effects.iter().collect(), "{}", step.id);
        assert!(step.reverses.iter().all(|(_, theirs)| forward.contains(&theirs)), "{}", step.id);
    }
}

/// What is hashed holds no measured figure; versions are none.
fn figures(draft: &Draft) {
    for step in draft.steps.iter().chain(&draft.undo) {
        let left = step.if_left.as_deref().unwrap_or_default();
        assert!(!left.is_empty(), "`{}` does not say what is left", step.id);
        let title = step.title.replace(&draft.current.text, "").replace(&draft.desired.text, "");
        for text in [left, &title, &step.why] {
            assert!(!text.contains(|letter: char| letter.is_ascii_digit()), "{}: {text}", step.id);
        }
    }
}

#[test]
fn the_same_stack_has_the_same_plan_while_its_figures_move() {
    let (one, declared) = planned(&Stack::healthy(), TO);
    let mut moved = Stack::healthy();
    moved.service("postgres").volume.as_mut().unwrap().used_mb += 90;
    moved.databases.spend = Some((9 << 30, 12_000_000));
    moved.databases.ended.push("20260301_more");
    moved.databases.foreign.push("traces");
    moved.requests = 900;
    moved.proxy.header = Some("1.80.0");
    moved.releases = (403, String::new());
    let (other, same) = planned(&moved, TO);
    assert_eq!(one.steps, other.steps);
    assert_eq!(
        (&one.undo, &one.parameters, &one.watches),
        (&other.undo, &other.parameters, &other.watches)
    );
    assert_eq!(declared.0.into_inner(), same.0.into_inner());
    // How long a boot took is a figure that is not hashed.
    moved.deployments.insert("litellm".to_owned(), vec![deployment("d7", 'a')]);
    moved.deployments.get_mut("litellm").unwrap()[0].changed += 5_000;
    let (slower, _) = planned(&moved, TO);
    let hashed = |draft: &Draft| {
        let mut steps = draft.steps.clone();
        for step in &mut steps {
            step.expected = 0;
        }
        steps
    };
    assert_eq!(hashed(&one), hashed(&slower));
    assert_ne!(one.steps, slower.steps);
}

#[test]
fn whatever_a_plan_does_was_asked_for() {
    let description = description();
    let asked = |capability: &str, name: &str, access: &str| {
        description.requests.iter().any(|it| {
            it.capability == capability
                && (it.name == name || it.name == "*")
                && it.access == access
        })
    };
    for (_, declared) in plans() {
        for line in declared.0.into_inner() {
            let (label, rest) = line.split_once(": ").unwrap();
            let words: Vec<&str> = rest.split(' ').collect();
            let fits = match words[0] {
                "litellm" => asked("http", "litellm", "send"),
                "transaction" | "alone" => asked("sql", words[1], "execute"),
                "copy-schema" => words[1..3].iter().all(|name| asked("sql", name, "copy-schema")),
                "create" => asked("railway", words[1], "create-service"),
                "delete-made" => asked("railway", words[1], "delete-service"),
                "set-made" => asked("railway", words[1], "set-settings"),
                "deploy-made" => asked("railway", words[1], "deploy"),
                "stop-made" => asked("railway", words[1], "stop"),
                "lock-backup" => asked("railway", "postgres", "lock-backup"),
                other => asked("railway", words[1], other),
            };
            assert!(fits, "{label}: {rest}");
        }
    }
}

#[test]
fn the_description_says_why_and_what_comes_first() {
    let description = description();
    assert_eq!(description.after, ["repair", "redis", "langfuse"]);
    assert!(description.requests.iter().all(|request| !request.why.is_empty()));
    let reads =
        description.requests.iter().filter(|it| it.capability == "http" && it.access == "read");
    assert!(reads.into_iter().all(|request| !request.paths.is_empty()));
    let paths: Vec<&String> = description.requests.iter().flat_map(|it| &it.paths).collect();
    assert!(!paths.iter().any(|path| *path == "/health"), "it bills every model");
    assert!(
        description.rules.iter().all(|rule| !rule.reason.is_empty() && !rule.source.is_empty())
    );
    let callback = &description.rules[0];
    assert_eq!(callback.require[0].component, "langfuse");
    assert_eq!(callback.require[0].below.as_ref().map(|it| it.text.as_str()), Some("4.0.0"));
}
