//! What a plan stops for good: nothing of the host's own may be left behind there, and nothing is looked for there.

use std::collections::BTreeMap;

use crate::model::{Effect, Kind, Label, ServiceRef, Step, StepId, Survey};

/// Returns the connections behind which nothing runs any more when all steps are done, and for each the step by which the
/// last service is stopped that runs what is there.
pub(crate) fn stopped(
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
    survey: &Survey,
) -> BTreeMap<String, StepId> {
    let ends = ends(steps, effects);
    let last = |services: &Vec<String>| {
        let ends: Option<Vec<usize>> =
            services.iter().map(|service| ends.get(service.as_str()).copied()).collect();
        Some(steps.get(ends?.into_iter().max()?)?.id.clone())
    };
    let all = survey.connections.iter();
    all.filter_map(|(connection, services)| Some((connection.clone(), last(services)?))).collect()
}

/// Returns the services that no step starts again after one has stopped or deleted them, and the index of the first that did.
fn ends<'a>(steps: &[Step], effects: &'a BTreeMap<Label, Effect>) -> BTreeMap<&'a str, usize> {
    let mut found = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        for effect in step.effects.iter().filter_map(|label| effects.get(label)) {
            let Some(ServiceRef::Named(service)) = effect.kind.service() else { continue };
            if let Kind::Stop { .. } | Kind::DeleteService { .. } = &effect.kind {
                // One that is stopped and later deleted ends where it is stopped.
                found.entry(service.as_str()).or_insert(index);
            } else if let Kind::Deploy { .. } | Kind::Restart { .. } | Kind::RestoreVolume { .. } =
                &effect.kind
            {
                found.remove(service.as_str());
            }
        }
    }
    found
}
