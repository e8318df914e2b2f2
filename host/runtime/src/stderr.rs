//! What a plugin wrote to its standard error: where a panic's text is.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// How much is kept: the newest, because a panic writes last.
const KEPT: usize = 64 << 10;

/// The newest bytes of a plugin's standard error. Writing more never fails, so it can't make a plugin panic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stderr(Arc<Mutex<Vec<u8>>>);

impl Stderr {
    /// Returns the newest panic's text and place on one line, if there was one.
    pub(crate) fn panic(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.kept()).into_owned();
        let (_, panic) = text.rsplit_once("panicked at ")?;
        let said = panic.split("\nnote: ").next().unwrap_or(panic).trim();
        let (place, words) = said.split_once('\n').unwrap_or((said, ""));
        let (place, words) = (place.trim_end_matches(':'), words.trim().replace('\n', " "));
        Some(if words.is_empty() {
            format!("it panicked at {place}")
        } else {
            format!("it panicked: {words} (at {place})")
        })
    }

    /// Returns the last line, if anything was written.
    pub(crate) fn last_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.kept()).into_owned();
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        kept.extend_from_slice(bytes);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Stderr {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stderr {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stderr {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(KEPT)
    }
}

impl Pollable for Stderr {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_behind_other_output_and_fits_one_line() {
        let stderr = Stderr::default();
        stderr.keep(&vec![b'x'; 3 * KEPT]);
        stderr.keep(b"\nthread '<unnamed>' panicked at src/lib.rs:7:9:\nno such\nservice\nnote: run with `RUST_BACKTRACE=1`\n");
        assert_eq!(stderr.panic().unwrap(), "it panicked: no such service (at src/lib.rs:7:9)");
        assert_eq!(stderr.kept().len(), KEPT);
    }
}
