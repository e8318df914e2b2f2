//! Starting a stand-in: the lab's own executable, called by another name.

use super::{
    Launch, LaunchError,
    process::{Prepared, create_folder, note},
};
use crate::stand_in::{ADDRESS_VARIABLE, IMAGE_VARIABLE, Kind, clickhouse};

/// What starts for a service that only stands in for the real one.
pub(crate) fn prepare(launch: &Launch, kind: Kind) -> Result<Prepared, LaunchError> {
    if let Some(command) = &launch.start_command {
        note(&launch.log, &format!("a stand-in does not follow the start command `{command}`"))?;
    }
    let mut variables = launch.variables.clone();
    variables.insert(IMAGE_VARIABLE.to_owned(), launch.image.clone());
    variables.insert(ADDRESS_VARIABLE.to_owned(), launch.address.to_string());
    if kind == Kind::ClickHouse {
        let folder = launch.place("/var/lib/clickhouse");
        create_folder(&folder)?;
        variables.insert(clickhouse::FOLDER_VARIABLE.to_owned(), folder.display().to_string());
    }
    Ok(Prepared::new(&launch.stand_in, variables).with(["lab", "stand-in", kind.name()]))
}
