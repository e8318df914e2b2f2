//! What a plan brings up by itself: nothing is looked for there before it is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Effect, Kind, Label, ServiceRef, Step, StepId, Survey};

/// Returns the connections of which no service is there yet, and for each the first step that deploys one that the plan makes.
pub(crate) fn begun(
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
    survey: &Survey,
) -> BTreeMap<String, StepId> {
    let made: Vec<_> = effects.values().flat_map(|effect| effect.kind.brings()).collect();
    let deploys = |step: &Step, aliases: &BTreeSet<&str>| {
        step.effects.iter().filter_map(|label| effects.get(label)).any(|effect| {
            matches!(&effect.kind, Kind::Deploy { service: ServiceRef::Made(alias), .. } if aliases.contains(alias.as_str()))
        })
    };
    let first = |services: &Vec<String>| {
        let is_there = |name: &String| survey.services.contains_key(name);
        let own = made.iter().filter(|made| services.iter().any(|name| name == made.name));
        let aliases: BTreeSet<&str> = own.map(|made| made.alias).collect();
        if services.iter().any(is_there) {
            return None;
        }
        steps.iter().find(|step| deploys(step, &aliases)).map(|step| step.id.clone())
    };
    let all = survey.connections.iter();
    all.filter_map(|(connection, services)| Some((connection.clone(), first(services)?))).collect()
}
