//! The real etcd, with the variables of Railway's image.

use std::collections::BTreeMap;

use super::{
    Launch, LaunchError,
    entry::Entry,
    process::{Prepared, create_folder, note},
    start_command::{Paths, quoted},
};
use crate::programs::{Program, Programs};

const DATA: &str = "/var/lib/etcd";
const ENTRY_POINT: &str = "entrypoint.sh";
/// Without these the image's entry point ends.
const REQUIRED: [&str; 3] =
    ["ETCD_NAME", "ETCD_INITIAL_CLUSTER", "ETCD_INITIAL_ADVERTISE_PEER_URLS"];
/// What the image sets itself, or passes to etcd.
const USUAL: [(&str, &str); 5] = [
    ("ETCD_DATA_DIR", DATA),
    ("ETCD_LISTEN_CLIENT_URLS", "http://0.0.0.0:2379"),
    ("ETCD_LISTEN_PEER_URLS", "http://0.0.0.0:2380"),
    ("ETCD_ENABLE_GRPC_GATEWAY", "true"),
    ("ETCD_AUTO_COMPACTION_RETENTION", "1"),
];

/// The program for `image`.
pub(crate) fn program<'p>(image: &str, programs: &'p Programs) -> Result<&'p Program, LaunchError> {
    programs.etcd().ok_or_else(|| LaunchError::NoProgram {
        image: image.to_owned(),
        missing: "etcd".to_owned(),
        here: "none".to_owned(),
        remedy: "`cargo xtask setup` unpacks the package `etcd-server`".to_owned(),
    })
}

/// What starts for a member of the cluster, or what is left of a container that refuses its variables.
///
/// The image lets the first member make a cluster alone and the others join it one by one. Here all make it together
/// from `ETCD_INITIAL_CLUSTER`, so there is a quorum when two of three run, not when the first does; and a member that
/// has lost its volume does not come back by itself.
pub(crate) fn prepare(launch: &Launch) -> Result<Prepared, LaunchError> {
    let program = program(&launch.image, &launch.programs)?;
    if let Some(name) = REQUIRED.into_iter().find(|name| launch.variable(name).is_none()) {
        return Ok(Prepared::refusal(&format!("Error: {name} must be set"), 1));
    }
    note(
        &launch.log,
        "etcd is real; its members form their cluster at once, where the image lets them join one by one",
    )?;
    let data = launch.place(launch.variable("ETCD_DATA_DIR").unwrap_or(DATA));
    create_folder(&data)?;
    let run = format!("exec {}", quoted(&program.path().to_string_lossy()));
    let paths = Paths::default().with(DATA, launch.place(DATA));
    let entry = Entry::new(launch, paths).with(ENTRY_POINT, &run, &[""]);
    let command = launch.start_command.as_deref().unwrap_or(ENTRY_POINT);
    let prepared = entry.started_by(launch, command)?;
    let mut variables = prepared.variables.clone();
    for (name, value) in USUAL {
        variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    variables.insert("ETCD_DATA_DIR".to_owned(), data.to_string_lossy().into_owned());
    here(&mut variables, launch);
    Ok(Prepared { variables, ..prepared })
}

/// Lets etcd listen on the service's address alone: every address of this machine would be everybody's.
fn here(variables: &mut BTreeMap<String, String>, launch: &Launch) {
    let address = launch.address.to_string();
    for (name, value) in variables.iter_mut() {
        if name.starts_with("ETCD_LISTEN_") {
            *value = value.replace("0.0.0.0", &address);
        }
    }
}
