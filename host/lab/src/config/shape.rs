//! What of a service a change would have to deploy.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::reference::{self, Reader};
use crate::state::{Source, State};

/// All services' rendered variables, settings, sources and mounts at one instant.
///
/// Comparing two of these finds every service that a change affects, those included whose variables
/// refer to a changed one.
#[derive(Debug, PartialEq)]
pub(crate) struct Shape(BTreeMap<String, One>);

type One = (BTreeMap<String, String>, Map<String, Value>, Source, Option<String>);

impl Shape {
    pub(crate) fn of(state: &State) -> Self {
        let one = |service: &crate::state::Service| {
            let variables = reference::rendered(state, service, Reader::Process);
            let volume = state.volume_of(&service.id).map(|volume| volume.instance_id.clone());
            (
                service.id.clone(),
                (variables, service.settings.clone(), service.source.clone(), volume),
            )
        };
        Self(state.services.iter().map(one).collect())
    }

    /// Returns the ids of the services that are new or look different since.
    pub(crate) fn changed(&self, state: &State) -> Vec<String> {
        let Self(now) = Self::of(state);
        let Self(before) = self;
        now.into_iter().filter(|(id, one)| before.get(id) != Some(one)).map(|(id, _)| id).collect()
    }
}
