//! What each effect of a plan will find where it changes something.

use std::collections::BTreeMap;

use crate::journal::Standing;
use crate::model::{DeploySource, Effect, Kind, Label, Piece, ServiceRef, Step, Survey, Surveyed};

/// What stands for the image that is configured.
const IMAGE: &str = "image";

/// What stands for the command that starts the image.
const START: &str = "start-command";

/// What stands for the digest that runs.
const RUNNING: &str = "running";

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
        changed.extend(converted(&effect.kind, effects));
        if let Some(image) = deployed(&effect.kind, &changed, survey) {
            expected.insert(label.clone(), image);
        }
        if let Kind::Deploy { service, source } = &effect.kind
            && let Some(runs) = runs_after(service, source, &changed, survey)
        {
            changed.insert((service.clone(), RUNNING.to_owned()), runs);
        }
        let Some(service) = effect.kind.service() else { continue };
        let standing = standing.get(label);
        let is_made = matches!(service, ServiceRef::Made(_));
        if standing.is_none() && !is_made {
            continue;
        }
        let mut found = Standing::new();
        for (name, value) in wanted(&effect.kind) {
            let key = (service.clone(), name.clone());
            // Of a service that the plan makes only that is known which the plan itself puts there.
            let now = || match standing {
                Some(standing) => After::Known(standing.get(&name).cloned().flatten()),
                None => After::Unknown,
            };
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
        if !found.is_empty() || (!is_made && !wanted(&effect.kind).is_empty()) {
            expected.insert(label.clone(), found);
        }
    }
    expected
}

/// Returns what a commit changes that carries a staged conversion out: images, and variables that lead to the cluster.
fn converted(kind: &Kind, effects: &BTreeMap<Label, Effect>) -> Vec<((ServiceRef, String), After)> {
    let Kind::CommitStaged { staged_by } = kind else { return Vec::new() };
    let Some(Kind::StageConversion { root, wanted, moved }) =
        effects.get(staged_by).map(|effect| &effect.kind)
    else {
        return Vec::new();
    };
    let image = |service: ServiceRef, image: &Option<String>| {
        ((service, IMAGE.to_owned()), After::Known(image.clone()))
    };
    let others = wanted.others().map(|it| image(ServiceRef::Made(it.name.clone()), &it.image));
    let variables = moved.iter().map(|it| {
        let service = ServiceRef::Named(it.service.clone());
        ((service, it.name.clone()), After::Known(Some(format!("text:{}", it.after))))
    });
    wanted
        .root()
        .map(|it| image(root.clone(), &it.image))
        .into_iter()
        .chain(others)
        .chain(variables)
        .collect()
}

/// Returns what a deployment will find: configured or running, the image that was approved, started as it was approved.
fn deployed(
    kind: &Kind,
    changed: &BTreeMap<(ServiceRef, String), After>,
    survey: &Survey,
) -> Option<Standing> {
    let Kind::Deploy { service, source } = kind else { return None };
    let name = match source {
        DeploySource::Configured => IMAGE,
        DeploySource::SameImage => RUNNING,
        // The commit itself is in the plan.
        DeploySource::Commit(_) => return None,
    };
    let now = |found: &Surveyed| match source {
        DeploySource::SameImage => found.running_digest.clone(),
        DeploySource::Configured | DeploySource::Commit(_) => found.image.clone(),
    };
    let value = match (changed.get(&(service.clone(), name.to_owned())), service) {
        (Some(After::Known(value)), _) => value.clone(),
        (None, ServiceRef::Named(service)) => now(survey.services.get(service)?),
        (Some(After::Unknown), _) | (None, ServiceRef::Made(_)) => return None,
    };
    let mut found = Standing::from([(name.to_owned(), value)]);
    // A redeploy of the same image takes the configuration that runs.
    if name == IMAGE {
        match (changed.get(&(service.clone(), START.to_owned())), service) {
            (Some(After::Known(command)), _) => found.insert(START.to_owned(), command.clone()),
            (None, ServiceRef::Named(service)) => {
                let command = survey.services.get(service)?.start_command.clone();
                found.insert(START.to_owned(), command)
            }
            (Some(After::Unknown), _) | (None, ServiceRef::Made(_)) => None,
        };
    }
    Some(found)
}

/// Returns the digest that runs after a deployment, as far as it is known; none if it is the one that runs before.
fn runs_after(
    service: &ServiceRef,
    source: &DeploySource,
    changed: &BTreeMap<(ServiceRef, String), After>,
    survey: &Survey,
) -> Option<After> {
    match source {
        DeploySource::SameImage => None,
        DeploySource::Commit(_) => Some(After::Unknown),
        DeploySource::Configured => {
            let image = match (changed.get(&(service.clone(), IMAGE.to_owned())), service) {
                (Some(After::Known(image)), _) => image.clone(),
                (None, ServiceRef::Named(name)) => {
                    survey.services.get(name).and_then(|found| found.image.clone())
                }
                (Some(After::Unknown), _) | (None, ServiceRef::Made(_)) => None,
            };
            let digest = image.and_then(|it| Some(it.split_once('@')?.1.to_owned()));
            Some(digest.map_or(After::Unknown, |digest| After::Known(Some(digest))))
        }
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
        | Kind::CreateBuiltService { .. }
        | Kind::DeleteService { .. }
        | Kind::CreateVolume { .. }
        | Kind::DeleteVolume { .. }
        | Kind::BackupVolume { .. }
        | Kind::LockBackup { .. }
        | Kind::DeleteBackup { .. }
        | Kind::RestoreVolume { .. }
        | Kind::StageConversion { .. }
        | Kind::StageRevert { .. }
        | Kind::CommitStaged { .. }
        | Kind::DiscardStaged { .. }
        | Kind::RedisCommand { .. }
        | Kind::SqlExecute { .. }
        | Kind::HoldWrites { .. }
        | Kind::ReleaseWrites { .. }
        | Kind::Transfer(_)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Millis;

    fn survey() -> Survey {
        let found = Surveyed {
            service_id: "id".to_owned(),
            volume_instance_id: None,
            image: Some("redis:7".to_owned()),
            start_command: None,
            running_digest: Some("sha256:now".to_owned()),
        };
        Survey { services: BTreeMap::from([("redis".to_owned(), found)]), ..Survey::default() }
    }

    fn step(effects: &[Effect]) -> Step {
        let labels = effects.iter().map(|effect| effect.label.clone()).collect();
        Step::listed("s".parse().unwrap(), labels, Millis(1))
    }

    #[test]
    fn the_same_image_again_is_the_one_that_runs_at_that_point_of_the_plan() {
        let redis = || ServiceRef::Named("redis".to_owned());
        let deploy = |source| Kind::Deploy { service: redis(), source };
        let image = Kind::SetImage { service: redis(), image: "redis:7@sha256:new".to_owned() };
        let kinds = [
            ("one", deploy(DeploySource::SameImage)),
            ("image", image),
            ("two", deploy(DeploySource::SameImage)),
            ("three", deploy(DeploySource::Configured)),
            ("four", deploy(DeploySource::SameImage)),
            ("five", deploy(DeploySource::Commit("0123456".to_owned()))),
            ("six", deploy(DeploySource::SameImage)),
        ];
        let effects = kinds.map(|(label, kind)| Effect::plain(label.parse().unwrap(), kind));
        let by_label = effects.iter().map(|it| (it.label.clone(), it.clone())).collect();
        let image = Standing::from([(IMAGE.to_owned(), Some("redis:7".to_owned()))]);
        let standing = BTreeMap::from([("image".parse().unwrap(), image)]);
        let found = expected(&[step(&effects)], &by_label, &standing, &survey());
        let runs = |label: &str| {
            let label: Label = label.parse().unwrap();
            found.get(&label).and_then(|standing| standing.get(RUNNING)).cloned().flatten()
        };
        assert_eq!(runs("one").as_deref(), Some("sha256:now"));
        assert_eq!(
            runs("two").as_deref(),
            Some("sha256:now"),
            "an image that is set runs nowhere yet"
        );
        assert_eq!(runs("four").as_deref(), Some("sha256:new"));
        assert_eq!(runs("six"), None, "what a build makes is not known before");
        assert_eq!(runs("three"), None, "that one is told by what is configured");
    }
}
