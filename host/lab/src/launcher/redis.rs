//! Redis and Valkey, started as their images start them.

use std::path::Path;

use super::{
    Launch, LaunchError,
    entry::Entry,
    image::{Image, Role},
    process::{Prepared, create_folder, write_private},
    start_command::{Paths, quoted, words},
};
use crate::programs::{Programs, RedisServer, numbers};

const BITNAMI_DATA: &str = "/bitnami/redis/data";
const OFFICIAL_DATA: &str = "/data";

/// The server for `image`: of the same series as its tag, the newest where the tag names none.
pub(crate) fn server<'a>(
    image: &str,
    role: Role,
    programs: &'a Programs,
) -> Result<&'a RedisServer, LaunchError> {
    let tag = Image::parse(image).tag;
    let series: Vec<String> = numbers(&tag).iter().take(2).map(ToString::to_string).collect();
    let series = series.join(".");
    let (product, found) = match role {
        Role::Valkey => ("Valkey", programs.valkey_server(&series)),
        Role::OfficialRedis
        | Role::BitnamiRedis
        | Role::Postgres
        | Role::PostgresNode
        | Role::PgPool
        | Role::PatroniNode
        | Role::Etcd
        | Role::HaProxy
        | Role::StandIn(_) => ("Redis", programs.redis_server(&series)),
    };
    found.ok_or_else(|| LaunchError::NoProgram {
        image: image.to_owned(),
        missing: format!("{product} {series}").trim_end().to_owned(),
        here: programs.redis_versions(),
        remedy: "`cargo xtask setup` fetches Redis 6.2 and 7.0 and, for 7.2, Valkey 8.0; put any other into \
                 target/programs/NAME/bin or on PATH"
            .to_owned(),
    })
}

/// What starts for a Redis image.
pub(crate) fn prepare(
    launch: &Launch,
    role: Role,
    server: &RedisServer,
) -> Result<Prepared, LaunchError> {
    match role {
        Role::BitnamiRedis => bitnami(launch, server),
        Role::OfficialRedis
        | Role::Valkey
        | Role::Postgres
        | Role::PostgresNode
        | Role::PgPool
        | Role::PatroniNode
        | Role::Etcd
        | Role::HaProxy
        | Role::StandIn(_) => official(launch, server),
    }
}

/// The official image: data in `/data`, where it also starts, open to all, and whatever its start command says.
fn official(launch: &Launch, server: &RedisServer) -> Result<Prepared, LaunchError> {
    let data = launch.place(OFFICIAL_DATA);
    create_folder(&data)?;
    let name = server.product.to_lowercase() + "-server";
    let entry =
        executables(launch, paths(launch, OFFICIAL_DATA), server, &["/usr/local/bin", "/usr/bin"]);
    let command = launch.start_command.as_deref().unwrap_or(&name);
    Ok(Prepared { folder: data, ..entry.started_by(launch, command)? })
}

/// Bitnami's image: a configuration made of variables; no password is an error unless allowed.
fn bitnami(launch: &Launch, server: &RedisServer) -> Result<Prepared, LaunchError> {
    let data = launch.place(BITNAMI_DATA);
    create_folder(&data)?;
    let scripts = ["/opt/bitnami/scripts/redis"];
    let run = match configuration(launch, &data) {
        Ok(text) => {
            let file = launch.scratch.join("redis.conf");
            write_private(&file, &text)?;
            let extra =
                words(launch.variable("REDIS_EXTRA_FLAGS").unwrap_or_default()).unwrap_or_default();
            let extra: Vec<String> = extra.iter().map(|word| quoted(word)).collect();
            let file = quoted(&file.to_string_lossy());
            format!("exec redis-server {file} {} \"$@\"", extra.join(" "))
        }
        Err(refusal) => format!("printf '%s\\n' {} >&2; exit 1", quoted(&refusal)),
    };
    let entry =
        executables(launch, paths(launch, BITNAMI_DATA), server, &["/opt/bitnami/redis/bin"])
            .with("run.sh", &run, &scripts)
            .with("entrypoint.sh", "exec \"$@\"", &scripts);
    let usual = "entrypoint.sh run.sh";
    Ok(Prepared {
        folder: data,
        ..entry.started_by(launch, launch.start_command.as_deref().unwrap_or(usual))?
    })
}

/// Bitnami's configuration file, or why its entry point refuses.
///
/// Only Bitnami's own variables count: `REDIS_MAXMEMORY` and `REDIS_APPENDONLY`, often seen beside them, do nothing.
fn configuration(launch: &Launch, data: &Path) -> Result<String, String> {
    let mut lines = vec![
        format!("port {}", launch.variable("REDIS_PORT_NUMBER").unwrap_or("6379")),
        format!("dir {}", in_config(&data.to_string_lossy())),
        format!(
            "appendonly {}",
            if launch.says_yes("REDIS_AOF_ENABLED", true) { "yes" } else { "no" }
        ),
        "protected-mode no".to_owned(),
    ];
    match launch.variable("REDIS_PASSWORD") {
        Some(password) => {
            lines.push(format!("requirepass {}", in_config(password)));
            lines.push(format!("masterauth {}", in_config(password)));
        }
        None if launch.says_yes("ALLOW_EMPTY_PASSWORD", false) => {}
        None => {
            return Err("redis ERROR ==> The REDIS_PASSWORD environment variable is empty or not set. Set the \
                        environment variable ALLOW_EMPTY_PASSWORD=yes to allow the container to be started with \
                        blank passwords."
                .to_owned());
        }
    }
    if launch.says_yes("REDIS_RDB_POLICY_DISABLED", false) {
        lines.push("save \"\"".to_owned());
    }
    for policy in launch.variable("REDIS_RDB_POLICY").unwrap_or_default().split_whitespace() {
        lines.push(format!("save {}", policy.replace('#', " ")));
    }
    for command in launch.variable("REDIS_DISABLE_COMMANDS").unwrap_or_default().split(',') {
        if !command.trim().is_empty() {
            lines.push(format!("rename-command {} \"\"", in_config(command.trim())));
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The server and its tools under the names that the image has them by.
///
/// The service's address comes last, so that a start command's `--bind 0.0.0.0` does not take the whole machine's port.
fn executables(launch: &Launch, paths: Paths, server: &RedisServer, folders: &[&str]) -> Entry {
    let program = quoted(&server.path.to_string_lossy());
    let ours = format!("--bind {}", launch.address);
    let start = format!(
        "case \"${{1-}}\" in ''|-*) ;; *) file=$1; shift ;; esac\n\
         exec {program} ${{file:+\"$file\"}} --protected-mode no \"$@\" {ours}"
    );
    let product = server.product.to_lowercase();
    let enter = format!(
        "case \"${{1-}}\" in ''|-*|*.conf) set -- {product}-server \"$@\" ;; esac\nexec \"$@\""
    );
    let mut entry = Entry::new(launch, paths)
        .with(&format!("{product}-server"), &start, folders)
        .with("docker-entrypoint.sh", &enter, &["/usr/local/bin"]);
    // An image of Redis for which Valkey stands has Redis's names.
    if product != "redis" {
        entry = entry.with("redis-server", &start, folders);
    }
    for tool in ["cli", "check-aof", "check-rdb", "benchmark"] {
        let real = server.path.with_file_name(format!("{product}-{tool}"));
        if real.is_file() {
            let body = format!("exec {} \"$@\"", quoted(&real.to_string_lossy()));
            entry = entry.with(&format!("redis-{tool}"), &body, folders);
        }
    }
    entry
}

/// The image's data folder and, where it is another path, the volume's mount.
fn paths(launch: &Launch, data: &str) -> Paths {
    let paths = Paths::default().with(data, launch.place(data));
    match &launch.volume {
        Some(volume) => paths.with(&volume.mount, volume.folder.clone()),
        None => paths,
    }
}

/// A value in Redis's configuration file: quoted, with what ends a quotation or a line escaped.
fn in_config(value: &str) -> String {
    let escaped =
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{escaped}\"")
}
