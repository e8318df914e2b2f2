//! Starting a stand-in: the lab's own executable, called by another name.

use super::{
    Launch, LaunchError,
    process::{Prepared, create_folder, note},
};
use crate::stand_in::{ADDRESS_VARIABLE, IMAGE_VARIABLE, Kind, clickhouse, minio};

/// What starts for a service that only stands in for the real one.
pub(crate) fn prepare(launch: &Launch, kind: Kind) -> Result<Prepared, LaunchError> {
    if let Some(command) = &launch.start_command {
        note(&launch.log, &format!("a stand-in does not follow the start command `{command}`"))?;
    }
    let mut variables = launch.variables.clone();
    variables.insert(IMAGE_VARIABLE.to_owned(), launch.image.clone());
    variables.insert(ADDRESS_VARIABLE.to_owned(), launch.address.to_string());
    let kept = match kind {
        Kind::ClickHouse => Some((clickhouse::FOLDER_VARIABLE, "/var/lib/clickhouse")),
        Kind::MinIo => Some((minio::FOLDER_VARIABLE, minio::DATA)),
        Kind::LiteLlm
        | Kind::LangfuseWeb
        | Kind::LangfuseWorker
        | Kind::BackupService
        | Kind::HealthMonitor
        | Kind::PostgresNode
        | Kind::PatroniRunner
        | Kind::LiteLlmMigration
        | Kind::MigrationJob => None,
    };
    if let Some((variable, path)) = kept {
        let folder = launch.place(path);
        create_folder(&folder)?;
        variables.insert(variable.to_owned(), folder.display().to_string());
    }
    for bucket in buckets(launch.start_command.as_deref().filter(|_| kind == Kind::MinIo)) {
        create_folder(&launch.place(&bucket))?;
    }
    Ok(Prepared::new(&launch.stand_in, variables).with(["lab", "stand-in", kind.name()]))
}

/// The folders that a start command makes for `MinIO`, which are its buckets.
fn buckets(command: Option<&str>) -> Vec<String> {
    let mut words = command.unwrap_or_default().split([' ', '"', '\'', ';', '&']);
    let mut made = Vec::new();
    while words.by_ref().any(|word| word == "mkdir") {
        let named = words.by_ref().find(|word| !word.starts_with('-'));
        made.extend(named.filter(|path| path.starts_with("/data/")).map(str::to_owned));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_folder_that_the_start_command_makes() {
        let command = "sh -c \"mkdir -p /data/langfuse && mkdir /tmp/x; exec minio server /data\"";
        assert_eq!(buckets(Some(command)), ["/data/langfuse"]);
        assert!(buckets(Some("minio server /data --console-address :9001")).is_empty());
    }
}
