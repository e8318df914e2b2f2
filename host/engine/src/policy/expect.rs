//! What each effect of a plan will find where it changes something.

use std::collections::BTreeMap;

use crate::journal::Standing;
use crate::model::{DeploySource, Effect, Kind, Label, Piece, ServiceRef, Step, Survey};

/// What stands somewhere after an effect, as far as it is known before the effect is sent.
#[derive(Clone)]
enum After {
    /// This, or nothing.
    Known(Option<String>),
    /// What the host puts there only when it sends: a secret, an address, a generated value.
    Unknown,
}

/// Returns what each effect will find, given what stands there now and what earlier effects of the plan change.
///
/// A name whose value an earlier effect makes unknown is left out: nothing can be compared with it.
pub(crate) fn expected(
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
    standing: &BTreeMap<Label, Standing>,
    survey: &Survey,
) -> BTreeMap<Label, Standing> {
    let mut changed: BTreeMap<(ServiceRef, String), After> = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for label in steps.iter().flat_map(|step| &step.effects) {
        let Some(effect) = effects.get(label) else { continue };
        if let Kind::CreateService { alias, image, .. } = &effect.kind {
            let made = (ServiceRef::Made(alias.clone()), "image".to_owned());
            changed.insert(made, After::Known(Some(image.clone())));
        }
        if let Some(image) = deployed(&effect.kind, &changed, survey) {
            expected.insert(label.clone(), image);
        }
        let Some(standing) = standing.get(label) else { continue };
        let Some(service) = effect.kind.service() else { continue };
        let mut found = Standing::new();
        for (name, value) in wanted(&effect.kind) {
            let key = (service.clone(), name.clone());
            let now = || After::Known(standing.get(&name).cloned().flatten());
            let before = changed.get(&key).cloned().unwrap_or_else(now);
            // A value is generated only where there is none.
            let after = match (&effect.kind, &before) {
                (Kind::GenerateVariable { .. }, After::Known(Some(_))) => before.clone(),
                _ => value,
            };
            if let After::Known(before) = before {
                found.insert(name, before);
            }
            changed.insert(key, after);
        }
        if !found.is_empty() || !wanted(&effect.kind).is_empty() {
            expected.insert(label.clone(), found);
        }
    }
    expected
}

/// Returns what a deployment from the configuration will find configured: the image that was approved, and no other.
fn deployed(
    kind: &Kind,
    changed: &BTreeMap<(ServiceRef, String), After>,
    survey: &Survey,
) -> Option<Standing> {
    let configured = |image: &Option<String>| Standing::from([("image".to_owned(), image.clone())]);
    let Kind::Deploy { service, source: DeploySource::Configured } = kind else { return None };
    match (changed.get(&(service.clone(), "image".to_owned())), service) {
        (Some(After::Known(image)), _) => Some(configured(image)),
        (None, ServiceRef::Named(name)) => Some(configured(&survey.services.get(name)?.image)),
        (Some(After::Unknown), _) | (None, ServiceRef::Made(_)) => None,
    }
}

/// Returns what stands there after an effect that changes values, by name.
fn wanted(kind: &Kind) -> Vec<(String, After)> {
    match kind {
        Kind::SetImage { image, .. } => {
            vec![("image".to_owned(), After::Known(Some(image.clone())))]
        }
        Kind::SetMount { mount, .. } => {
            vec![("mount".to_owned(), After::Known(Some(mount.clone())))]
        }
        Kind::SetSettings { settings, .. } => {
            let known = |value: &String| {
                After::Known(Some(value.clone()).filter(|value| !value.is_empty()))
            };
            settings.iter().map(|(name, value)| (name.clone(), known(value))).collect()
        }
        Kind::SetVariables { assignments, .. } => assignments
            .iter()
            .map(|assignment| (assignment.name.clone(), literal(&assignment.value)))
            .collect(),
        Kind::DeleteVariables { names, .. } => {
            names.iter().map(|name| (name.clone(), After::Known(None))).collect()
        }
        Kind::GenerateVariable { name, .. } => vec![(name.clone(), After::Unknown)],
        Kind::RestoreVariables { .. }
        | Kind::ForgetVariables { .. }
        | Kind::Deploy { .. }
        | Kind::Restart { .. }
        | Kind::Stop { .. }
        | Kind::CreateService { .. }
        | Kind::DeleteService { .. }
        | Kind::CreateVolume { .. }
        | Kind::DeleteVolume { .. }
        | Kind::BackupVolume { .. }
        | Kind::LockBackup { .. }
        | Kind::DeleteBackup { .. }
        | Kind::RestoreVolume { .. }
        | Kind::CommitStaged { .. }
        | Kind::DiscardStaged { .. }
        | Kind::RedisCommand { .. }
        | Kind::SqlExecute { .. }
        | Kind::HttpSend { .. } => Vec::new(),
    }
}

/// Returns how an assigned value will stand there, as far as it is known before it is sent.
fn literal(value: &[Piece]) -> After {
    let mut text = String::from("text:");
    for piece in value {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Reference(ServiceRef::Named(service), name) => {
                text.extend(["${{", service, ".", name, "}}"]);
            }
            Piece::Reference(ServiceRef::Made(_), _)
            | Piece::Secret(_)
            | Piece::Conninfo(_)
            | Piece::Argument(_) => {
                return After::Unknown;
            }
        }
    }
    After::Known(Some(text))
}
