//! What stopped a plugin, in words for people.

use lockstep_engine::run::{GuestError, TrapKind};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limits::Limits;
use crate::stderr::Stderr;

/// The plugin broke a rule that this crate watches.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Breach {
    kind: TrapKind,
    message: String,
}

impl Breach {
    pub(crate) fn new(kind: TrapKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The host failed the plugin.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub(crate) String);

/// Returns why `function` did not return, from what wasmtime says and what the plugin wrote.
pub(crate) fn explain(
    error: &wasmtime::Error,
    function: &str,
    stderr: &Stderr,
    limits: &Limits,
) -> GuestError {
    let function = function.to_owned();
    if let Some(Fault(message)) = error.downcast_ref() {
        return GuestError::Host { function, message: message.clone() };
    }
    if let Some(frames) = error.downcast_ref::<WasmBacktrace>() {
        tracing::debug!(function, %frames, "a plugin was stopped");
    }
    let (kind, message) = if let Some(Breach { kind, message }) = error.downcast_ref() {
        (*kind, message.clone())
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        (TrapKind::Panic, format!("it ended itself with exit code {}{}", exit.0, said(stderr)))
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        of_trap(*trap, stderr, limits)
    } else if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        (
            TrapKind::Answer,
            format!(
                "it handed over more than the {} KiB that one call may hand to the host",
                limits.answer >> 10
            ),
        )
    } else if error.root_cause().to_string().starts_with("resource limit exceeded") {
        (
            TrapKind::Memory,
            format!(
                "it is made of more parts than the {} core instances, memories and tables each that a plugin may have",
                limits.instances
            ),
        )
    } else {
        (TrapKind::Other, format!("{error:#}").replace('\n', " "))
    };
    GuestError::Trap { kind, function, message }
}

fn of_trap(trap: Trap, stderr: &Stderr, limits: &Limits) -> (TrapKind, String) {
    if trap == Trap::OutOfFuel {
        (
            TrapKind::Fuel,
            format!(
                "it used up its fuel ({} instructions): most likely it loops without end",
                limits.fuel
            ),
        )
    } else if trap == Trap::StackOverflow {
        (TrapKind::Stack, "it recursed too deep: its stack is full".to_owned())
    } else if trap == Trap::MemoryOutOfBounds {
        // Rust keeps a stack of its own in linear memory, below everything else, so running over it looks like this.
        (
            TrapKind::Stack,
            "it reached outside its memory: most likely it recursed too deep (a stack overflow)"
                .to_owned(),
        )
    } else if trap == Trap::UnreachableCodeReached {
        let message = stderr.panic().unwrap_or_else(|| {
            format!("it aborted (an `unreachable` instruction){}", said(stderr))
        });
        (TrapKind::Panic, message)
    } else {
        (TrapKind::Other, format!("it broke a rule of WebAssembly: {trap}"))
    }
}

fn said(stderr: &Stderr) -> String {
    stderr.last_line().map(|line| format!(", and last wrote: {line}")).unwrap_or_default()
}
