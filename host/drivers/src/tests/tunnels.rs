use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lockstep_engine::model::{DeploySource, Kind, Node, Read, Reading};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;
use tempfile::TempDir;

use super::world::{World, named};
use crate::settings::{Ssh, Via};

/// A real `sshd` with keys of its own, for root on loopback.
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
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// Starts an `sshd`; none where this machine has none.
async fn sshd(host: Ipv4Addr) -> Option<Sshd> {
    let program = Path::new("/usr/sbin/sshd");
    if !program.exists() {
        println!("no sshd here: nothing was checked");
        return None;
    }
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
    // The folder that sshd separates its privileges in is made by its package's service, which does not run here.
    std::fs::create_dir_all("/run/sshd").unwrap();
    let child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(at("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let sshd = Sshd { child, port, folder };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((host, port)).is_err() {
        assert!(tokio::time::Instant::now() < deadline, "sshd does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(sshd)
}

#[tokio::test]
async fn a_tunnel_is_opened_by_ssh_and_made_anew_after_a_deployment() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let address = world.lab.address("redis").unwrap();
    let Some(sshd) = sshd(Ipv4Addr::LOCALHOST).await else { return };
    // A container's own loopback is where a tunnel ends; here a forwarder stands for it.
    let inside = forward(address).await;
    let drivers = world
        .open(|settings| {
            let cache = settings.connections.get_mut("cache").unwrap();
            (cache.via, cache.port) = (Via::Ssh, inside.port);
            settings.ssh = Ssh {
                host: "127.0.0.1".to_owned(),
                port: sshd.port,
                user: Some("root".to_owned()),
                identity: Some(sshd.folder.path().join("user")),
                known_hosts: Some(sshd.folder.path().join("known")),
                ..Ssh::default()
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

/// Forwards a port of loopback to a service's address.
struct Forward {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(to: Ipv4Addr) -> Forward {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut here, _)) = listener.accept().await {
            open.spawn(async move {
                if let Ok(mut there) = tokio::net::TcpStream::connect((to, 6379)).await {
                    drop(tokio::io::copy_bidirectional(&mut here, &mut there).await);
                }
            });
        }
    });
    Forward { port, task }
}
