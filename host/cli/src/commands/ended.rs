//! What running came to, in words and as an exit code.

use std::collections::BTreeMap;

use lockstep_engine::journal::{CanaryState, RunState, StepState};
use lockstep_engine::model::{RunId, StepId, attention};
use lockstep_engine::run::{Ended, Wait};

use crate::clock::written;
use crate::error::CliError;
use crate::exit::Exit;
use crate::hints::hints_in;
use crate::output::Output;
use crate::render::{brief, ledger, length};

/// What working on a run came to, as people were told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The run.
    pub(super) run: RunId,
    /// How the command ends, if nothing comes after it.
    pub(super) exit: Exit,
    /// What was said.
    pub(super) message: String,
    /// What it leaves beside how it ended.
    pub(super) left: Left,
    /// Whether the command was asked to stop meanwhile. A run that was at its end is done all the same.
    pub(super) asked_to_stop: bool,
}

impl Told {
    /// Prints the answer of a command that ends with it.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn answer(self, output: &Output) -> Result<Exit, CliError> {
        let Self { run, exit, message, left: Left { canaries, attention }, .. } = self;
        output.json(
            "run",
            &serde_json::json!({
                "run": run, "exit": exit.code(), "message": message, "canaries": canaries, "attention": attention,
            }),
        )?;
        Ok(exit)
    }
}

/// What a run leaves beside how it ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Left {
    /// What its canaries came to.
    pub(super) canaries: BTreeMap<String, CanaryState>,
    /// What a person had better look after, by the step that found it.
    pub(super) attention: BTreeMap<StepId, String>,
}

impl Left {
    pub(super) fn by(state: &RunState) -> Self {
        let found = |(id, step): (&StepId, &StepState)| {
            Some((id.clone(), attention(&step.facts)?.to_owned()))
        };
        Self {
            canaries: state.canaries.clone(),
            attention: state.steps.iter().filter_map(found).collect(),
        }
    }
}

/// Returns the exit code for how running ended.
pub(super) const fn exit(ended: &Ended) -> Exit {
    match ended {
        Ended::Done => Exit::Done,
        Ended::RolledBack(_) => Exit::RolledBack,
        Ended::Stuck(_) => Exit::Stuck,
        Ended::Waiting(Wait::Claimed { .. }) => Exit::Held,
        Ended::Waiting(Wait::Moved(_)) => Exit::Moved,
        Ended::Waiting(
            Wait::Gate { .. }
            | Wait::Window { .. }
            | Wait::Soak { .. }
            | Wait::Until(_)
            | Wait::Paused,
        ) => Exit::Waiting,
    }
}

/// Says how running ended, and picks the exit code.
pub(super) fn tell(run: &RunId, ended: &Ended, left: Left, output: &Output) -> Told {
    for line in ledger(&left.canaries) {
        output.say(&format!("Canary {line}."));
    }
    for (step, what) in &left.attention {
        output.say(&format!("Look after this, which step `{step}` left: {}", brief(what)));
    }
    let words = match ended {
        Ended::Done => format!("Run {run} is done."),
        Ended::RolledBack(why) => format!(
            "Run {run} was rolled back: what it had changed is put back. Why: {}",
            brief(why)
        ),
        Ended::Stuck(question) => format!(
            "Run {run} is stuck and a person must decide:\n  {}\n\
                 Look at it with `lockstep show {run}`, then `lockstep resume {run} [--assume happened:EFFECT | --assume \
                 not-happened:EFFECT]` or `lockstep rollback {run}`.",
            brief(question)
        ),
        Ended::Waiting(Wait::Gate { step, waits_for }) => format!(
            "Run {run} waits at the gate of step `{step}`:\n  {}\nOpen it with `lockstep approve {run}`, then `lockstep resume {run}`.",
            brief(waits_for)
        ),
        Ended::Waiting(Wait::Claimed { by }) => format!(
            "Run {run} waits, because another store's run works on the environment: {}.\nWait for it and `lockstep resume {run}`; \
                 only if it is surely gone: `lockstep resume {run} --over-claim` and its name.",
            brief(by)
        ),
        Ended::Waiting(Wait::Window { step, opens: Some(opens), needs }) => format!(
            "Run {run} waits for a maintenance window: step `{step}` begins when one is open with {} left, for the worst case and the way back.\n\
                 The next one opens at {}: then `lockstep resume {run}`.",
            length(*needs),
            written(*opens)
        ),
        Ended::Waiting(Wait::Window { step, opens: None, needs }) => format!(
            "Run {run} waits before step `{step}`, and no maintenance window is ever long enough: the worst case and the way back need {}.\n\
                 `lockstep resume {run} --outside-windows` goes on all the same, and says in the journal who wanted it.",
            length(*needs)
        ),
        Ended::Waiting(Wait::Soak { step, until }) => format!(
            "Run {run} soaks after step `{step}` until {}, which needs no process. Then `lockstep resume {run}`, which looks at \
                 every watch for a whole window before it ends.",
            written(*until)
        ),
        Ended::Waiting(Wait::Moved(why)) => format!(
            "Run {run} waits, because the environment moved:\n  {}\nPut it back and `lockstep resume {run}`, which looks again; or go back with `lockstep rollback {run}`.",
            brief(why)
        ),
        Ended::Waiting(Wait::Until(step)) => format!(
            "Run {run} stopped after step `{step}` as asked. Go on with `lockstep resume {run}`."
        ),
        Ended::Waiting(Wait::Paused) => format!(
            "Run {run} stopped. Go on with `lockstep resume {run}`, or back with `lockstep rollback {run}`."
        ),
    };
    output.say(&words);
    let stopped_by = match ended {
        Ended::Stuck(why) | Ended::RolledBack(why) | Ended::Waiting(Wait::Moved(why)) => why,
        Ended::Done | Ended::Waiting(_) => "",
    };
    for hint in hints_in(stopped_by) {
        output.say(&format!("Hint: {hint}"));
    }
    let (run, exit) = (run.clone(), exit(ended));
    Told { run, exit, message: words, left, asked_to_stop: false }
}
