//! One process from its start to its end: how long it took, and how much memory it held.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;

/// How often the peak of memory is read. It only grows, so at most what a process takes in its last moment is missed.
const EVERY: Duration = Duration::from_millis(2);

/// What one process took.
#[derive(Debug)]
pub(crate) struct Whole {
    /// From its start until it was gone, in seconds.
    pub(crate) wall: f64,
    /// The most memory that it held, in bytes.
    pub(crate) peak: f64,
    /// What it wrote to standard output.
    pub(crate) out: String,
}

/// Runs `command` to its end.
///
/// # Errors
/// It does not start, or fails.
pub(crate) fn run(command: &mut Command) -> Fallible<Whole> {
    run_to(0, command)
}

/// Runs `command` to its end, which is to have this exit code.
///
/// # Errors
/// It does not start, or ends with another one.
pub(crate) fn run_to(code: i32, command: &mut Command) -> Fallible<Whole> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let child = command.spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let over = AtomicBool::new(false);
    let (output, wall, peak) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(peak_of(&status).unwrap_or_default());
                thread::sleep(EVERY);
            }
            peak
        });
        let output = child.wait_with_output();
        let wall = start.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        (output, wall, watcher.join().unwrap_or_default())
    });
    let output = output?;
    if output.status.code() != Some(code) {
        let said = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program().display();
        return Err(format!("`{program}` ended with {}\n{}", output.status, said.trim_end()).into());
    }
    Ok(Whole { wall, peak, out: String::from_utf8(output.stdout)? })
}

/// Returns the most memory that a process has held so far; none for one that is gone.
fn peak_of(status: &std::path::Path) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_and_its_output_kept() {
        let done = run(Command::new("sh").args(["-c", "sleep 0.1; echo done"])).unwrap();
        assert_eq!(done.out, "done\n");
        assert!(done.peak > 100_000.0 && done.wall > 0.0, "{done:?}");
    }

    #[test]
    fn a_process_that_fails_is_an_error_with_its_words() {
        let failed = run(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert!(failed.to_string().contains("no"), "{failed}");
    }
}
