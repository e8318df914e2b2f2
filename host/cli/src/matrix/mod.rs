//! The compatibility matrix: which versions of the stack's components fit, and fit together.
//!
//! What is known is data (`matrix.toml`), each figure with its source; plugins add rules of their own. Versions are compared in one
//! order for all components that stand in the data; those that only a plugin knows are compared as it says.

mod data;
mod found;
mod version;

use std::cmp::Ordering;

use lockstep_engine::model::{Bound, Rule, Severity, Version};
use lockstep_engine::policy::{State, breaches, compare};

pub(crate) use data::{Component, Matrix, bound};
pub(crate) use found::{Runs, Variables, running, together, variables};
pub(crate) use version::{exact, tagged};

/// Where it is written that a tag which moves should not run.
const FLOATING: &str =
    "Railway docs, services: an image without a version is pulled anew at every deployment";

/// What is said of one component, or of several together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The rule.
    pub(crate) id: String,
    /// How grave it is; a refusal that is not certain is a warning.
    pub(crate) severity: Severity,
    /// Whether it surely does not hold.
    pub(crate) is_certain: bool,
    /// What does not fit, and why.
    pub(crate) why: String,
    /// What stands against it.
    pub(crate) evidence: Vec<String>,
    /// Where it is written.
    pub(crate) source: String,
}

impl Matrix {
    /// Judges a state: each component by itself, then all together by these rules.
    pub(crate) fn judge(&self, state: &State, rules: &[Rule]) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Vec::new();
        for component in &self.component {
            for version in state.versions.get(&component.name).into_iter().flatten() {
                let verdict = component.judge(version);
                verdicts.extend(verdict.filter(|it| !verdicts.contains(it)));
            }
        }
        for breach in breaches(rules, state) {
            let rule = breach.rule;
            let severity = match (breach.is_certain, rule.severity) {
                (false, Severity::Refusal) => Severity::Warning,
                (_, severity) => severity,
            };
            verdicts.push(Verdict {
                id: rule.id.clone(),
                severity,
                is_certain: breach.is_certain,
                why: rule.reason.clone(),
                evidence: breach.evidence,
                source: rule.source.clone(),
            });
        }
        verdicts
    }

    /// Returns what is known of several components together, here and by plugins.
    pub(crate) fn rules(&self, of_plugins: &[Rule]) -> Vec<Rule> {
        let known = self.rule.iter().map(data::Together::rule);
        known.chain(of_plugins.iter().map(|rule| self.in_one_order(rule))).collect()
    }

    /// Returns the component that a stage of this name upgrades.
    pub(crate) fn upgraded_as<'a>(&'a self, stage: &'a str) -> &'a str {
        let named = self.component.iter().find(|it| it.upgraded_as.as_deref() == Some(stage));
        named.map_or(stage, |it| &it.name)
    }

    /// Returns a plugin's version of a component in the order of the matrix, if that has the component.
    pub(crate) fn ordered(&self, component: &str, version: &Version) -> Version {
        let is_known = self.component.iter().any(|it| it.name == component);
        if is_known && !version.floating { exact(&version.text) } else { version.clone() }
    }

    fn in_one_order(&self, rule: &Rule) -> Rule {
        let bounds = |bounds: &[Bound]| {
            let bound = |bound: &Bound| {
                let component = self.upgraded_as(&bound.component).to_owned();
                let end =
                    |end: &Option<Version>| end.as_ref().map(|end| self.ordered(&component, end));
                let [at_least, below] = [end(&bound.at_least), end(&bound.below)];
                Bound { component, at_least, below }
            };
            bounds.iter().map(bound).collect()
        };
        Rule { when: bounds(&rule.when), require: bounds(&rule.require), ..rule.clone() }
    }
}

impl Component {
    /// Judges one version by itself; the gravest of what is wrong with it.
    fn judge(&self, version: &Version) -> Option<Verdict> {
        let verdict = |what: &str, severity, why: String, source: &str| Verdict {
            id: format!("{}-{what}", self.name),
            severity,
            is_certain: true,
            why,
            evidence: vec![format!("{} is {}", self.name, version.text)],
            source: source.to_owned(),
        };
        let is_denied = |denied: &&data::Denied| {
            !version.floating && compare(version, &exact(&denied.version)) == Some(Ordering::Equal)
        };
        if let Some(denied) = self.denied.iter().find(is_denied) {
            return Some(verdict("denied", Severity::Refusal, denied.why.clone(), &denied.source));
        }
        let older = |than: &Option<String>| {
            than.as_ref()
                .filter(|than| compare(version, &exact(than)) == Some(Ordering::Less))
                .cloned()
        };
        if let Some(minimum) = older(&self.minimum) {
            let why = format!("it must be {minimum} or newer");
            let source = self.minimum_source.as_deref().unwrap_or_default();
            return Some(verdict("minimum", Severity::Refusal, why, source));
        }
        if version.floating && version.digest.is_none() {
            let why = format!(
                "`{}` names no whole version, so what it is can change by itself",
                version.text
            );
            return Some(verdict("floating", Severity::Warning, why, FLOATING));
        }
        older(&self.recommended).map(|recommended| {
            let why = format!("{recommended} or newer is recommended");
            let source = self.recommended_source.as_deref().unwrap_or_default();
            verdict("recommended", Severity::Note, why, source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        versions: &[(&str, &str)],
        variables: &[(&str, &str, &str)],
    ) -> Vec<(String, Severity)> {
        let mut state = State::default();
        for (component, text) in versions {
            let version =
                text.strip_prefix(':').map_or_else(|| exact(text), |tag| tagged(tag, None, 3));
            state.versions.insert((*component).to_owned(), vec![version]);
        }
        for (service, name, value) in variables {
            let own = state.variables.entry((*service).to_owned()).or_default();
            own.insert((*name).to_owned(), Some((*value).to_owned()));
        }
        let known = Matrix::known().unwrap();
        let verdicts = known.judge(&state, &known.rules(&[]));
        verdicts.into_iter().map(|it| (it.id, it.severity)).collect()
    }

    fn named(found: &[(String, Severity)]) -> Vec<&str> {
        found.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// The rest of the stack, as Langfuse 3 and 4 want it.
    const FITS: [(&str, &str); 4] = [
        ("clickhouse", "26.4.1.1"),
        ("postgresql", "16.14"),
        ("redis", "7.2.4"),
        ("minio", "RELEASE.2025-09-07T16-13-09Z"),
    ];

    #[test]
    fn what_fits_is_not_spoken_of() {
        let mut versions = FITS.to_vec();
        versions.extend([
            ("litellm", "1.92.1"),
            ("langfuse", "3.225.4"),
            ("langfuse-worker", "3.225.4"),
        ]);
        assert_eq!(judged(&versions, &[]), []);
    }

    #[test]
    fn a_version_that_is_denied_too_old_or_moves_is_told() {
        assert_eq!(
            judged(&[("litellm", "v1.82.7-stable")], &[]),
            [("litellm-denied".to_owned(), Severity::Refusal)]
        );
        assert_eq!(named(&judged(&[("litellm", "1.82.7.post1")], &[])), ["litellm-recommended"]);
        assert_eq!(named(&judged(&[("redis", "6.2.14")], &[])), ["redis-minimum"]);
        assert_eq!(named(&judged(&[("redis", "Valkey 8.0.1")], &[])), Vec::<&str>::new());
        assert_eq!(
            judged(&[("litellm", ":main-stable")], &[]),
            [("litellm-floating".to_owned(), Severity::Warning)]
        );
    }

    #[test]
    fn langfuse_4_wants_its_clickhouse_before_it_and_litellm_a_callback_that_it_takes() {
        let mut versions = FITS.to_vec();
        versions.extend([
            ("litellm", "1.92.1"),
            ("langfuse", "4.16.0"),
            ("langfuse-worker", "4.16.0"),
        ]);
        let callback = ("litellm-callback-langfuse-4".to_owned(), Severity::Warning);
        assert_eq!(judged(&versions, &[]), std::slice::from_ref(&callback));
        let cluster = ("langfuse", "REDIS_CLUSTER_ENABLED", "true");
        assert_eq!(judged(&versions, &[cluster]).len(), 1, "this one can");
        let old = [("langfuse", "3.69.0"), ("redis", "7.2.4")];
        assert!(named(&judged(&old, &[cluster])).contains(&"langfuse-redis-cluster"));
        versions[0].1 = "24.8.4.13";
        assert_eq!(
            judged(&versions, &[]),
            [("langfuse-4-clickhouse".to_owned(), Severity::Refusal), callback.clone()]
        );
        versions[0].1 = ":24";
        assert_eq!(
            judged(&versions, &[]),
            [
                ("clickhouse-floating".to_owned(), Severity::Warning),
                ("langfuse-4-clickhouse".to_owned(), Severity::Refusal),
                ("langfuse-3-dependencies".to_owned(), Severity::Warning),
                callback
            ],
            "no 24 is a 25.12, and one of them may be a 24.2"
        );
        versions[0].1 = ":latest";
        let found = judged(&versions, &[]);
        assert_eq!(
            named(&found),
            [
                "clickhouse-floating",
                "langfuse-4-clickhouse",
                "langfuse-3-dependencies",
                "litellm-callback-langfuse-4"
            ]
        );
        assert!(
            found.iter().all(|(_, severity)| *severity == Severity::Warning),
            "nobody can say: {found:?}"
        );
    }

    #[test]
    fn rules_of_plugins_are_judged_in_the_order_of_the_matrix() {
        let version = |text: &str| Version {
            text: text.to_owned(),
            order: vec![9],
            floating: false,
            digest: None,
        };
        let bound = |component: &str, text: &str| Bound {
            component: component.to_owned(),
            at_least: Some(version(text)),
            below: None,
        };
        let rule = Rule {
            id: "mine".to_owned(),
            when: vec![bound("litellm", "1.80")],
            settings: Vec::new(),
            require: vec![bound("postgres-ha", "15")],
            severity: Severity::Refusal,
            reason: "so it is".to_owned(),
            source: "the manual".to_owned(),
        };
        let state = |postgresql| State {
            versions: [("litellm", "1.92.1"), ("postgresql", postgresql)]
                .map(|(name, text)| (name.to_owned(), vec![exact(text)]))
                .into(),
            ..State::default()
        };
        let known = Matrix::known().unwrap();
        let rules = known.rules(std::slice::from_ref(&rule));
        assert_eq!(known.judge(&state("16.4"), &rules), []);
        let found = known.judge(&state("14.1"), &rules);
        assert_eq!(
            found.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
            ["postgresql-recommended", "mine"]
        );
    }
}
