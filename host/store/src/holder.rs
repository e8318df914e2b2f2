//! Who holds a lease, and whether that process still exists.

use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process that holds a lease, told apart from every other one that ever was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The machine's own id; empty if it has none.
    pub machine: String,
    /// The id of the machine's boot.
    pub boot: String,
    /// The process-id namespace, which a container has of its own.
    pub namespace: String,
    /// The process's id.
    pub pid: u32,
    /// When the process started, in ticks since the boot.
    pub started: u64,
    /// Who that is, for people.
    pub name: String,
}

/// Whether a holder is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its process runs, perhaps stopped.
    Alive,
    /// Its process surely is no more.
    Gone,
    /// It has not renewed its lease in PostgreSQL for [`LEASE_LIFE`](crate::LEASE_LIFE), so the lease may be taken. The
    /// process may still be there, stopped or cut off, and may still send what it intended before that.
    Expired,
    /// It is on another machine or in another container, or can't be seen from here.
    Unknown,
}

/// The present process can't be described.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// A file of the system can't be read.
    #[error("could not read `{path}` to describe this process")]
    Read {
        /// Which.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A file of the system has another form than expected.
    #[error("could not find when this process started in `/proc/self/stat`")]
    Form,
}

/// What `/proc/<pid>/stat` says.
struct Stat {
    state: char,
    started: u64,
}

impl Holder {
    /// Describes the present process; `name` says to people who that is.
    pub fn this_process(name: &str) -> Result<Self, HolderError> {
        let line = |path| fs::read_to_string(path).map(|text| text.trim().to_owned());
        let needed = |path| line(path).map_err(|source| HolderError::Read { path, source });
        let stat = Stat::parse(&needed("/proc/self/stat")?).ok_or(HolderError::Form)?;
        Ok(Self {
            host: needed("/proc/sys/kernel/hostname")?,
            machine: line("/etc/machine-id").unwrap_or_default(),
            boot: needed("/proc/sys/kernel/random/boot_id")?,
            namespace: namespace()
                .map_err(|source| HolderError::Read { path: "/proc/self/ns/pid", source })?,
            pid: std::process::id(),
            started: stat.started,
            name: name.to_owned(),
        })
    }

    /// Returns whether this holder's process exists, as seen from `here`. No clock takes part in it.
    pub(crate) fn presence(&self, here: &Self) -> Presence {
        if self.host != here.host || self.machine != here.machine {
            return Presence::Unknown;
        }
        if self.boot != here.boot {
            // Two machines may share a name, and then have two boots; only the machine's own id tells a reboot.
            return if here.machine.is_empty() { Presence::Unknown } else { Presence::Gone };
        }
        if self.namespace != here.namespace {
            return Presence::Unknown;
        }
        presence_of(self.pid, self.started)
    }

    /// Returns whether this holder was there in another boot than `here`: before the machine was started anew, or on another
    /// machine that was made from the same image and has the same id.
    pub(crate) fn is_of_another_boot(&self, here: &Self) -> bool {
        self.boot != here.boot
    }
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The command may hold spaces and brackets, so the fields are counted from its last closing bracket.
        let (_command, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { state, started })
    }
}

fn namespace() -> io::Result<String> {
    Ok(fs::read_link("/proc/self/ns/pid")?.to_string_lossy().into_owned())
}

fn presence_of(pid: u32, started: u64) -> Presence {
    let folder = format!("/proc/{pid}");
    match fs::read_to_string(format!("{folder}/stat")).map(|text| Stat::parse(&text)) {
        Ok(Some(stat)) if stat.started != started => Presence::Gone,
        // A zombie has ended, unless only its first thread has.
        Ok(Some(stat)) if matches!(stat.state, 'Z' | 'X') && threads(&folder) <= 1 => {
            Presence::Gone
        }
        Ok(Some(_)) => Presence::Alive,
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && Path::new("/proc/self/stat").exists() =>
        {
            hidden_or_gone(pid)
        }
        Ok(None) | Err(_) => Presence::Unknown,
    }
}

/// Tells a process that is gone from one that `/proc` hides, as it does those of other users where it is mounted so.
fn hidden_or_gone(pid: u32) -> Presence {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match pid.map(test_kill_process) {
        Some(Err(Errno::SRCH)) => Presence::Gone,
        Some(Ok(()) | Err(_)) | None => Presence::Unknown,
    }
}

fn threads(folder: &str) -> usize {
    fs::read_dir(format!("{folder}/task")).map_or(usize::MAX, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_another_start_time_is_gone() {
        let here = Holder::this_process("ada").unwrap();
        assert_eq!(here.presence(&here), Presence::Alive);
        let earlier = Holder { started: here.started.wrapping_sub(1), ..here.clone() };
        assert_eq!(earlier.presence(&here), Presence::Gone);
    }

    #[test]
    fn another_machine_container_or_unnamed_boot_is_unknown_and_a_reboot_is_gone() {
        let here = Holder { machine: "m".to_owned(), ..Holder::this_process("ada").unwrap() };
        let other = |change: fn(&mut Holder)| {
            let mut holder = here.clone();
            change(&mut holder);
            holder
        };
        assert_eq!(other(|holder| holder.host.push('x')).presence(&here), Presence::Unknown);
        assert_eq!(other(|holder| holder.machine.push('x')).presence(&here), Presence::Unknown);
        assert_eq!(other(|holder| holder.namespace.push('x')).presence(&here), Presence::Unknown);
        assert_eq!(other(|holder| holder.boot.push('x')).presence(&here), Presence::Gone);
        let nameless = Holder { machine: String::new(), ..here.clone() };
        let rebooted = Holder { boot: "b".to_owned(), ..nameless.clone() };
        assert_eq!(rebooted.presence(&nameless), Presence::Unknown);
    }

    #[test]
    fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
        let rest = (4..=21).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let stat = Stat::parse(&format!("7 (a) b ) S {rest} 4711 23")).unwrap();
        assert_eq!((stat.state, stat.started), ('S', 4711));
        assert!(Stat::parse("7 (a) S 1 2").is_none());
    }

    #[test]
    fn a_process_that_proc_does_not_show_is_gone_only_if_the_system_knows_it_no_more() {
        assert_eq!(hidden_or_gone(std::process::id()), Presence::Unknown);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(hidden_or_gone(child.id()), Presence::Gone);
    }
}
