//! What a killed PostgreSQL server leaves in its data, which a container's successor would never meet.

use std::{fs, path::Path, time::Duration};

use tokio::time::Instant;

use super::{
    LaunchError,
    process::{note, prepare as on},
};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until no server runs on `data` any more, and removes the file in which a killed one still names itself.
///
/// In a container that file would name no process, because each has processes of its own. Here the number may be that
/// of the dead server for as long as nobody has asked how it ended, or of somebody else's, and PostgreSQL would take
/// either for a server that runs.
pub(crate) async fn settle(data: &Path, log: &Path) -> Result<(), LaunchError> {
    let file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else {
        return Ok(());
    };
    let deadline = Instant::now() + PATIENCE;
    while runs_on(pid, data) {
        if Instant::now() > deadline {
            return note(log, &format!("process {pid} still runs on the data"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(on(&file)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a living server works in `data`: it does so from its start, and a dead one works nowhere.
fn runs_on(pid: u32, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd"))
        .is_ok_and(|folder| fs::canonicalize(data).is_ok_and(|data| folder == data))
}
