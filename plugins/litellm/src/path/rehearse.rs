//! The rehearsal: the new version's own migration, on a copy of this database's own schema.

use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, SchemaPart, Step};

use super::draft::reference;
use super::parts::Parts;
use crate::declare::Declares;
use crate::job;
use crate::names::{self, DATABASE, REHEARSAL_SERVICE, SCRATCH_DATABASE};
use crate::statements;

/// What is left while the copy is there.
const COPY: &str = "nothing: an empty copy of the schema stays, and nobody uses it";

impl<D: Declares> Parts<'_, D> {
    /// Everything that is done to the copy.
    pub(super) fn rehearse(&mut self) -> Result<(), Failure> {
        self.scratch()?;
        self.schema()?;
        self.stage()?;
        self.declare.deploy_made(names::REHEARSE, REHEARSAL_SERVICE)?;
        self.declare.stop_made(names::REHEARSE_UNDO, REHEARSAL_SERVICE)?;
        self.push(
            Step::new(
                names::REHEARSE,
                "Migrate the copy, and compare it with the database",
                "what a migration does to this schema, to others' tables above all, is seen where it can do no harm",
            )
            .effects(&[names::REHEARSE])
            .if_left(COPY)
            .undone_by(&[names::REHEARSE_UNDO])
            .expected(0)
            .limit(30 * MINUTE),
        );
        self.push_undo(
            Step::new(
                names::REHEARSE_UNDO,
                "Stop the job",
                "one that still migrates would hold on to a database that is to be dropped",
            )
            .effects(&[names::REHEARSE_UNDO])
            .if_left(COPY)
            .reverses(&[(names::REHEARSE_UNDO, names::REHEARSE)]),
        );
        Ok(())
    }

    fn scratch(&mut self) -> Result<(), Failure> {
        let create = statements::create(self.seen.inside);
        self.declare.alone(names::SCRATCH, DATABASE, create, &statements::there(">"))?;
        self.declare.alone(
            names::SCRATCH_UNDO,
            DATABASE,
            statements::drop(),
            &statements::there("="),
        )?;
        self.push(
            Step::new(
                names::SCRATCH,
                "Make a database for the rehearsal on the same server",
                "it has the same version and extensions, and a schema of its own",
            )
            .effects(&[names::SCRATCH])
            .if_left("nothing: an empty database stays")
            .undone_by(&[names::SCRATCH_UNDO]),
        );
        self.push_undo(
            Step::new(
                names::SCRATCH_UNDO,
                "Drop the database of the rehearsal",
                "it was not there before",
            )
            .effects(&[names::SCRATCH_UNDO])
            .if_left("nothing: a database stays that nobody uses")
            .reverses(&[(names::SCRATCH_UNDO, names::SCRATCH)]),
        );
        Ok(())
    }

    fn schema(&mut self) -> Result<(), Failure> {
        let [before, after, carry] = names::SCHEMA_LABELS;
        self.declare.copy_schema(before, DATABASE, SCRATCH_DATABASE, &SchemaPart::BeforeRows)?;
        self.declare.copy_schema(after, DATABASE, SCRATCH_DATABASE, &SchemaPart::AfterRows)?;
        let rows = statements::carry(&self.context.schema, &self.context.database_service);
        self.declare.transaction(carry, SCRATCH_DATABASE, rows)?;
        self.push(
            Step::new(
                names::SCHEMA,
                "Copy the schema, and the history of its migrations",
                "a migration goes by what the history says is there",
            )
            .effects(&names::SCHEMA_LABELS)
            .if_left(COPY)
            .expected(30 * SECOND)
            .limit(HOUR),
        );
        Ok(())
    }

    fn stage(&mut self) -> Result<(), Failure> {
        let image = reference(self.seen.goal);
        self.declare.create(names::STAGE, REHEARSAL_SERVICE, &image, &job::to_copy())?;
        self.declare.set_made("stage-settings", REHEARSAL_SERVICE, &job::SETTINGS)?;
        self.push(
            Step::new(
                names::STAGE,
                "Make the service that migrates the copy, from the new version's image",
                "the migration is the one that this image brings",
            )
            .effects(&[names::STAGE, "stage-settings"])
            .if_left("nothing: a service that was never deployed stays")
            .restored()
            .expected(5 * SECOND),
        );
        Ok(())
    }
}
