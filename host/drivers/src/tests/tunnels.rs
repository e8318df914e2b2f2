use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lockstep_engine::model::{DeploySource, Kind, Node, Read, Reading};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;
use tempfile::TempDir;

use super::forward::forward;
use super::world::{World, named, programs_folder};
use crate::settings::{Ssh, Via};

/// A real `sshd` with keys of its own on loopback, for whoever runs the tests.
struct Sshd {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn key(path: &Path) {
    let made = Command::new(installed("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// Returns a program that `cargo xtask setup` installs into the system, or unpacks beside it for whoever is not root.
///
/// Without it tunnels would go untested without anybody knowing, so its absence fails the test.
#[expect(
    clippy::disallowed_methods,
    reason = "a program is looked for where the test's own shell would"
)]
fn installed(name: &str) -> PathBuf {
    let fetched = std::fs::read_dir(programs_folder()).into_iter().flatten().filter_map(Result::ok);
    let fetched = fetched.map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"].map(PathBuf::from);
    let mut folders = fetched.chain(std::env::split_paths(&path)).chain(system);
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
        .unwrap_or_else(|| panic!("there is no `{name}` here; `cargo xtask setup` installs it"))
}

/// Returns what `id` says of the user that runs the tests.
fn id(asked: &str) -> String {
    let told = Command::new("id").arg(asked).output().unwrap();
    assert!(told.status.success(), "id {asked}: {told:?}");
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// Starts an `sshd` that lets in the user that started it, and nobody else.
async fn sshd(host: Ipv4Addr) -> Sshd {
    let program = installed("sshd");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    key(&at("host"));
    key(&at("user"));
    std::fs::copy(at("user.pub"), at("authorized")).unwrap();
    let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
    let host_key = std::fs::read_to_string(at("host.pub")).unwrap();
    std::fs::write(at("known"), format!("[{host}]:{port} {host_key}")).unwrap();
    let config = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\n\
         PermitRootLogin prohibit-password\nAllowTcpForwarding yes\nListenAddress {host}\nPort {port}\n",
        at("host").display(),
        at("authorized").display()
    );
    std::fs::write(at("config"), config).unwrap();
    if id("-u") == "0" {
        // Root's sshd separates its privileges in a folder that its package's service makes, which does not run here.
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    let said = File::create(at("said")).unwrap();
    let child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(at("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .unwrap();
    let mut sshd = Sshd { child, port, folder };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((host, port)).is_err() {
        let said = || std::fs::read_to_string(sshd.folder.path().join("said")).unwrap();
        let ended = sshd.child.try_wait().unwrap();
        assert!(ended.is_none(), "sshd ended: {ended:?}: {}", said());
        assert!(tokio::time::Instant::now() < deadline, "sshd does not listen: {}", said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sshd
}

#[tokio::test]
async fn a_tunnel_is_opened_by_ssh_and_made_anew_after_a_deployment() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let address = world.lab.address("redis").unwrap();
    let sshd = sshd(Ipv4Addr::LOCALHOST).await;
    // A container's own loopback is where a tunnel ends; here a forwarder stands for it.
    let inside = forward((Ipv4Addr::LOCALHOST, 0), (address, 6379)).await;
    let drivers = world
        .open(|settings| {
            let cache = settings.connections.get_mut("cache").unwrap();
            (cache.via, cache.port) = (Via::Ssh, inside.port);
            settings.ssh = Ssh {
                program: installed("ssh"),
                host: "127.0.0.1".to_owned(),
                port: sshd.port,
                user: Some(id("-un")),
                identity: Some(sshd.folder.path().join("user")),
                known_hosts: Some(sshd.folder.path().join("known")),
            };
        })
        .await;
    let ping = Read::Redis("cache".to_owned(), vec![b"PING".to_vec()]);
    assert_eq!(
        drivers.read(&ping).await.unwrap(),
        Reading::Redis(vec![Node::Text(b"PONG".to_vec())])
    );
    world
        .done("deploy", Kind::Deploy { service: named("redis"), source: DeploySource::Configured })
        .await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while drivers.read(&ping).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the tunnel did not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wrong = world
        .open(|settings| {
            settings.connections.get_mut("cache").unwrap().via = Via::Ssh;
            settings.ssh = Ssh {
                program: installed("ssh"),
                host: "127.0.0.1".to_owned(),
                port: sshd.port,
                known_hosts: Some("/dev/null".into()),
                ..Ssh::default()
            };
        })
        .await;
    let failure = wrong.read(&ping).await.unwrap_err();
    assert_eq!(failure.problem().code, "ssh:tunnel");
}
