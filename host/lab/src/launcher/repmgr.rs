//! A node of Bitnami's PostgreSQL cluster: a real server under a stand-in for repmgr, which starts and watches it.

use super::{
    Launch, LaunchError,
    identity::Identity,
    process::{Prepared, create_folder, note},
    stand_in,
};
use crate::{
    programs::PostgresServer,
    stand_in::{
        Kind,
        repmgr::{BASE_BACKUP_VARIABLE, BIN_VARIABLE, DATA_VARIABLE},
    },
};

const DATA: &str = "/bitnami/postgresql/data";
const CLONER: &str = "pg_basebackup";

/// What starts for a node of a cluster.
pub(crate) fn prepare(launch: &Launch, server: &PostgresServer) -> Result<Prepared, LaunchError> {
    let base_backup =
        launch.programs.client_tool(server, CLONER).ok_or_else(|| LaunchError::NoProgram {
            image: launch.image.clone(),
            missing: format!("{CLONER} for PostgreSQL {}", server.version),
            here: "none that is not older".to_owned(),
            remedy: "`cargo xtask setup` fetches PostgreSQL 16 with all its tools".to_owned(),
        })?;
    note(
        &launch.log,
        &format!(
            "PostgreSQL {} is real; who is primary and who follows is decided by the lab in place of repmgr",
            server.version
        ),
    )?;
    let data = launch.place(DATA);
    let home = data.parent().unwrap_or(&data);
    create_folder(home)?;
    let identity = Identity::for_postgres(&[&data, &launch.stand_in])?;
    identity.own(home)?;
    let mut prepared = stand_in::prepare(launch, Kind::PostgresNode)?;
    for (name, path) in
        [(BIN_VARIABLE, &server.bin), (BASE_BACKUP_VARIABLE, &base_backup), (DATA_VARIABLE, &data)]
    {
        prepared.variables.insert(name.to_owned(), path.to_string_lossy().into_owned());
    }
    Ok(Prepared { identity, ..prepared })
}
