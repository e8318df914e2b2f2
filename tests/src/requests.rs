//! A client of a service that never stops asking, and knows how long it was without an answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits between two requests, as a client does that has something else to do.
const PACE: Duration = Duration::from_millis(50);

/// What a client knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Requests that were answered with 200.
    pub answered: u64,
    /// Requests that were not.
    pub failed: u64,
    /// The longest time without such an answer.
    pub longest: Duration,
}

/// One client.
#[derive(Debug)]
pub struct Requests {
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Asked>>,
    thread: Option<JoinHandle<()>>,
}

impl Requests {
    /// Starts to send a request, again and again.
    pub fn start(address: SocketAddr, request: String) -> Self {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Asked>>::default());
        let (ends, knows) = (Arc::clone(&stop), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            let mut last = Instant::now();
            while !ends.load(Ordering::Relaxed) {
                let is_answered =
                    ask(address, &request).is_some_and(|it| it.starts_with("HTTP/1.1 200"));
                let mut asked = knows.lock().unwrap_or_else(PoisonError::into_inner);
                if is_answered {
                    asked.answered += 1;
                    asked.longest = asked.longest.max(last.elapsed());
                    last = Instant::now();
                } else {
                    asked.failed += 1;
                }
                drop(asked);
                std::thread::sleep(PACE);
            }
        });
        Self { stop, asked, thread: Some(thread) }
    }

    /// Returns what it knows so far.
    pub fn told(&self) -> Asked {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets it.
    pub fn forget(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Asked::default();
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whoever is failing already reports its own reason.
            let _ended = thread.join();
        }
    }
}

fn ask(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
