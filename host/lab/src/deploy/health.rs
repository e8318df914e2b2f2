//! Railway's health check: a GET that only HTTP 200 passes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that one probe waits for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Probes once; the error says why the answer doesn't count.
pub(crate) async fn probe(address: SocketAddr, path: &str) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, status(address, path)).await {
        Ok(Ok(200)) => Ok(()),
        Ok(Ok(status)) => Err(format!("`{path}` answered {status}; only 200 counts")),
        Ok(Err(error)) => Err(format!("`{path}` on {address}: {error}")),
        Err(_elapsed) => Err(format!("`{path}` on {address} did not answer")),
    }
}

async fn status(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: healthcheck.railway.app\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while head.len() < 64 && !head.contains(&b'\n') {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let line = String::from_utf8_lossy(&head);
    line.split_ascii_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}
