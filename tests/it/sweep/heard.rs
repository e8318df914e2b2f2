//! What a Redis server was told to change, through all its restarts.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::far_side::logs;
use crate::stage::Stage;

/// How long a read may wait before the end is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Listens to every command of the lab's Redis by `MONITOR`, as long as this lives, on each server that takes the other's
/// place.
pub(super) struct Ear {
    lines: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Begins to listen; when this returns, the server that runs now is listened to.
    pub(super) fn to(stage: &Stage) -> Self {
        let (address, password) = (stage.env("REDIS_ADDRESS"), stage.env("REDIS_PASSWORD"));
        let (lines, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (kept, stopped) = (Arc::clone(&lines), Arc::clone(&stop));
        let (listening, listens) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(stream) = TcpStream::connect((address.as_str(), 6379)) {
                    // A server that goes away ends the listening to it, not the ear.
                    let _ended = listen(stream, &password, &kept, &stopped, &listening);
                }
                // The next server may be up at any moment.
                std::thread::yield_now();
            }
        });
        listens.recv().unwrap();
        Self { lines, stop, thread: Some(thread) }
    }

    /// Returns what of Lockstep's the servers were told, and how often; saves as their logs tell of them, because `MONITOR`
    /// shows no command of an administrator's.
    pub(super) fn heard(mut self, stage: &Stage) -> BTreeMap<String, usize> {
        // What the server has answered before this, the ear gets before this.
        crate::far_side::ask(stage, &["ECHO", "the end of what is heard"]);
        crate::far_side::poll(|| {
            let lines = self.lines.lock().unwrap();
            lines.iter().any(|line| line.contains("the end of what is heard")).then_some(())
        });
        self.end();
        let mut told = BTreeMap::new();
        for line in self.lines.lock().unwrap().iter() {
            let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            if let ["SET" | "DEL", key, ..] = words.as_slice()
                && key.starts_with("lockstep:")
            {
                *told.entry(format!("{} {key}", words[0])).or_insert(0) += 1;
            }
        }
        let logs = logs(&stage.folder().join(".lockstep/lab"));
        let saves = logs.matches("Background saving started").count();
        // A server also saves by itself, and says so one line before.
        let its_own = logs
            .lines()
            .filter(|line| line.contains(" changes in ") && line.contains("Saving..."))
            .count();
        told.insert("BGSAVE".to_owned(), saves - its_own);
        told
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A test that is failing already reports its own reason.
            let _ended = thread.join();
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(
    mut stream: TcpStream,
    password: &str,
    kept: &Mutex<Vec<String>>,
    stop: &AtomicBool,
    listening: &mpsc::Sender<()>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LOOK))?;
    write!(stream, "AUTH {password}\r\nMONITOR\r\n")?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut confirmed) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) if line == b"+OK\r\n" => {
                confirmed += 1;
                if confirmed == 2 {
                    // Only the first server is waited for.
                    let _waited = listening.send(());
                }
                line.clear();
            }
            Ok(_) => {
                kept.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
            // What was read of a line stays, and the rest comes with the next look.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
