//! Going through the needs: telling what is there, getting what is not.

use std::time::{Duration, Instant};

use super::{apt::Apt, need::Need};
use crate::{command::Failed, place::Place};

/// Installs what is missing; a missing part that only some tests need is told and passed over.
pub(crate) fn install(place: &Place) -> Result<(), Failed> {
    let mut apt = Apt::new(&place.programs());
    let mut refused = Vec::new();
    for need in Need::ALL {
        if need.found(place).is_some() {
            continue;
        }
        println!("setup: {} is missing, getting it …", need.name());
        let started = Instant::now();
        let result = need.install(place, &mut apt);
        match (result, need.found(place), need.without()) {
            (Ok(()), Some(found), _) => {
                println!("setup: {}: {found}{}", need.name(), took(started));
            }
            (Ok(()), None, Some(loss)) => {
                println!("setup: {}: not to be had here; without it {loss}", need.name());
            }
            (Ok(()), None, None) => {
                refused.push(format!("{}: installed, but still not found", need.name()));
            }
            (Err(failed), _, Some(loss)) => {
                println!("setup: {}: {failed}\n       without it {loss}", need.name());
            }
            (Err(failed), _, None) => refused.push(format!("{}: {failed}", need.name())),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failed::new(refused.join("\n"))) }
}

/// Tells what is there and what is missing, and changes nothing.
pub(crate) fn check(place: &Place) -> Result<(), Failed> {
    let mut missing = Vec::new();
    for need in Need::ALL {
        match (need.found(place), need.without()) {
            (Some(found), _) => println!("{:<26} {found}", need.name()),
            (None, Some(loss)) => println!("{:<26} missing; without it {loss}", need.name()),
            (None, None) => {
                println!("{:<26} missing", need.name());
                missing.push(need.name());
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failed::new(format!("missing: {}; `cargo xtask setup` gets them", missing.join(", "))))
}

fn took(started: Instant) -> String {
    let spent = started.elapsed();
    if spent < Duration::from_secs(1) { String::new() } else { format!(" ({} s)", spent.as_secs()) }
}
