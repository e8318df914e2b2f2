//! What comes after the switch: the smoke test, the soak, and the end.

use lockstep_sdk::blocks::close;
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Failure, Step, Undo};

use super::parts::Parts;
use crate::declare::Declares;
use crate::names::{self, DATABASE, JOB_SERVICE, REHEARSAL_SERVICE};
use crate::statements;

/// What is left when the new version serves.
const SERVES: &str = "nothing: the new version serves";

/// Why nothing goes back by itself once it is cleaned up.
const OVER: &str =
    "the upgrade is kept: what names the history's rows that a way back deletes is deleted itself";

impl<D: Declares> Parts<'_, D> {
    /// Looks whether everything works, watches it for long, and cleans up.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let smoke = Step::new(
            names::SMOKE,
            "Ask the new version for its models, and with a new key for a mock answer, and look for its spend",
            "a proxy that is up may still be wrong for its users, and they come with keys",
        )
        .if_left("nothing: the new version serves, and a key that nobody knows ends by itself")
        .expected(MINUTE)
        .limit(15 * MINUTE)
        .needs(&[names::BEFORE]);
        let smoke = self.asking(smoke, names::ASKED_AFTER, self.context.to.is_new_contract())?;
        self.push(smoke);
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
            "DISABLE_SCHEMA_UPDATE=true, also after going back: an image that is set by hand later does not migrate by itself; plan its upgrade",
            "ENFORCE_PRISMA_MIGRATION_CHECK=true",
            "the pinned image, the time to end, and the path by which Railway asks",
            "the locked backup of the database's volume",
        ]));
        Ok(())
    }
}
