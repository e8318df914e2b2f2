//! What is told.

use lockstep_engine::journal::Head;
use lockstep_engine::model::Moment;

use crate::secrets::Redactor;

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// It waits for a person's approval.
    Gate,
    /// It waits for a maintenance window.
    Window,
    /// It waits for a decision, because what its plan rests on changed.
    Moved,
    /// The wanted version runs.
    Done,
    /// The version before runs again.
    RolledBack,
    /// A person must answer.
    Stuck,
    /// Nothing: somebody wants to know whether notices arrive.
    Test,
}

/// One notice. Its words may be a plugin's: each channel escapes and bounds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What the run came to.
    pub occasion: Occasion,
    /// The run.
    pub run: String,
    /// The environment, as `lockstep.toml` calls it.
    pub environment: String,
    /// What is upgraded.
    pub component: String,
    /// The version before.
    pub from: String,
    /// The version wanted.
    pub to: String,
    /// What happened, or what is asked.
    pub message: String,
    /// What can be done next.
    pub hint: Option<String>,
    /// The end of the run's journal, so that whoever has the notice can tell whether records are missing.
    pub head: Option<Head>,
    /// When.
    pub at: Moment,
}

impl Occasion {
    /// Returns its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Window => "window",
            Self::Moved => "moved",
            Self::Done => "done",
            Self::RolledBack => "rolled-back",
            Self::Stuck => "stuck",
            Self::Test => "test",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Gate => "waits at a gate",
            Self::Window => "waits for a maintenance window",
            Self::Moved => "waits, because the environment moved",
            Self::Done => "is done",
            Self::RolledBack => "was rolled back",
            Self::Stuck => "is stuck",
            Self::Test => "is a test",
        }
    }
}

impl Notice {
    /// Returns a notice that says nothing of any run.
    pub fn test(environment: impl Into<String>, at: Moment) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            occasion: Occasion::Test,
            run: "lockstep-test".to_owned(),
            environment: environment.into(),
            component: "lockstep".to_owned(),
            from: version.clone(),
            to: version,
            message: "Notices of Lockstep arrive here.".to_owned(),
            hint: None,
            head: None,
            at,
        }
    }

    pub(super) fn headline(&self) -> String {
        let Self { run, component, from, to, environment, .. } = self;
        let words = self.occasion.words();
        match self.occasion {
            Occasion::Test => format!("This {words} of the notices for {environment}"),
            Occasion::Gate
            | Occasion::Window
            | Occasion::Moved
            | Occasion::Done
            | Occasion::RolledBack
            | Occasion::Stuck => {
                format!("Run {run} {words}: {component} {from} → {to} in {environment}")
            }
        }
    }

    /// Returns the number of the last record and the digest over the whole journal.
    pub(super) fn last_record(&self) -> Option<(u64, String)> {
        let head = self.head?;
        Some((head.next.checked_sub(1)?, head.digest.to_string()))
    }

    pub(super) fn time(&self) -> String {
        let millis = i64::try_from(self.at.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis)
            .map_or_else(|_| self.at.0.to_string(), |time| format!("{time:.3}"))
    }

    /// Returns the notice without known secrets.
    pub(super) fn redacted(self, redactor: &Redactor) -> Self {
        let text = |text: String| redactor.text(&text);
        Self {
            environment: text(self.environment),
            component: text(self.component),
            from: text(self.from),
            to: text(self.to),
            message: text(self.message),
            hint: self.hint.map(text),
            ..self
        }
    }
}
