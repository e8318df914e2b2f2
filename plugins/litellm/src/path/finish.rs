//! What comes after the switch: the smoke test, the soak, and the end.

use lockstep_sdk::blocks::close;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Drive, Failure, Step, Times, Undo};

use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::message::{self, Sender, made_key};
use crate::names::{self, DATABASE, JOB_SERVICE, PROXY, REHEARSAL_SERVICE};
use crate::statements;

/// What is left when the new version serves.
const SERVES: &str = "nothing: the new version serves";

/// Why nothing goes back by itself once it is cleaned up.
const OVER: &str =
    "the upgrade is kept: what names the history's rows that a way back deletes is deleted itself";

/// How often a key is made anew, should the process end that holds it.
const ROUNDS: u32 = 3;

impl<D: Declares> Parts<'_, D> {
    /// Looks whether everything works, watches it for long, and cleans up.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let labels = self.asks(names::ASKED_AFTER, self.context.to.is_new_contract())?;
        self.push(
            Step::new(
                names::SMOKE,
                "Ask the new version for its models, its version and a mock answer, and look for its spend",
                "a proxy that is up may still be wrong for its users",
            )
            .effects(&refs(&labels))
            .if_left(SERVES)
            .expected(MINUTE)
            .limit(15 * MINUTE)
            .needs(&[names::BEFORE]),
        );
        self.keys()?;
        let soak = Step::new(
            names::SOAK,
            "Watch the new version",
            "what goes wrong late can still be taken back without losing a row",
        )
        .if_left(SERVES)
        .expected(self.seen.options.soak)
        .limit(20 * MINUTE);
        let length = self.seen.options.soak;
        self.push(if length == 0 { soak } else { soak.soaking(length) });
        self.declare.transaction("notes-end", DATABASE, statements::forget_notes())?;
        self.declare.delete_made("stage-delete", REHEARSAL_SERVICE)?;
        self.declare.delete_made("job-delete", JOB_SERVICE)?;
        let close = close::step(names::CLOSE, &["notes-end", "stage-delete", "job-delete"]);
        self.push(Step { undo: Undo::Impossible(OVER.to_owned()), ..close });
        self.block.findings.push(close::finding(&[
            "DISABLE_SCHEMA_UPDATE=true: an image that is set by hand later does not migrate by itself; plan its upgrade",
            "ENFORCE_PRISMA_MIGRATION_CHECK=true",
            "the pinned image, the time to end, and the path by which Railway asks",
            "the locked backup of the database's volume",
        ]));
        Ok(())
    }

    fn keys(&mut self) -> Result<(), Failure> {
        let service = &self.context.service;
        let Some(model) = &self.context.model else { return Ok(()) };
        let rule = [made_key()];
        self.declare.send(names::KEY_MAKE, PROXY, &message::key(service), &[], &Times::Once)?;
        let question = message::completion(Sender::Made, model);
        self.declare.send(names::KEY_USE, PROXY, &question, &rule, &Times::Once)?;
        self.declare.send(names::KEY_END, PROXY, &message::delete(service), &rule, &Times::Once)?;
        let mut step = Step::new(
            names::KEYS,
            "Make a key, use it for a mock answer, and delete it",
            "users come with keys of their own",
        )
        .effects(&[names::KEY_MAKE, names::KEY_USE, names::KEY_END])
        .if_left("nothing: the new version serves, and a key that nobody knows ends by itself")
        .expected(20 * SECOND)
        .limit(15 * MINUTE)
        .needs(&[names::BEFORE]);
        step.drive = Drive::Guided;
        step.rounds = ROUNDS;
        self.push(step);
        Ok(())
    }
}
