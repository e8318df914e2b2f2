//! The way back that the host derives: putting back what it recorded before each change.

use std::collections::BTreeMap;

use crate::journal::Standing;
use crate::model::{
    Assignment, DeploySource, Effect, Kind, Label, Piece, ServiceRef, Step, StepId,
};

/// Derives the undo step of the step at `index`, which asks for `restore`.
///
/// Values are put back last first. A service that was deployed or stopped is deployed once afterwards, from the values
/// put back; so is one that a later step deploys with the values that this step changed.
///
/// # Errors
/// An effect of the step that the host can't put back, in words.
pub(crate) fn undo_step(
    steps: &[Step],
    index: usize,
    effects: &BTreeMap<Label, Effect>,
    expected: &BTreeMap<Label, Standing>,
) -> Result<(Step, Vec<Effect>), String> {
    let Some(step) = steps.get(index) else { return Err(format!("there is no step {index}")) };
    let onwards = steps.get(index..).unwrap_or(&[]);
    let mut derived: Vec<(Effect, Vec<Label>)> = Vec::new();
    let mut deploys: Vec<(ServiceRef, &Label, Vec<Label>)> = Vec::new();
    for label in step.effects.iter().rev() {
        let Some(effect) = effects.get(label) else { continue };
        for kind in put_back(effect, expected.get(label))? {
            let service = kind.service().cloned();
            let mut causes = Vec::new();
            if matches!(kind, Kind::Deploy { .. }) {
                causes.push(label.clone());
            } else {
                if !matches!(kind, Kind::DeleteService { .. } | Kind::DeleteVolume { .. }) {
                    causes = deployments(service.as_ref(), onwards, effects);
                }
                let effect = Effect::plain(undo_label(label, derived.len())?, kind);
                derived.push((effect, vec![label.clone()]));
            }
            let Some(service) = service.filter(|_| !causes.is_empty()) else { continue };
            match deploys.iter_mut().find(|(known, ..)| *known == service) {
                Some((.., known)) => known.extend(causes),
                None => deploys.push((service, label, causes)),
            }
        }
    }
    for (service, label, mut labels) in deploys {
        labels.sort();
        labels.dedup();
        if is_new(&service, &labels, steps, effects) {
            continue;
        }
        let kind = Kind::Deploy { service, source: source_of(&labels, effects) };
        derived.push((Effect::plain(undo_label(label, derived.len())?, kind), labels));
    }
    let pairs = |(effect, labels): &(Effect, Vec<Label>)| {
        let undo = effect.label.clone();
        labels.iter().map(move |label| (undo.clone(), label.clone())).collect::<Vec<_>>()
    };
    let labels = derived.iter().map(|(effect, _)| effect.label.clone()).collect();
    let undo = Step {
        title: format!("put back what stood before `{}`", step.id),
        why: "derived by lockstep from the values that it found".to_owned(),
        reverses: derived.iter().flat_map(pairs).collect(),
        ..Step::listed(undo_id(&step.id)?, labels, step.limit)
    };
    Ok((undo, derived.into_iter().map(|(effect, _)| effect).collect()))
}

/// Returns what is deployed where these deployments are taken back: what is configured then, but for a service of which each
/// of them deployed the same image again, which is built from a repository and has none configured.
fn source_of(labels: &[Label], effects: &BTreeMap<Label, Effect>) -> DeploySource {
    let same = |label: &Label| {
        let kind = effects.get(label).map(|effect| &effect.kind);
        matches!(kind, Some(Kind::Deploy { source: DeploySource::SameImage, .. }))
    };
    if labels.iter().all(same) { DeploySource::SameImage } else { DeploySource::Configured }
}

/// Returns the labels that deploy or stop `service` in `steps`, up to the first step that deploys it.
fn deployments(
    service: Option<&ServiceRef>,
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
) -> Vec<Label> {
    let mut found = Vec::new();
    for step in steps {
        let mut deploys = false;
        for effect in step.effects.iter().filter_map(|label| effects.get(label)) {
            if effect.kind.service() != service {
                continue;
            }
            deploys |= matches!(effect.kind, Kind::Deploy { .. });
            if matches!(effect.kind, Kind::Deploy { .. } | Kind::Stop { .. }) {
                found.push(effect.label.clone());
            }
        }
        if deploys {
            break;
        }
    }
    found
}

/// Returns whether `labels` begin with the first deployment of a service that the plan makes: before it nothing ran, so
/// there is nothing to deploy again.
fn is_new(
    service: &ServiceRef,
    labels: &[Label],
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
) -> bool {
    let mut touched = steps.iter().flat_map(|step| &step.effects).filter(|label| {
        effects.get(*label).is_some_and(|effect| {
            effect.kind.service() == Some(service) && matches!(effect.kind, Kind::Deploy { .. })
        })
    });
    matches!(service, ServiceRef::Made(_)) && touched.next().is_some_and(|it| labels.contains(it))
}

fn undo_id(step: &StepId) -> Result<StepId, String> {
    format!("undo-{step}").parse().map_err(|error: crate::model::NameError| error.to_string())
}

fn undo_label(label: &Label, number: usize) -> Result<Label, String> {
    format!("undo-{label}-{number}")
        .parse()
        .map_err(|error: crate::model::NameError| error.to_string())
}

/// Returns the kinds of effect that put back what stood before `effect`; a `Deploy` among them asks for a deployment.
fn put_back(effect: &Effect, before: Option<&Standing>) -> Result<Vec<Kind>, String> {
    let label = &effect.label;
    let before = Before { label, standing: before, service: effect.kind.service() };
    let cannot =
        |what: &str| Err(format!("effect `{label}` {what}, so its step can't ask for `restore`"));
    Ok(match &effect.kind {
        Kind::SetImage { service, .. } => match before.value("image")? {
            Some(image) => {
                vec![Kind::SetImage { service: service.clone(), image }]
            }
            None => return cannot("changes the image of a service that has none"),
        },
        Kind::SetMount { service, .. } => match before.value("mount")? {
            Some(mount) => {
                vec![Kind::SetMount { service: service.clone(), mount }]
            }
            None => return cannot("mounts a volume that is mounted nowhere"),
        },
        Kind::SetSettings { service, settings } => {
            let value = |name: &String| before.value(name).map(Option::unwrap_or_default);
            let settings: Result<Vec<_>, String> =
                settings.iter().map(|(name, _)| Ok((name.clone(), value(name)?))).collect();
            vec![Kind::SetSettings { service: service.clone(), settings: settings? }]
        }
        Kind::SetVariables { service, assignments } => {
            let names = assignments.iter().map(|assignment| assignment.name.as_str());
            variables(&before, service, names)?
        }
        Kind::DeleteVariables { service, names } => {
            variables(&before, service, names.iter().map(String::as_str))?
        }
        Kind::GenerateVariable { service, name, .. } => match before.value(name)? {
            Some(_) => Vec::new(),
            None => {
                vec![Kind::DeleteVariables { service: service.clone(), names: vec![name.clone()] }]
            }
        },
        Kind::Deploy { service, .. } | Kind::Stop { service } => {
            vec![Kind::Deploy { service: service.clone(), source: DeploySource::Configured }]
        }
        Kind::CreateService { alias, .. } | Kind::CreateBuiltService { alias, .. } => {
            vec![Kind::DeleteService { service: ServiceRef::Made(alias.clone()) }]
        }
        Kind::CreateVolume { service, .. } => vec![Kind::DeleteVolume { service: service.clone() }],
        Kind::HoldWrites { connection, .. } => {
            let (connection, hold) = (connection.clone(), label.clone());
            vec![Kind::ReleaseWrites { connection, hold }]
        }
        // A backup is kept: it harms nobody and may be the last one. What held writes has a way back of its own.
        Kind::Restart { .. }
        | Kind::BackupVolume { .. }
        | Kind::LockBackup { .. }
        | Kind::ReleaseWrites { .. } => Vec::new(),
        Kind::Transfer(transfer) if transfer.changes().is_none() => Vec::new(),
        Kind::RestoreVolume { .. } | Kind::CommitStaged { .. } | Kind::DiscardStaged { .. } => {
            return cannot("exchanges volumes");
        }
        Kind::StageConversion { .. } | Kind::StageRevert { .. } => {
            return cannot("stages what becomes of a cluster");
        }
        Kind::DeleteService { .. } | Kind::DeleteVolume { .. } | Kind::DeleteBackup { .. } => {
            return cannot("deletes something");
        }
        Kind::RedisCommand { .. } => return cannot("changes a Redis server"),
        Kind::SqlExecute { .. } | Kind::Transfer(_) => return cannot("changes a database"),
        Kind::HttpSend { .. } => return cannot("sends a request"),
        Kind::RestoreVariables { .. } | Kind::ForgetVariables { .. } => {
            return cannot("is the host's own");
        }
    })
}

/// What stood where an effect changes something, as the plan knows it.
struct Before<'a> {
    label: &'a Label,
    standing: Option<&'a Standing>,
    service: Option<&'a ServiceRef>,
}

impl Before<'_> {
    /// Returns what stood under `name`; on a service that the plan makes, nothing did.
    fn value(&self, name: &str) -> Result<Option<String>, String> {
        match (self.standing.and_then(|standing| standing.get(name)), self.service) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(ServiceRef::Made(_))) => Ok(None),
            (None, Some(ServiceRef::Named(_)) | None) => Err(format!(
                "effect `{}` changes `{name}`, whose value before it is not known when the plan is made, so its step \
                 can't ask for `restore`",
                self.label
            )),
        }
    }
}

fn variables<'a>(
    before: &Before<'_>,
    service: &ServiceRef,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<Kind>, String> {
    let (mut assignments, mut absent, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match before.value(name)? {
            None => absent.push(name.to_owned()),
            Some(value) => match value.split_once(':') {
                Some(("text", text)) => {
                    let value = vec![Piece::Text(text.to_owned())];
                    assignments.push(Assignment { name: name.to_owned(), value });
                }
                Some(("print", _)) => kept.push(name.to_owned()),
                Some(_) | None => {
                    return Err(format!(
                        "effect `{}` overwrites sealed variable `{name}`, which can't be read back",
                        before.label
                    ));
                }
            },
        }
    }
    let service = service.clone();
    let mut kinds = Vec::new();
    if !assignments.is_empty() {
        kinds.push(Kind::SetVariables { service: service.clone(), assignments });
    }
    if !kept.is_empty() {
        kinds.push(Kind::RestoreVariables { service: service.clone(), names: kept });
    }
    if !absent.is_empty() {
        kinds.push(Kind::DeleteVariables { service, names: absent });
    }
    Ok(kinds)
}
