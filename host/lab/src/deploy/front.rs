//! Service addresses in front of deployments, so that two deployments of a service can overlap.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::twin::Twin;

/// The host parts of addresses that deployments behind a front have.
const BEHIND: std::ops::RangeInclusive<u8> = 101..=254;
/// How many answered requests are kept for `httpLogs`.
const KEPT: usize = 20_000;

/// All fronts of a lab.
///
/// A service without a volume keeps serving while its next deployment starts. Both would want the same
/// address and port, so each deployment listens on an address of its own, and the service's address
/// forwards to the one that is live.
#[derive(Debug, Default)]
pub(crate) struct Fronts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fronts: HashMap<SocketAddr, Front>,
    taken: BTreeSet<Ipv4Addr>,
    exchanges: VecDeque<Exchange>,
}

#[derive(Debug)]
struct Front {
    target: watch::Sender<Option<Target>>,
    listener: AbortHandle,
}

/// Where a front forwards to.
#[derive(Debug, Clone)]
struct Target {
    address: SocketAddr,
    deployment: String,
}

/// One HTTP request that a front saw answered.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) deployment: String,
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) milliseconds: u64,
    pub(crate) source: SocketAddr,
    pub(crate) upstream: SocketAddr,
}

impl Fronts {
    /// Takes an address of `block` that no other deployment has, nor a process that outlived another lab.
    pub(crate) fn take(&self, block: u8, port: u16) -> Option<Ipv4Addr> {
        let mut inner = self.lock();
        let nobody_listens = |address| std::net::TcpListener::bind((address, port)).is_ok();
        let free = BEHIND
            .map(|host| Ipv4Addr::new(127, 77, block, host))
            .find(|free| !inner.taken.contains(free) && nobody_listens(*free))?;
        inner.taken.insert(free);
        Some(free)
    }

    pub(crate) fn give_back(&self, address: Ipv4Addr) {
        self.lock().taken.remove(&address);
    }

    /// Makes `front` forward to `address` from now on; connections made before stay where they are.
    pub(crate) async fn point(
        &self,
        twin: &Arc<Twin>,
        front: SocketAddr,
        address: SocketAddr,
        deployment: &str,
    ) -> std::io::Result<()> {
        let target = Target { address, deployment: deployment.to_owned() };
        if let Some(front) = self.lock().fronts.get(&front) {
            front.target.send_replace(Some(target));
            return Ok(());
        }
        let listener = TcpListener::bind(front).await?;
        let (sender, targets) = watch::channel(Some(target));
        let mut accepting = JoinSet::new();
        let handle = accepting.spawn(accept(Arc::clone(twin), listener, targets));
        twin.spawn(async move { while accepting.join_next().await.is_some() {} });
        self.lock().fronts.insert(front, Front { target: sender, listener: handle });
        Ok(())
    }

    /// Closes the fronts that lead to `deployment`: nobody listens there any more.
    pub(crate) fn leave(&self, deployment: &str) {
        self.lock().fronts.retain(|_, front| {
            let leads_there = front
                .target
                .borrow()
                .as_ref()
                .is_some_and(|target| target.deployment == deployment);
            if leads_there {
                front.listener.abort();
            }
            !leads_there
        });
    }

    pub(crate) fn close(&self) {
        for (_, front) in self.lock().fronts.drain() {
            front.listener.abort();
        }
    }

    /// Returns what `deployment` answered, oldest first.
    pub(crate) fn exchanges(&self, deployment: &str) -> Vec<Exchange> {
        self.lock()
            .exchanges
            .iter()
            .filter(|exchange| exchange.deployment == deployment)
            .cloned()
            .collect()
    }

    fn note(&self, exchange: Exchange) {
        let mut inner = self.lock();
        if inner.exchanges.len() >= KEPT {
            inner.exchanges.pop_front();
        }
        inner.exchanges.push_back(exchange);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(twin: Arc<Twin>, listener: TcpListener, targets: watch::Receiver<Option<Target>>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, source)) => {
                let target = targets.borrow().clone();
                if let Some(target) = target {
                    connections.spawn(forward(Arc::clone(&twin), client, source, target));
                }
            }
            Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A request that was seen on a connection and not answered yet.
type Asked = Arc<Mutex<VecDeque<(Timestamp, String, String)>>>;

async fn forward(twin: Arc<Twin>, client: TcpStream, source: SocketAddr, target: Target) {
    let Ok(server) = TcpStream::connect(target.address).await else { return };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let asked = Asked::default();
    let up = relay(client_reads, server_writes, |chunk| {
        if let Some((method, path)) = request_line(chunk) {
            let asked_at = (twin.clock.now(), method, path);
            asked.lock().unwrap_or_else(PoisonError::into_inner).push_back(asked_at);
        }
    });
    let down = relay(server_reads, client_writes, |chunk| {
        let Some(status) = status_line(chunk) else { return };
        let answered = asked.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((at, method, path)) = answered else { return };
        let milliseconds =
            u64::try_from(twin.clock.now().duration_since(at).as_millis()).unwrap_or_default();
        let deployment = target.deployment.clone();
        let upstream = target.address;
        twin.fronts.note(Exchange {
            deployment,
            at,
            method,
            path,
            status,
            milliseconds,
            source,
            upstream,
        });
    });
    tokio::join!(up, down);
}

async fn relay(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut seen: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        seen(chunk);
        if to.write_all(chunk).await.is_err() {
            break;
        }
    }
    // The other side is gone too if this fails, which ends the connection as well.
    to.shutdown().await.unwrap_or_default();
}

/// Returns method and path where `chunk` begins with an HTTP request.
fn request_line(chunk: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(chunk.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    (known && version.starts_with("HTTP/1.")).then(|| (method.to_owned(), path.to_owned()))
}

/// Returns the status where `chunk` begins with a final HTTP answer.
fn status_line(chunk: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(chunk.split(|byte| *byte == b'\r').next()?).ok()?;
    let status: u16 = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    (status >= 200).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_told_from_other_bytes() {
        let request = request_line(b"GET /health?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(request, Some(("GET".to_owned(), "/health?x=1".to_owned())));
        assert_eq!(request_line(b"{\"GET\": 1}"), None);
        assert_eq!(status_line(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), Some(503));
        assert_eq!(status_line(b"HTTP/1.1 100 Continue\r\n\r\n"), None);
    }
}
