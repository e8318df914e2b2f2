//! Whether the stack still fits together when a plan is done: what would not, and does now, is a finding of the host's own.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::model::{
    Assignment, Authority, Finding, Kind, Piece, Plan, Rule, ServiceRef, Severity, Version,
};
use lockstep_engine::policy::State;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::matrix::{Matrix, Runs, Variables, Verdict, running, together, variables};
use crate::render::brief;
use crate::session::Opened;

/// What earlier stages will have done to the stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier {
    /// The versions of the components that they upgrade.
    versions: BTreeMap<String, Version>,
    /// The images that they set, by service.
    images: BTreeMap<String, String>,
    /// The variables that they set to a text, by service and name.
    variables: BTreeMap<(String, String), String>,
}

impl Earlier {
    /// Adds what a stage does, as far as that is known.
    pub(crate) fn add(&mut self, component: &str, plan: &Plan) -> Result<(), CliError> {
        let Authority { to, steps, effects, .. } = &plan.authority;
        for label in steps.iter().flat_map(|frozen| &frozen.step.effects) {
            self.follow(effects.get(label).map(|effect| &effect.kind));
        }
        if to.order.is_empty() {
            return Ok(());
        }
        let known = Matrix::known().or_exit(Exit::Failed)?;
        let component = known.upgraded_as(component);
        self.versions.insert(component.to_owned(), known.ordered(component, to));
        Ok(())
    }

    fn follow(&mut self, kind: Option<&Kind>) {
        if let Some(Kind::SetImage { service: ServiceRef::Named(service), image }) = kind {
            self.images.insert(service.clone(), image.clone());
        }
        if let Some(Kind::SetVariables { service: ServiceRef::Named(service), assignments }) = kind
        {
            for Assignment { name, value } in assignments {
                if let [Piece::Text(text)] = value.as_slice() {
                    self.variables.insert((service.clone(), name.clone()), text.clone());
                }
            }
        }
    }

    /// Returns the state that the stages lead to from this one.
    fn ahead(&self, running: &[Runs], mut variables: Variables) -> State {
        let mut running = running.to_vec();
        for Runs { component, service, version } in &mut running {
            let image = self.images.get(service.as_str());
            if let Some((_, digest)) = image.and_then(|image| image.split_once('@')) {
                version.digest = Some(digest.to_owned());
            }
            for (name, known) in &mut variables {
                // A rule names a component, or a service by its name.
                let own = self.variables.iter().filter(|((of, _), _)| of == service);
                for ((_, variable), value) in own.filter(|_| name == component || name == service) {
                    known.insert(variable.clone(), Some(value.clone()));
                }
            }
        }
        let mut state = State { versions: together(&running), variables };
        let upgraded = self.versions.iter().map(|(name, it)| (name.clone(), vec![it.clone()]));
        state.versions.extend(upgraded);
        state
    }

    /// Judges the stack with a component at another version, and returns what would not fit any more.
    pub(crate) async fn findings(
        &self,
        opened: &Opened,
        of_plugin: &[Rule],
        (component, to): (&str, &Version),
    ) -> Result<Vec<Finding>, CliError> {
        let known = Matrix::known().or_exit(Exit::Failed)?;
        if to.floating && to.order.is_empty() {
            return Ok(Vec::new());
        }
        let component = known.upgraded_as(component);
        let mut rules = known.rules(of_plugin);
        rules.retain(|rule| bounds(rule).any(|it| it == component));
        let of_interest: BTreeSet<&str> =
            rules.iter().flat_map(bounds).chain([component]).collect();
        match self.judge(opened, (&known, &rules), &of_interest, (component, to)).await {
            Ok(verdicts) => Ok(verdicts.iter().map(finding).collect()),
            // A plan does not rest on what all services say of themselves.
            Err(error) => Ok(vec![unknown(&error)]),
        }
    }

    /// Judges the whole stack as it will be when every stage is done. What does not fit today either is no refusal: no stage
    /// brings it about.
    pub(crate) async fn at_the_end(
        &self,
        opened: &Opened,
        of_plugins: &[Rule],
    ) -> Result<Vec<Finding>, CliError> {
        let known = Matrix::known().or_exit(Exit::Failed)?;
        let rules = known.rules(of_plugins);
        let running = running(opened, &known, |_| true).await?;
        let variables = variables(opened, &running, &rules).await?;
        let today = State { versions: together(&running), variables: variables.clone() };
        let today = known.judge(&today, &rules);
        let mut found = Vec::new();
        for verdict in known.judge(&self.ahead(&running, variables), &rules) {
            let mut finding = finding(&verdict);
            if verdict.severity == Severity::Refusal && today.contains(&verdict) {
                finding.severity = Severity::Warning;
                finding.evidence.push("so it is today, and no stage changes it".to_owned());
            }
            found.push(finding);
        }
        Ok(found)
    }

    async fn judge(
        &self,
        opened: &Opened,
        (known, rules): (&Matrix, &[Rule]),
        of_interest: &BTreeSet<&str>,
        (component, to): (&str, &Version),
    ) -> Result<Vec<Verdict>, CliError> {
        let running = running(opened, known, |name| of_interest.contains(name)).await?;
        let variables = variables(opened, &running, rules).await?;
        let mut state = self.ahead(&running, variables);
        let before = known.judge(&state, rules);
        state.versions.insert(component.to_owned(), vec![known.ordered(component, to)]);
        let after = known.judge(&state, rules);
        let is_new = |verdict: &Verdict| {
            before.iter().all(|it| (&it.id, it.severity) != (&verdict.id, verdict.severity))
        };
        Ok(after.into_iter().filter(is_new).collect())
    }
}

fn bounds(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.when.iter().chain(&rule.require).map(|bound| bound.component.as_str())
}

fn finding(verdict: &Verdict) -> Finding {
    let unsure = if verdict.is_certain { "" } else { "whether it fits can't be told: " };
    Finding {
        id: verdict.id.clone(),
        severity: verdict.severity,
        title: format!("{unsure}{}", verdict.why),
        evidence: verdict.evidence.clone(),
        remedy: Some("`lockstep matrix` shows what runs and what fits together".to_owned()),
        source: Some(verdict.source.clone()),
        mended_by: Vec::new(),
    }
}

fn unknown(error: &CliError) -> Finding {
    Finding {
        id: "matrix".to_owned(),
        severity: Severity::Warning,
        title: "whether the stack fits together then can't be told".to_owned(),
        evidence: vec![brief(&format!("{:#}", error.error))],
        remedy: Some("`lockstep matrix` tries it again".to_owned()),
        source: None,
        mended_by: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tagged;

    #[test]
    fn images_and_variables_that_stages_set_are_those_that_the_stack_ends_with() {
        let named = || ServiceRef::Named("cache".to_owned());
        let mut earlier = Earlier::default();
        let image = "bitnamilegacy/redis:7.2@sha256:ab".to_owned();
        earlier.follow(Some(&Kind::SetImage { service: named(), image }));
        let assignment =
            |name: &str, value: Piece| Assignment { name: name.to_owned(), value: vec![value] };
        let assignments = vec![
            assignment("POLICY", Piece::Text("noeviction".to_owned())),
            assignment("PASSWORD", Piece::Secret("it".to_owned())),
        ];
        earlier.follow(Some(&Kind::SetVariables { service: named(), assignments }));
        let runs = Runs {
            component: "redis".to_owned(),
            service: "cache".to_owned(),
            version: tagged("7.2", None, 3),
        };
        let known = BTreeMap::from([("POLICY".to_owned(), Some("allkeys-lru".to_owned()))]);
        let state = earlier.ahead(&[runs], Variables::from([("redis".to_owned(), known)]));
        assert_eq!(state.versions["redis"][0].digest.as_deref(), Some("sha256:ab"));
        let told = &state.variables["redis"];
        assert_eq!(told["POLICY"].as_deref(), Some("noeviction"));
        assert!(!told.contains_key("PASSWORD"), "nobody can tell what it will be");
    }
}
