//! The backup, and the migration itself, while the old proxy serves.

use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, Step};

use super::draft::reference;
use super::parts::Parts;
use crate::declare::Declares;
use crate::job;
use crate::names::{self, DATABASE, JOB_SERVICE};
use crate::statements;

/// What going back loses after a migration that the former version can't live with.
const LOSS: &str = "where the rehearsal showed that the former version can't live with the migrated schema, going back means restoring \
    the backup of the volume: everything that anybody wrote to the database since, Langfuse included, is lost";

/// What a person says yes to then.
const ACCEPT: &str = "The option `destructive` accepts a migration that the former version can't live with: from here on going back may \
    mean the backup. Has what the rehearsal found been read? Go on?";

impl<D: Declares> Parts<'_, D> {
    /// Backs up and migrates.
    pub(super) fn migrate(&mut self) -> Result<(), Failure> {
        self.backup()?;
        self.job()?;
        self.for_real()?;
        self.migrated()
    }

    /// PROOF of the database's volume.
    fn backup(&mut self) -> Result<(), Failure> {
        self.declare.backup_volume(names::BACKUP, &self.context.database_service)?;
        self.declare.lock_backup("backup-lock", names::BACKUP)?;
        self.push(
            Step::new(
                names::BACKUP,
                "Back up the database's volume and keep the backup",
                "a way back that is not proven is none",
            )
            .effects(&[names::BACKUP, "backup-lock"])
            .if_left(
                "nothing: Railway ends the backup by itself, and one that is not locked expires",
            )
            .expected(30 * SECOND)
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    fn job(&mut self) -> Result<(), Failure> {
        let image = reference(self.seen.goal);
        let variables = job::to_database(&self.context.service);
        self.declare.create(names::JOB, JOB_SERVICE, &image, &variables)?;
        self.declare.set_made("job-settings", JOB_SERVICE, &job::SETTINGS)?;
        self.push(
            Step::new(
                names::JOB,
                "Make the service that migrates the database, from the same image",
                "it leads to wherever the proxy leads",
            )
            .effects(&[names::JOB, "job-settings"])
            .if_left("nothing: a service that was never deployed stays")
            .restored()
            .expected(5 * SECOND),
        );
        Ok(())
    }

    fn for_real(&mut self) -> Result<(), Failure> {
        let schema = &self.context.schema;
        self.declare.transaction(names::NOTE_ROWS, DATABASE, statements::note(schema))?;
        self.declare.deploy_made(names::MIGRATE, JOB_SERVICE)?;
        let (halt, forget) = ("migrate-stop", "migrate-forget");
        self.declare.stop_made(halt, JOB_SERVICE)?;
        self.declare.transaction(forget, DATABASE, statements::forget(schema))?;
        let step = Step::new(
            names::MIGRATE,
            "Migrate the database, while the old proxy serves",
            "the same job as in the rehearsal, and the database must become what the copy became",
        )
        .effects(&[names::NOTE_ROWS, names::MIGRATE])
        .if_left(
            "the job ends by itself; the old proxy goes on, with a schema that has more than it needs, or with statements that wait \
             for a table that is being changed",
        )
        .undone_by(&[names::MIGRATE_UNDO])
        .expected(0)
        .limit(HOUR)
        .needs(&[names::REHEARSE]);
        let accepted = self.seen.options.destructive;
        self.push(if accepted { step.losing(LOSS).approved(ACCEPT) } else { step });
        self.push_undo(
            Step::new(
                names::MIGRATE_UNDO,
                "Stop the job, and delete the rows of the history that it made",
                "what it added stays, and hurts nobody but where the rehearsal found that something is unique in another way: then the \
                 former version may write no spend. A later upgrade applies again what the history does not name",
            )
            .effects(&[halt, forget])
            .if_left("nothing: the history names migrations that are there")
            .reverses(&[(halt, names::MIGRATE), (forget, names::NOTE_ROWS)])
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    fn migrated(&mut self) -> Result<(), Failure> {
        let note = "note-made";
        self.declare.transaction(note, DATABASE, statements::note_made(&self.context.schema))?;
        self.declare.alone("scratch-end", DATABASE, statements::drop(), &statements::there("="))?;
        self.push(
            Step::new(
                names::MIGRATED,
                "Note which rows of the history the migration made, and drop the copy",
                "going back deletes exactly those, whatever anybody else migrates later",
            )
            .effects(&[note, "scratch-end"])
            .if_left("nothing: the old proxy serves"),
        );
        Ok(())
    }
}
