//! Whether components fit together: the rules of plugins, judged over a state of the stack.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::{Bound, Rule, Version};

/// A state of the stack: what runs, or what would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The versions of each component that is part of it: of each service that is one, whoever uses it.
    pub versions: BTreeMap<String, Vec<Version>>,
    /// The variables of each service that rules ask about, by the name that they have for it. One whose value can't be seen has none.
    pub variables: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

/// A rule that does not hold, or of which nobody can say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Whether it surely does not hold.
    pub is_certain: bool,
    /// What stands against it, one line of words each.
    pub evidence: Vec<String>,
}

/// Whether something holds, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    No,
    Unknown,
    Yes,
}

/// Returns the rules that do not hold in a state, and those of which that can't be told, in their order.
pub fn breaches<'a>(rules: &'a [Rule], state: &State) -> Vec<Breach<'a>> {
    rules.iter().filter_map(|rule| breach(rule, state)).collect()
}

fn breach<'a>(rule: &'a Rule, state: &State) -> Option<Breach<'a>> {
    let settings = rule.settings.iter().map(|setting| state.is_set(setting));
    let when = rule.when.iter().map(|bound| state.is_within(bound, Truth::No)).chain(settings);
    let applies = when.min().unwrap_or(Truth::Yes);
    let against: Vec<(&Bound, Truth)> = rule
        .require
        .iter()
        // What is not found may be elsewhere, as a database that somebody else runs.
        .map(|bound| (bound, state.is_within(bound, Truth::Unknown)))
        .filter(|(_, truth)| *truth != Truth::Yes)
        .collect();
    if applies == Truth::No || against.is_empty() {
        return None;
    }
    let is_certain = applies == Truth::Yes && against.iter().any(|(_, truth)| *truth == Truth::No);
    let evidence = against.iter().map(|(bound, _)| state.shown(bound)).collect();
    Some(Breach { rule, is_certain, evidence })
}

impl State {
    /// Returns whether a bound holds, `without` a component of this name.
    fn is_within(&self, bound: &Bound, without: Truth) -> Truth {
        let Some(versions) = self.versions.get(&bound.component) else { return without };
        let mut found = versions.iter().map(|version| is_between(version, bound));
        let first = found.next().unwrap_or(without);
        // Nobody knows which of several that differ is the one in use.
        if found.all(|other| other == first) { first } else { Truth::Unknown }
    }

    fn is_set(&self, (service, name, wanted): &(String, String, String)) -> Truth {
        let Some(variables) = self.variables.get(service) else { return Truth::Unknown };
        match variables.get(name) {
            Some(Some(value)) if value == wanted => Truth::Yes,
            Some(None) => Truth::Unknown,
            Some(Some(_)) | None => Truth::No,
        }
    }

    /// Says what stands where a bound should hold.
    fn shown(&self, bound: &Bound) -> String {
        let ends = [("", &bound.at_least, " or newer"), ("older than ", &bound.below, "")];
        let ends: Vec<String> = ends
            .iter()
            .filter_map(|(before, end, after)| {
                end.as_ref().map(|end| format!("{before}{}{after}", end.text))
            })
            .collect();
        let ends = if ends.is_empty() { "there".to_owned() } else { ends.join(" and ") };
        let component = &bound.component;
        if bound.below.as_ref().is_some_and(|end| end.order.iter().all(|number| *number == 0)) {
            return format!("{component} is part of the stack");
        }
        match self.versions.get(component) {
            Some(versions) => {
                let mut texts: Vec<&str> = versions.iter().map(|it| it.text.as_str()).collect();
                texts.dedup();
                format!("{component} is {}, and must be {ends}", texts.join(" and "))
            }
            None => format!("no {component} was found, and it must be {ends}"),
        }
    }
}

/// Returns whether a version is surely within a bound.
pub fn is_within(version: &Version, bound: &Bound) -> bool {
    is_between(version, bound) == Truth::Yes
}

fn is_between(version: &Version, bound: &Bound) -> Truth {
    let compared = |end: &Version, fits: fn(Ordering) -> bool| {
        compare(version, end)
            .map_or(Truth::Unknown, |order| if fits(order) { Truth::Yes } else { Truth::No })
    };
    let least = bound.at_least.as_ref().map(|end| compared(end, Ordering::is_ge));
    let below = bound.below.as_ref().map(|end| compared(end, Ordering::is_lt));
    least.into_iter().chain(below).min().unwrap_or(Truth::Yes)
}

/// Compares a version with the end of a bound, number by number; one that is not written counts as zero. None where that can't be
/// told: a tag that moves may be whatever begins with its numbers.
pub fn compare(version: &Version, end: &Version) -> Option<Ordering> {
    if end.floating || end.order.is_empty() || version.order.is_empty() {
        return None;
    }
    let known = version.order.len();
    let length = if version.floating { known } else { known.max(end.order.len()) };
    let padded = |version: &Version| {
        let numbers = version.order.iter().copied().chain(std::iter::repeat(0));
        numbers.take(length).collect::<Vec<u64>>()
    };
    let compared = padded(version).cmp(&padded(end));
    let goes_on = end.order.iter().skip(length).any(|number| *number > 0);
    match compared {
        Ordering::Equal if version.floating && goes_on => None,
        // It may be a later one too, which is as good for every bound.
        Ordering::Equal | Ordering::Less | Ordering::Greater => Some(compared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    fn version(text: &str) -> Version {
        let order: Vec<u64> = text.split('.').filter_map(|number| number.parse().ok()).collect();
        let floating = order.is_empty() || text.contains('x');
        Version { text: text.to_owned(), floating, order, digest: None }
    }

    fn bound(component: &str, at_least: Option<&str>, below: Option<&str>) -> Bound {
        let [at_least, below] = [at_least, below].map(|end| end.map(version));
        Bound { component: component.to_owned(), at_least, below }
    }

    fn state(versions: &[(&str, &str)]) -> State {
        let mut found: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        for (name, text) in versions {
            found.entry((*name).to_owned()).or_default().push(version(text));
        }
        let variables = BTreeMap::from([
            ("CALLBACK".to_owned(), Some("langfuse".to_owned())),
            ("SEALED".to_owned(), None),
        ]);
        State { versions: found, variables: BTreeMap::from([("litellm".to_owned(), variables)]) }
    }

    fn rule(when: Vec<Bound>, settings: &[(&str, &str)], require: Vec<Bound>) -> Rule {
        let setting = |(name, value): &(&str, &str)| {
            ("litellm".to_owned(), (*name).to_owned(), (*value).to_owned())
        };
        Rule {
            id: "rule".to_owned(),
            when,
            settings: settings.iter().map(setting).collect(),
            require,
            severity: Severity::Refusal,
            reason: "so it is".to_owned(),
            source: "the manual".to_owned(),
        }
    }

    /// `fits`, `breached` or `unknown`.
    fn judged(rule: &Rule, state: &State) -> &'static str {
        match breaches(std::slice::from_ref(rule), state).as_slice() {
            [] => "fits",
            [breach] if breach.is_certain => "breached",
            _ => "unknown",
        }
    }

    #[test]
    fn a_rule_holds_its_bounds_against_what_runs() {
        let since = |text| bound("langfuse", Some(text), None);
        let rule = rule(vec![since("4")], &[], vec![bound("clickhouse", Some("25.12"), None)]);
        let with =
            |langfuse, clickhouse| state(&[("langfuse", langfuse), ("clickhouse", clickhouse)]);
        assert_eq!(judged(&rule, &with("3.225.4", "24.8.4.13")), "fits", "it is not about 3");
        assert_eq!(judged(&rule, &with("4.0.0", "25.12")), "fits");
        assert_eq!(judged(&rule, &with("4.0.0", "24.8.4.13")), "breached");
        assert_eq!(judged(&rule, &with("4.0.0", "latest")), "unknown");
        assert_eq!(judged(&rule, &with("4.0.0", "25.x")), "unknown");
        assert_eq!(judged(&rule, &with("4.0.0", "24.x")), "breached", "whichever it becomes");
        assert_eq!(judged(&rule, &with("4.0.0", "26.x")), "fits");
        assert_eq!(judged(&rule, &with("4.x", "24.8")), "breached");
        assert_eq!(judged(&rule, &with("3.x", "24.8")), "fits");
        assert_eq!(judged(&rule, &with("latest", "24.8")), "unknown");
        assert_eq!(judged(&rule, &with("latest", "26.4")), "fits", "whatever the other one is");
        assert_eq!(judged(&rule, &state(&[("langfuse", "4")])), "unknown", "it may be elsewhere");
        let both = [("langfuse", "4"), ("clickhouse", "24.8"), ("clickhouse", "26.4")];
        assert_eq!(judged(&rule, &state(&both)), "unknown", "either may be the one in use");
        assert_eq!(judged(&rule, &state(&[both[0], both[1], both[1]])), "breached");
        assert_eq!(judged(&rule, &state(&[("clickhouse", "24")])), "fits");
        let evidence =
            |state: &State| breaches(std::slice::from_ref(&rule), state)[0].evidence.clone();
        assert_eq!(
            evidence(&with("4.0.0", "24.8")),
            ["clickhouse is 24.8, and must be 25.12 or newer"]
        );
        assert_eq!(
            evidence(&state(&[("langfuse", "4")])),
            ["no clickhouse was found, and it must be 25.12 or newer"]
        );
    }

    #[test]
    fn a_bound_is_between_its_ends_and_numbers_that_are_not_written_are_zero() {
        let rule = rule(vec![], &[], vec![bound("redis", Some("7.0.0"), Some("8"))]);
        for (text, expected) in [
            ("7", "fits"),
            ("7.0", "fits"),
            ("7.4.1", "fits"),
            ("6.2.14", "breached"),
            ("8.0.0", "breached"),
        ] {
            assert_eq!(judged(&rule, &state(&[("redis", text)])), expected, "{text}");
        }
    }

    #[test]
    fn a_rule_about_a_setting_is_judged_by_what_can_be_seen_of_it() {
        let none = || vec![bound("langfuse", None, Some("4"))];
        let new = state(&[("langfuse", "4.1")]);
        assert_eq!(judged(&rule(vec![], &[("CALLBACK", "langfuse")], none()), &new), "breached");
        assert_eq!(judged(&rule(vec![], &[("CALLBACK", "langfuse_otel")], none()), &new), "fits");
        assert_eq!(judged(&rule(vec![], &[("SEALED", "x")], none()), &new), "unknown");
        assert_eq!(judged(&rule(vec![], &[("ABSENT", "x")], none()), &new), "fits");
    }
}
