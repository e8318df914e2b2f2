//! A web server that answers whatever a test says, however wrong that is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A whole answer.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// An answer that promises some bytes more than it sends.
    Cut(Vec<u8>),
    /// An answer that goes on for as long as somebody listens.
    Endless,
    /// An answer that begins and then stands still for as long as somebody waits.
    Still,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Whole(200, Vec::new(), body.into())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Whole(status, Vec::new(), Vec::new())
    }

    pub(crate) fn to(location: impl Into<String>) -> Self {
        Self::Whole(307, vec![("location", location.into())], Vec::new())
    }
}

/// The server, which is stopped when it is dropped.
pub(crate) struct Liar {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (ends, notes, answer) = (Arc::clone(&over), Arc::clone(&asked), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            let mut talks = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let (line, answer) = (stream.try_clone().unwrap(), Arc::clone(&answer));
                let notes: Arc<Mutex<Vec<Asked>>> = Arc::clone(&notes);
                let talk = std::thread::spawn(move || {
                    let Some(asked) = read(&stream) else { return };
                    let told = answer(&asked);
                    notes.lock().unwrap().push(asked);
                    // Whoever does not want the rest goes away.
                    drop(write(stream, &told));
                });
                talks.push((line, talk));
            }
            for (line, talk) in talks {
                // Whoever still listens may be waiting for this very thread.
                drop(line.shutdown(Shutdown::Both));
                talk.join().unwrap();
            }
        });
        Self { address, over, asked, thread: Some(thread) }
    }

    /// The host with its port.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Everything that was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(ToOwned::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut authorization = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    Some(Asked { method, path, authorization })
}

fn write(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    match answer {
        Answer::Whole(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.extend([name, ": ", value, "\r\n"]);
            }
            stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
            stream.write_all(body)?;
            stream.shutdown(Shutdown::Both)
        }
        Answer::Cut(body) => {
            let head = format!("HTTP/1.1 200 Said\r\ncontent-length: {}\r\n\r\n", body.len() + 5);
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
            stream.shutdown(Shutdown::Both)
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 Said\r\nconnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        Answer::Still => {
            stream.write_all(b"HTTP/1.1 200 Said\r\nconnection: close\r\n\r\nx")?;
            stream.read_to_end(&mut Vec::new()).map(|_| ())
        }
    }
}
