//! Admission of effects: the proof that an effect may be sent.

use std::collections::BTreeMap;

use crate::journal::RunState;
use crate::model::{
    Allowed, Argument, ArgumentRule, Authority, Drive, Effect, Fact, Failure, Kind, Label, Moment,
    Pin, RunId, Step, Times, Value,
};

/// An effect that the running step of the approved plan lists, with arguments that fit their rules.
///
/// Only this module makes one, so sending an effect that was not admitted does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    effect: Effect,
    arguments: Vec<Argument>,
    pins: BTreeMap<String, Pin>,
    given: BTreeMap<Label, Vec<Fact>>,
    volumes: Vec<String>,
    undo: bool,
    marker: String,
    deadline: Option<Moment>,
}

impl Admitted {
    /// Returns the effect as frozen.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Returns its arguments.
    pub fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    /// Returns the ids that a service's name led to when the plan was frozen.
    pub fn pin(&self, service: &str) -> Option<&Pin> {
        self.pins.get(service)
    }

    /// Returns what an effect gave on which this one rests, such as the backup to restore.
    pub fn given(&self, label: &Label) -> &[Fact] {
        self.given.get(label).map_or(&[], Vec::as_slice)
    }

    /// Returns whether it is performed on the way back.
    pub fn is_undo(&self) -> bool {
        self.undo
    }

    /// Returns the ids of the volumes that this run made, by itself or by restoring a backup; none for an effect that is not
    /// about a volume.
    pub fn volumes(&self) -> &[String] {
        &self.volumes
    }

    /// Returns when the critical section is over at the latest that the effect is performed in.
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Returns the name that things made by this effect carry: `lockstep-<run>-<label>`.
    pub fn marker(&self) -> &str {
        &self.marker
    }
}

/// Admits one performance of `label` by `step`, the running step.
///
/// # Errors
/// Always [`Failure::Denied`]: the step does not list the effect, the order or number of performances is wrong, or an
/// argument does not fit its rule. Nothing was sent.
pub fn admit(
    authority: &Authority,
    state: &RunState,
    run: &RunId,
    step: &Step,
    label: &Label,
    arguments: &[Argument],
    position: usize,
) -> Result<Admitted, Failure> {
    if !step.effects.contains(label) {
        return Err(Failure::denied(
            "effect:unlisted",
            format!("step `{}` of the approved plan does not list effect `{label}`", step.id),
        ));
    }
    let effect = authority.effects.get(label).ok_or_else(|| {
        Failure::denied("effect:unlisted", format!("the approved plan has no effect `{label}`"))
    })?;
    let so_far = state.step(&step.id);
    let before = so_far.performed.get(..position).unwrap_or(so_far.performed.as_slice());
    let before = before.iter().map(|it| (&it.intent.label, it.intent.arguments.as_slice()));
    let facts = Known { observed: &so_far.observed, given: &|label| state.given(label) };
    check(step, effect, arguments, &before.collect::<Vec<_>>(), &facts)?;
    Ok(Admitted {
        effect: effect.clone(),
        arguments: arguments.to_vec(),
        pins: authority.pins.clone(),
        given: effect
            .kind
            .rests_on()
            .map(|label| (label.clone(), state.given(label)))
            .into_iter()
            .collect(),
        volumes: if is_about_volumes(&effect.kind) {
            volumes_made(authority, state)
        } else {
            Vec::new()
        },
        undo: authority.undo_step(&step.id).is_some(),
        marker: format!("lockstep-{run}-{label}"),
        deadline: authority
            .section_of(&step.id)
            .and_then(|section| state.sections.get(section.name).copied()),
    })
}

/// The facts that arguments may have to be among.
pub struct Known<'a> {
    /// What `observe` returned for the running step.
    pub observed: &'a [Fact],
    /// What an effect gave.
    pub given: &'a dyn Fn(&Label) -> Vec<Fact>,
}

/// Checks one performance of an effect that `step` lists: its place, how often it comes, and its arguments. `before` is what
/// the round has performed already, in its order.
///
/// # Errors
/// Always [`Failure::Denied`], with what is wrong.
pub fn check(
    step: &Step,
    effect: &Effect,
    arguments: &[Argument],
    before: &[(&Label, &[Argument])],
    facts: &Known<'_>,
) -> Result<(), Failure> {
    let label = &effect.label;
    let place = |label: &Label| step.effects.iter().position(|listed| listed == label);
    let highest = before.iter().filter_map(|(label, _)| place(label)).max();
    if step.drive == Drive::Guided && highest > place(label) {
        return Err(Failure::denied(
            "effect:order",
            format!("effect `{label}` comes before one that this round has already performed"),
        ));
    }
    let same: Vec<_> = before.iter().filter(|(performed, _)| *performed == label).collect();
    let most = match effect.times {
        Times::Once => 1,
        Times::AtMost(most) => usize::try_from(most).unwrap_or(usize::MAX),
    };
    if same.len() >= most {
        return Err(Failure::denied(
            "effect:repeat",
            format!("effect `{label}` was performed {most} times already"),
        ));
    }
    if same.iter().any(|(_, given)| *given == arguments) && !effect.rules.is_empty() {
        return Err(Failure::denied(
            "effect:repeat",
            format!("effect `{label}` was performed with the same arguments already"),
        ));
    }
    check_arguments(effect, arguments, facts, step)
}

/// Admits an effect for looking at what stands where it would change something. Planning sends nothing.
pub fn admit_for_planning(effect: &Effect, pins: &BTreeMap<String, Pin>) -> Admitted {
    Admitted {
        effect: effect.clone(),
        arguments: Vec::new(),
        pins: pins.clone(),
        given: BTreeMap::new(),
        volumes: Vec::new(),
        undo: false,
        marker: format!("lockstep-plan-{}", effect.label),
        deadline: None,
    }
}

/// Returns whether it matters to an effect which volumes this run made.
const fn is_about_volumes(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::CreateVolume { .. }
            | Kind::SetMount { .. }
            | Kind::DeleteVolume { .. }
            | Kind::BackupVolume { .. }
            | Kind::RestoreVolume { .. }
    )
}

fn volumes_made(authority: &Authority, state: &RunState) -> Vec<String> {
    let makes = |effect: &&Effect| {
        matches!(effect.kind, Kind::CreateVolume { .. } | Kind::CommitStaged { .. })
    };
    let given = authority.effects.values().filter(makes).flat_map(|it| state.given(&it.label));
    let ids = given.filter(|fact| fact.name == "volume");
    ids.filter_map(|fact| fact.as_text().map(str::to_owned)).collect()
}

fn check_arguments(
    effect: &Effect,
    arguments: &[Argument],
    facts: &Known<'_>,
    step: &Step,
) -> Result<(), Failure> {
    let wrong = |name: &str, why: &str| {
        Failure::denied(
            "effect:argument",
            format!("argument `{name}` of effect `{}` {why}", effect.label),
        )
    };
    for (index, argument) in arguments.iter().enumerate() {
        if !effect.rules.iter().any(|rule| rule.name == argument.name) {
            return Err(wrong(&argument.name, "is not declared"));
        }
        if arguments.iter().take(index).any(|before| before.name == argument.name) {
            return Err(wrong(&argument.name, "is given twice"));
        }
    }
    for rule in &effect.rules {
        let Some(argument) = arguments.iter().find(|argument| argument.name == rule.name) else {
            return Err(wrong(&rule.name, "is missing"));
        };
        if matches!(argument.value, Value::Real(number) if !number.is_finite()) {
            return Err(wrong(&rule.name, "is no number"));
        }
        if !fits(rule, &argument.value, facts, step) {
            return Err(wrong(&rule.name, "is outside what the approved plan allows"));
        }
    }
    Ok(())
}

fn fits(rule: &ArgumentRule, value: &Value, known: &Known<'_>, step: &Step) -> bool {
    let holds = |facts: &[Fact], name: &str, column: usize| {
        let mut rows = facts.iter().filter(|fact| fact.name == name).flat_map(|fact| &fact.rows);
        rows.any(|row| row.get(column) == Some(value))
    };
    match &rule.allowed {
        Allowed::Among(values) => values.contains(value),
        Allowed::Between(low, high) => {
            matches!(value, Value::Integer(number) if (low..=high).contains(&number))
        }
        Allowed::Observed(fact, column) => {
            holds(known.observed, fact, usize::try_from(*column).unwrap_or(usize::MAX))
        }
        Allowed::GivenBy(label, fact) => {
            step.effects.contains(label) && holds(&(known.given)(label), fact, 0)
        }
        Allowed::Any => true,
    }
}
