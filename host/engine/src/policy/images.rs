//! L13: no service is deployed unless its image is pinned to a digest at that point of the plan.

use std::collections::BTreeMap;

use crate::model::{DeploySource, Effect, Kind, Label, ServiceRef, Step, Survey, Template};

/// Which image each service is configured with, as the steps of a plan change it.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    configured: BTreeMap<ServiceRef, Option<String>>,
}

impl Images {
    pub(crate) fn of(survey: &Survey) -> Self {
        let configured = survey
            .services
            .iter()
            .map(|(name, service)| (ServiceRef::Named(name.clone()), service.image.clone()))
            .collect();
        Self { configured }
    }

    /// Follows `step` and returns a problem for each deployment of something that is not pinned.
    pub(crate) fn follow(&mut self, step: &Step, effects: &BTreeMap<Label, Effect>) -> Vec<String> {
        let mut problems = Vec::new();
        for effect in step.effects.iter().filter_map(|label| effects.get(label)) {
            if let Kind::SetImage { service, image } = &effect.kind {
                self.configured.insert(service.clone(), Some(image.clone()));
            } else if let Kind::CreateService { alias, image, .. } = &effect.kind {
                self.configured.insert(ServiceRef::Made(alias.clone()), Some(image.clone()));
            } else if let Kind::CreateBuiltService { alias, .. } = &effect.kind {
                self.configured.insert(ServiceRef::Made(alias.clone()), None);
            } else if let Kind::CommitStaged { staged_by } = &effect.kind {
                self.convert(effects.get(staged_by).map(|staged| &staged.kind));
            } else if let Kind::Deploy { service, source } = &effect.kind {
                problems.extend(self.problem(&effect.label, service, source));
            }
        }
        problems
    }

    /// A conversion sets images by tags, so that whatever is deployed of it must be pinned afterwards.
    fn convert(&mut self, staged: Option<&Kind>) {
        let Some(Kind::StageConversion { root, wanted, .. }) = staged else { return };
        for service in &wanted.services {
            let is_root = service.role.as_deref() == Some(Template::ROOT);
            let who = if is_root { root.clone() } else { ServiceRef::Made(service.name.clone()) };
            self.configured.insert(who, service.image.clone());
        }
    }

    fn problem(
        &self,
        label: &Label,
        service: &ServiceRef,
        source: &DeploySource,
    ) -> Option<String> {
        let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
        match (self.configured.get(service), source) {
            (None, _) => Some(format!(
                "effect `{label}` deploys `{name}`, which is no service of the environment"
            )),
            (Some(None), DeploySource::Configured) => Some(format!(
                "effect `{label}` deploys `{name}` from its repository's newest commit; deploy the same image or a commit"
            )),
            (Some(None), DeploySource::SameImage | DeploySource::Commit(_)) => None,
            (Some(Some(image)), _) if is_pinned(image) => None,
            (Some(Some(image)), _) => Some(format!(
                "effect `{label}` deploys `{name}` while its image is `{image}`: a tag can move, so pin it to a digest first (L13)"
            )),
        }
    }
}

/// Returns whether `image` names a digest, so that it can only ever be one image.
pub(crate) fn is_pinned(image: &str) -> bool {
    image.split_once('@').is_some_and(|(repository, digest)| {
        !repository.is_empty() && digest.parse::<crate::model::Digest>().is_ok()
    })
}
