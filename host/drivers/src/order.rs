//! One effect to carry out, with everything that the engine admitted for it.

use lockstep_engine::model::{Argument, Effect, Fact, Moment, Pin, ServiceRef, Value};
use lockstep_engine::policy::Admitted;

/// What one effect is about.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) effect: &'a Effect,
    pub(crate) arguments: &'a [Argument],
    /// What the effect gave on which this one rests.
    pub(crate) given: &'a [Fact],
    /// The ids behind the name of the service that it is about.
    pub(crate) pin: Option<&'a Pin>,
    /// Whether it is part of the way back.
    pub(crate) undo: bool,
    /// The ids of the volumes that the run made.
    pub(crate) volumes: &'a [String],
    /// The name that things made by it carry.
    pub(crate) marker: &'a str,
    /// When the critical section that it is performed in is over at the latest.
    pub(crate) deadline: Option<Moment>,
}

impl<'a> Order<'a> {
    pub(crate) fn of(admitted: &'a Admitted) -> Self {
        let effect = admitted.effect();
        let pin = match effect.kind.service() {
            Some(ServiceRef::Named(name)) => admitted.pin(name),
            Some(ServiceRef::Made(_)) | None => None,
        };
        let given = effect.kind.rests_on().map(|label| admitted.given(label)).unwrap_or_default();
        Self {
            effect,
            arguments: admitted.arguments(),
            given,
            pin,
            undo: admitted.is_undo(),
            volumes: admitted.volumes(),
            marker: admitted.marker(),
            deadline: admitted.deadline(),
        }
    }

    /// Returns an argument's value.
    pub(crate) fn argument(&self, name: &str) -> Option<&'a Value> {
        self.arguments.iter().find(|argument| argument.name == name).map(|argument| &argument.value)
    }

    /// Returns a text that the effect gave on which this one rests.
    pub(crate) fn given_text(&self, name: &str) -> Option<&'a str> {
        text_of(self.given, name)
    }

    /// Returns the run's name.
    pub(crate) fn run(&self) -> &'a str {
        let prefix = self.run_prefix();
        prefix.strip_prefix("lockstep-").unwrap_or(prefix).trim_end_matches('-')
    }

    /// Returns what the markers of all effects of the same run begin with.
    pub(crate) fn run_prefix(&self) -> &'a str {
        self.marker.strip_suffix(self.effect.label.as_str()).unwrap_or(self.marker)
    }
}

/// Returns the text of the newest fact of this name that is one text.
pub(crate) fn text_of<'a>(facts: &'a [Fact], name: &str) -> Option<&'a str> {
    facts.iter().rev().find(|fact| fact.name == name).and_then(Fact::as_text)
}
