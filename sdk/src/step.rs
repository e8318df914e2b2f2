//! Steps: made in one line and then dressed.

use crate::{Drive, Gate, Observation, Outage, OutageKind, Pending, Progress, Step, Undo};

/// One second in the contract's milliseconds.
pub const SECOND: u64 = 1_000;
/// One minute in the contract's milliseconds.
pub const MINUTE: u64 = 60 * SECOND;
/// One hour in the contract's milliseconds.
pub const HOUR: u64 = 60 * MINUTE;

impl Step {
    /// Returns a step without effects that the host drives, with nothing to undo, one round and ten minutes at most.
    pub fn new(id: &str, title: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.into(),
            why: why.into(),
            effects: Vec::new(),
            drive: Drive::Listed,
            reverses: Vec::new(),
            undo: Undo::Nothing,
            loss: None,
            gates: Vec::new(),
            needs: Vec::new(),
            rounds: 1,
            soak: None,
            expected: SECOND,
            outage: Vec::new(),
            if_left: None,
            limit: 10 * MINUTE,
            extra: Vec::new(),
        }
    }

    /// Lists the effects, in their order.
    #[must_use]
    pub fn effects(mut self, labels: &[&str]) -> Self {
        self.effects.extend(labels.iter().map(|label| (*label).to_owned()));
        self
    }

    /// Says that these undo steps are the way back, in this order.
    #[must_use]
    pub fn undone_by(mut self, steps: &[&str]) -> Self {
        self.undo = Undo::Steps(steps.iter().map(|step| (*step).to_owned()).collect());
        self
    }

    /// Says what going back loses once this step is done; nothing rolls back by itself from then on.
    #[must_use]
    pub fn losing(mut self, loss: impl Into<String>) -> Self {
        self.loss = Some(loss.into());
        self
    }

    /// Says that the host puts back the values before.
    #[must_use]
    pub fn restored(mut self) -> Self {
        self.undo = Undo::Restore;
        self
    }

    /// Says what each label of an undo step reverses.
    #[must_use]
    pub fn reverses(mut self, pairs: &[(&str, &str)]) -> Self {
        self.reverses
            .extend(pairs.iter().map(|(mine, theirs)| ((*mine).to_owned(), (*theirs).to_owned())));
        self
    }

    /// Asks for the facts of other steps.
    #[must_use]
    pub fn needs(mut self, steps: &[&str]) -> Self {
        self.needs.extend(steps.iter().map(|step| (*step).to_owned()));
        self
    }

    /// Adds a gate at which a person says yes to `question`.
    #[must_use]
    pub fn approved(mut self, question: impl Into<String>) -> Self {
        self.gates.push(Gate::Approval(question.into()));
        self
    }

    /// Lets it start only in a maintenance window, where the operator has set one.
    #[must_use]
    pub fn in_window(mut self) -> Self {
        self.gates.push(Gate::Window);
        self
    }

    /// Puts it into a critical section: consecutive steps that are done within one deadline, or backed out of at once.
    #[must_use]
    pub fn in_section(mut self, name: &str) -> Self {
        self.extra.push(("section".to_owned(), name.to_owned()));
        self
    }

    /// Begins a critical section that may take so long.
    #[must_use]
    pub fn beginning_section(mut self, name: &str, max_outage: u64) -> Self {
        self.extra.push(("max-outage".to_owned(), max_outage.to_string()));
        self.in_section(name)
    }

    /// Says how long it is watched after it is done.
    #[must_use]
    pub const fn soaking(mut self, length: u64) -> Self {
        self.soak = Some(length);
        self
    }

    /// Says how long it takes, by the stack's own history; zero where none tells.
    #[must_use]
    pub const fn expected(mut self, length: u64) -> Self {
        self.expected = length;
        self
    }

    /// Says what of a service does not work meanwhile, and how long, by the stack's own history; zero where none tells.
    #[must_use]
    pub fn outage(mut self, service: &str, kind: OutageKind, length: u64) -> Self {
        self.outage.push(Outage { service: service.to_owned(), kind, length });
        self
    }

    /// Says what users see, and until when, if Lockstep dies in it and nobody comes. Without a measured figure.
    #[must_use]
    pub fn if_left(mut self, words: impl Into<String>) -> Self {
        self.if_left = Some(words.into());
        self
    }

    /// Says how long it may take.
    #[must_use]
    pub const fn limit(mut self, length: u64) -> Self {
        self.limit = length;
        self
    }
}

impl Pending {
    /// Returns a look again after `after` milliseconds.
    pub fn after(after: u64, note: impl Into<String>) -> Self {
        Self { after, note: note.into(), done: None, total: None, memo: Vec::new() }
    }

    /// Gives the next look something to go by.
    #[must_use]
    pub fn remembering(mut self, memo: Vec<crate::Fact>) -> Self {
        self.memo = memo;
        self
    }
}

impl From<Pending> for Observation {
    fn from(pending: Pending) -> Self {
        Self::Wait(pending)
    }
}

impl From<Pending> for Progress {
    fn from(pending: Pending) -> Self {
        Self::Pending(pending)
    }
}
