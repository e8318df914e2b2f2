//! The job `pg-migrate-ha`, which stands in for the real one with the tools that its image has.

use super::{
    Launch, LaunchError,
    process::{Prepared, create_folder},
    stand_in,
};
use crate::stand_in::{
    Kind,
    migration_job::{DUMP_VARIABLE, PSQL_VARIABLE, SCRATCH_VARIABLE},
};

/// The major version of the job's own tools, which refuse a newer server.
const MAJOR: u64 = 16;

/// What starts for the job.
pub(crate) fn prepare(launch: &Launch) -> Result<Prepared, LaunchError> {
    let server = launch.programs.postgres(Some(MAJOR));
    let tool = |name: &str| {
        server.and_then(|server| launch.programs.client_tool(server, name)).ok_or_else(|| {
            LaunchError::NoProgram {
                image: launch.image.clone(),
                missing: format!("{name} {MAJOR}"),
                here: "none that is not older".to_owned(),
                remedy: "`cargo xtask setup` fetches PostgreSQL 16 with all its tools".to_owned(),
            }
        })
    };
    let scratch = launch.scratch.join("files");
    create_folder(&scratch)?;
    let mut prepared = stand_in::prepare(launch, Kind::MigrationJob)?;
    for (name, path) in [
        (PSQL_VARIABLE, tool("psql")?),
        (DUMP_VARIABLE, tool("pg_dump")?),
        (SCRATCH_VARIABLE, scratch),
    ] {
        prepared.variables.insert(name.to_owned(), path.to_string_lossy().into_owned());
    }
    Ok(prepared)
}
