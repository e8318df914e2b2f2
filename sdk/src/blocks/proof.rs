//! PROOF for Redis: a save and a backup of the volume that are known to have happened.
//!
//! `BGSAVE` answers at once and proves nothing. A save is proven when the server's own count of saves grew (Redis 7.0 and
//! later), or the moment of its last save moved on (6.2), while the server is the same process and says that the save went
//! well. The moment has whole seconds, so `observe` waits until the present second is later than that of the last save.

use std::collections::BTreeMap;

use super::{Block, soon};
use crate::outside::{Railway, Redis, info, text, whole};
use crate::step::{MINUTE, SECOND};
use crate::{
    Declare, Fact, Facts, Failure, Finding, Observation, Pending, Progress, Step, StepCall, Value,
};

/// How often to look.
const LOOK: u64 = 500;

/// Declares a save and a locked backup. The steps are called `save` and `backup` after `prefix`, the labels like them.
pub fn plan<D: Declare>(
    declare: &D,
    prefix: &str,
    connection: &str,
    service: &str,
) -> Result<Block, Failure> {
    let save = format!("{prefix}save");
    let backup = format!("{prefix}backup");
    let lock = format!("{prefix}backup-lock");
    // SCHEDULE, because a rewrite of the append-only file that begins after `observe` would refuse a plain BGSAVE.
    declare.redis(&save, connection, &["BGSAVE", "SCHEDULE"])?;
    declare.backup_volume(&backup, service)?;
    declare.lock_backup(&lock, &backup)?;
    let mut block = Block::step(
        Step::new(
            &save,
            "Save the data set and prove it",
            "the backup must hold what the server holds",
        )
        .effects(&[&save])
        .if_left("nothing: the server ends the save by itself")
        .expected(5 * SECOND)
        .limit(30 * MINUTE),
    );
    block.steps.push(
        Step::new(
            &backup,
            "Back up the volume and keep the backup",
            "a way back that is not proven is none",
        )
        .effects(&[&backup, &lock])
        .if_left("nothing: Railway ends the backup by itself, and one that is not locked expires")
        .expected(30 * SECOND)
        .limit(30 * MINUTE),
    );
    Ok(block)
}

/// What a server says about its saves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Saves {
    run: String,
    count: Option<u64>,
    last: u64,
    fine: bool,
    busy: Option<&'static str>,
}

/// Waits until nothing is being written, then records what the save will be proven against.
pub fn observe_save<O: Redis>(outside: &O, connection: &str) -> Result<Observation, Failure> {
    let saves = read(outside, connection)?;
    if let Some(busy) = saves.busy {
        return Ok(Pending::after(LOOK, format!("{busy} is under way")).into());
    }
    let now = outside.command(connection, &["TIME"])?;
    let now = now.get(1..).and_then(whole).ok_or_else(|| unreadable("TIME"))?;
    if now <= saves.last {
        return Ok(Pending::after(SECOND, "the last save was in this very second").into());
    }
    Ok(Observation::Ready(vec![
        Fact::one("run-id", saves.run),
        Fact::one("saves", saves.count),
        Fact::one("last-save", saves.last),
    ]))
}

/// Looks whether a save that began after `observe` has ended well.
pub fn check_save<O: Redis>(
    outside: &O,
    connection: &str,
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    let saves = match soon(read(outside, connection), "the server")? {
        Ok(saves) => saves,
        Err(pending) => return Ok(pending.into()),
    };
    if facts.text("run-id")? != saves.run {
        return Ok(Progress::Failed(
            "the server was restarted during the save, so the save proves nothing".to_owned(),
        ));
    }
    if saves.busy.is_some() {
        return Ok(Pending::after(LOOK, "the save is under way").into());
    }
    if !saves.fine {
        return Ok(Progress::Failed(
            "the save failed (`rdb_last_bgsave_status` is not `ok`), and until one succeeds the server may refuse every write \
             (MISCONF): free memory or space on the volume and send BGSAVE again, or lift it with `CONFIG SET \
             stop-writes-on-bgsave-error no`"
                .to_owned(),
        ));
    }
    let proven = match (facts.maybe_count("saves"), saves.count) {
        (Some(before), Some(after)) => after > before,
        (None | Some(_), None | Some(_)) => saves.last > facts.count("last-save")?,
    };
    Ok(if proven {
        Progress::Done(vec![Fact::one("saved-at", saves.last)])
    } else {
        Pending::after(LOOK, "the save has not begun").into()
    })
}

/// Looks whether the backup of this run and step is there, and whether it is kept from expiring. The host names it after
/// both, so nobody else's is taken for it.
///
/// Its size is recorded and not judged: Railway tells what a backup takes besides the blocks that it shares with the
/// volume, which right after it was made may be nothing.
pub fn check_backup<O: Railway>(
    outside: &O,
    service: &str,
    call: &StepCall,
) -> Result<Progress, Failure> {
    /// How far Railway's clock may be from the host's.
    const SKEW: u64 = 10 * MINUTE;
    let name = format!("lockstep-{}-{}", call.run, call.step);
    let own = outside.backups(service)?.into_iter().find(|backup| backup.name == name);
    Ok(match own {
        None => Pending::after(SECOND, "the backup is not listed yet").into(),
        Some(backup) if backup.created.saturating_add(SKEW) < call.now => {
            Progress::Failed(format!("the backup `{name}` was made before this step began"))
        }
        Some(backup) if !backup.locked => {
            Pending::after(SECOND, "the backup is not locked yet").into()
        }
        Some(backup) => Progress::Done(vec![
            Fact::one("backup", backup.name),
            Fact::one("backup-mb", backup.size_mb),
            Fact::one("backup-made", Value::Moment(backup.created)),
        ]),
    })
}

/// Judges whether a backup of the volume can be made: Railway refuses manual ones of volumes that are more than half full.
pub fn backup_possible(used_mb: u64, size_mb: u64) -> Finding {
    let evidence = format!("{used_mb} MB of {size_mb} MB used");
    if size_mb > 0 && used_mb.saturating_mul(2) > size_mb {
        return Finding::refusal("backup", "the volume is more than half full, so Railway refuses to back it up")
            .evidence(evidence)
            .remedy("grow the volume (Railway's dashboard; the API has no call for it) or free space, then plan again")
            .source("Railway: volume backups are limited to half of the volume's size");
    }
    Finding::note("backup", "the volume can be backed up").evidence(evidence)
}

fn read<O: Redis>(outside: &O, connection: &str) -> Result<Saves, Failure> {
    let server = text(&outside.command(connection, &["INFO", "server"])?)
        .ok_or_else(|| unreadable("INFO"))?;
    let persistence = text(&outside.command(connection, &["INFO", "persistence"])?)
        .ok_or_else(|| unreadable("INFO"))?;
    let fields: BTreeMap<&str, &str> = info(&server).chain(info(&persistence)).collect();
    let on = |name: &str| fields.get(name) == Some(&"1");
    let busy = [
        ("loading", "loading the data set"),
        ("async_loading", "loading the data set"),
        ("rdb_bgsave_in_progress", "a save"),
        ("aof_rewrite_in_progress", "a rewrite of the append-only file"),
        ("aof_rewrite_scheduled", "a rewrite of the append-only file"),
    ];
    Ok(Saves {
        run: fields.get("run_id").copied().ok_or_else(|| unreadable("INFO server"))?.to_owned(),
        count: fields.get("rdb_saves").and_then(|saves| saves.parse().ok()),
        last: fields
            .get("rdb_last_save_time")
            .and_then(|last| last.parse().ok())
            .ok_or_else(|| unreadable("INFO persistence"))?,
        fine: fields.get("rdb_last_bgsave_status") == Some(&"ok"),
        busy: busy.iter().find(|(name, _)| on(name)).map(|(_, what)| *what),
    })
}

fn unreadable(command: &str) -> Failure {
    Failure::permanently(
        "redis:unreadable",
        format!("the server's answer to `{command}` is not of the known form"),
    )
}
