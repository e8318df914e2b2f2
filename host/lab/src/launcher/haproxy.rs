//! The real `HAProxy`, configured as Railway's image configures it in front of a cluster.

use std::fmt::Write as _;

use super::{
    Launch, LaunchError,
    entry::Entry,
    process::{Prepared, note, write_private},
    start_command::{Paths, quoted},
};
use crate::programs::{Program, Programs};

const ENTRY_POINT: &str = "entrypoint.sh";
/// Patroni's own answer decides who gets connections.
const LEADER: (u16, &str) = (5432, "/primary");
const REPLICAS: (u16, &str) = (5433, "/replica");
const STATISTICS: u16 = 8404;

/// The program for `image`.
pub(crate) fn program<'p>(image: &str, programs: &'p Programs) -> Result<&'p Program, LaunchError> {
    programs.haproxy().ok_or_else(|| LaunchError::NoProgram {
        image: image.to_owned(),
        missing: "HAProxy".to_owned(),
        here: "none".to_owned(),
        remedy: "`cargo xtask setup` unpacks the package `haproxy`".to_owned(),
    })
}

/// What starts for the front, or what is left of a container that refuses its variables.
///
/// However many replicas the service has, one process runs. The port of `HAPROXY_HEALTH_PORT` is left out: what the
/// image answers there is not known.
pub(crate) fn prepare(launch: &Launch) -> Result<Prepared, LaunchError> {
    let program = program(&launch.image, &launch.programs)?;
    let configuration = match configuration(launch) {
        Ok(configuration) => configuration,
        Err(refusal) => return Ok(Prepared::refusal(&refusal, 1)),
    };
    note(&launch.log, "HAProxy is real; one process stands for all replicas of the service")?;
    let folder = launch.scratch.join("haproxy");
    super::process::create_folder(&folder)?;
    let file = folder.join("haproxy.cfg");
    write_private(&file, &configuration)?;
    let run = format!(
        "exec {} -db -f {}",
        quoted(&program.path().to_string_lossy()),
        quoted(&file.to_string_lossy())
    );
    let entry = Entry::new(launch, Paths::default()).with(ENTRY_POINT, &run, &[""]);
    entry.started_by(launch, launch.start_command.as_deref().unwrap_or(ENTRY_POINT))
}

fn configuration(launch: &Launch) -> Result<String, String> {
    let nodes = launch.variable("POSTGRES_NODES").ok_or("ERROR: POSTGRES_NODES is required")?;
    let nodes: Vec<Node<'_>> = nodes.split(',').map(Node::read).collect::<Result<_, _>>()?;
    let or = |name: &str, usual: &str| launch.variable(name).unwrap_or(usual).to_owned();
    let mut text = format!(
        "global\n  maxconn {}\n  no strict-limits\n  log stdout format raw local0\n\
         defaults\n  log global\n  mode tcp\n  retries 3\n  timeout connect {}\n  timeout client {}\n\
         \x20 timeout server {}\n  timeout check {}\n\
         listen stats\n  bind {}:{STATISTICS}\n  mode http\n  stats enable\n  stats uri /stats\n",
        or("HAPROXY_MAX_CONN", "1000"),
        or("HAPROXY_TIMEOUT_CONNECT", "10s"),
        or("HAPROXY_TIMEOUT_CLIENT", "30m"),
        or("HAPROXY_TIMEOUT_SERVER", "30m"),
        or("HAPROXY_TIMEOUT_CHECK", "5s"),
        launch.address,
    );
    let mut checked = format!("inter {}", or("HAPROXY_CHECK_INTERVAL", "3s"));
    for (variable, word) in
        [("HAPROXY_CHECK_FASTINTER", "fastinter"), ("HAPROXY_CHECK_DOWNINTER", "downinter")]
    {
        if let Some(value) = launch.variable(variable) {
            // Writing to a string can't fail, here and below.
            write!(checked, " {word} {value}").unwrap_or_default();
        }
    }
    for (port, path) in [LEADER, REPLICAS] {
        write!(
            text,
            "listen postgresql{}\n  bind {}:{port}\n",
            path.replace('/', "_"),
            launch.address
        )
        .unwrap_or_default();
        // A single node is not asked: it may be one that no Patroni looks after.
        if nodes.len() > 1 {
            write!(
                text,
                "  option httpchk\n  http-check send meth GET uri {path}\n  http-check expect status 200\n"
            )
            .unwrap_or_default();
        }
        writeln!(text, "  default-server {checked} fall 3 rise 2 on-marked-down shutdown-sessions")
            .unwrap_or_default();
        for node in &nodes {
            let port =
                if nodes.len() > 1 { format!(" port {}", node.patroni) } else { String::new() };
            writeln!(text, "  server {} {}:{} check{port}", node.name(), node.host, node.postgres)
                .unwrap_or_default();
        }
    }
    Ok(text)
}

/// One server of `POSTGRES_NODES`. What is empty stays empty, as a reference without a target leaves it.
#[derive(Debug)]
struct Node<'t> {
    host: &'t str,
    postgres: &'t str,
    patroni: &'t str,
}

impl<'t> Node<'t> {
    fn read(text: &'t str) -> Result<Self, String> {
        let fields: Vec<&str> = text.trim().split(':').collect();
        let [host, postgres, patroni] = fields.as_slice() else {
            return Err(format!(
                "ERROR: Invalid node format: {text}\nExpected: hostname:pgport:patroniport"
            ));
        };
        Ok(Self { host, postgres, patroni })
    }

    /// The image takes the first word of the host's name, of which addresses have none.
    fn name(&self) -> String {
        self.host.replace('.', "-")
    }
}
