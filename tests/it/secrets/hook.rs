//! A server outside of the stack that takes everything that it is told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// What makes the URL a secret.
pub(crate) const TOKEN: &str = "T0K3N-0123456789-abcdef";

/// A server that takes everything.
pub(crate) struct Hook {
    /// Where it listens.
    pub(crate) origin: String,
    /// A URL of it that is a secret.
    pub(crate) url: String,
    requests: Receiver<Vec<u8>>,
}

impl Hook {
    pub(crate) fn up() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let url = format!("{origin}/services/{TOKEN}");
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                // One connection may carry several requests.
                let sender = sender.clone();
                std::thread::spawn(move || take(stream, |request| sender.send(request).is_ok()));
            }
        });
        Self { origin, url, requests }
    }

    /// Returns the requests since it was last asked: head and body.
    pub(crate) fn requests(&self) -> Vec<(String, Vec<u8>)> {
        self.requests.try_iter().map(|request| split(&request).unwrap()).collect()
    }

    /// Returns what it was told in JSON since it was last asked.
    pub(crate) fn told(&self) -> Vec<serde_json::Value> {
        let requests = self.requests().into_iter();
        requests.map(|(_, body)| serde_json::from_slice(&body).unwrap()).collect()
    }
}

/// Takes requests until the other side has no more.
fn take(mut stream: TcpStream, kept: impl Fn(Vec<u8>) -> bool) {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).unwrap_or(0);
        request.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return;
        }
        let Some((head, body)) = split(&request) else { continue };
        let head = head.to_ascii_lowercase();
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= wanted.parse().unwrap() {
            if !kept(std::mem::take(&mut request)) {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        }
    }
}

fn split(request: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    Some((head, request[end + 4..].to_vec()))
}
