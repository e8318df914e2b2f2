//! The end of the old server: it is stopped, and deleted where the operator chose that.

use lockstep_sdk::blocks::close;
use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, Finding, OutageKind, Step, Undo};

use super::parts::Parts;
use crate::declare::Declares;
use crate::names::{self, LAST_BACKUP, REMOVE};

/// What stays of the old server that is only stopped.
const STOPPED: &str = "the old server's service and its volume, sealed and stopped: delete them yourself when nobody will need them any more";

/// What stays of one that is deleted.
const DETACHED: &str = "the old server's volume, mounted to nothing, with its locked backups, the last one made after the server was \
    stopped: Railway bills for it until you delete it, and its backups go with it";

/// What else stays.
const STAYS: [&str; 3] = [
    "the pinned images and the time to end",
    "the cluster's and PgPool's settings",
    "wherever the plan set them: both servers' settings for links, and the indexes that identify rows",
];

/// What a person confirms before the server is stopped that is only stopped.
const STOP: &str = "The old server is stopped. Its service and its volume stay. Whoever still uses it is without a database. Go on?";

/// What a person confirms before that of one that is deleted later.
const STOP_FIRST: &str = "The old server is stopped, and nothing is deleted yet: whoever still uses it is without a database, and can be \
    found while it can be started again. Go on?";

/// What a person confirms before the service is deleted.
const DELETE: &str = "The old server's service is deleted from this environment, and nothing brings it back. Lost with it: its variables \
    and the passwords in them, its settings, its deployments and their logs, its addresses inside and outside Railway, and the \
    schedules of its backups. Its volume is detached before; it stays, with the locked backups of it, until you delete it. Going back \
    to the old server then means a new service with that volume, and loses what was written at the cluster. Go on?";

impl<D: Declares> Parts<'_, D> {
    /// Lays out the last steps of all: before each step the host looks at the schema of every database that the plan changes, and
    /// of a server that is stopped it can't.
    pub(super) fn retire(&mut self) -> Result<(), Failure> {
        let removes = self.options.remove_old;
        self.declare.stop(names::RETIRE, &self.context.service)?;
        let stop = Step {
            undo: Undo::Impossible(
                "nothing goes back to the old server by itself any more; deploying its service starts it again".to_owned(),
            ),
            ..Step::new(
                names::RETIRE,
                "Stop the old server",
                "whoever still uses it had better be found while it can be started again",
            )
        };
        let stop = stop
            .effects(&[names::RETIRE])
            .approved(if removes.is_some() { STOP_FIRST } else { STOP })
            .outage(&self.context.service, OutageKind::All, 0)
            .if_left("nothing: nobody uses the old server")
            .expected(60 * SECOND);
        self.push(match removes {
            None | Some(0) => stop,
            Some(stopped) => stop.soaking(stopped),
        });
        if let Some(stopped) = removes {
            self.remove()?;
            self.block.findings.push(told(&self.context.service, stopped));
        }
        let kept = if removes.is_some() { DETACHED } else { STOPPED };
        let mut stays = vec!["the locked backup of the old volume", kept];
        stays.extend(STAYS);
        if self.context.through {
            stays.push("the front through which every service reaches PgPool: lead them to PgPool before you delete it");
        }
        self.block.findings.push(close::finding(&stays));
        Ok(())
    }

    /// A last backup of what nothing writes to any more, and the deletion.
    fn remove(&mut self) -> Result<(), Failure> {
        let (service, lock) = (self.context.service.as_str(), "last-backup-lock");
        self.declare.backup_volume(LAST_BACKUP, service)?;
        self.declare.lock_backup(lock, LAST_BACKUP)?;
        self.declare.delete(REMOVE, service)?;
        self.push(
            Step::new(
                LAST_BACKUP,
                "Back up the old volume for the last time and keep the backup",
                "nothing writes to it any more, so this is all that was in the old server",
            )
            .effects(&[LAST_BACKUP, lock])
            .if_left(
                "nothing: Railway ends the backup by itself, and one that is not locked expires",
            )
            .expected(30 * SECOND)
            .limit(30 * MINUTE),
        );
        self.push(
            Step {
                undo: Undo::Impossible(
                    "a service that is deleted does not come back; its volume is there to be mounted to a new one".to_owned(),
                ),
                ..Step::new(
                    REMOVE,
                    "Delete the old server's service",
                    "nobody has needed it since it was stopped, nobody refers to it, and what was in it is kept",
                )
            }
            .effects(&[REMOVE])
            .approved(DELETE)
            .if_left("nothing: nobody uses the old server, and its volume stays, mounted to it or to nothing")
            .expected(10 * SECOND)
            .limit(20 * MINUTE),
        );
        Ok(())
    }
}

/// Says at plan time what becomes of the service.
fn told(service: &str, stopped: u64) -> Finding {
    let title = format!("the service `{service}` is deleted at the end, and its volume is not");
    let finding = match stopped / HOUR {
        0 => Finding::warning("remove-old", title)
            .evidence("it is deleted right after it was stopped, so nobody sees before who still needs it: `stopped-hours` is 0"),
        hours => Finding::note("remove-old", title)
            .evidence(format!("it is stopped for {hours} h before, while everybody is watched")),
    };
    finding
        .evidence("it is not deleted while a variable of any service leads to it, while it runs, or without a locked backup of its volume")
        .evidence(
            "its volume is detached before: nothing says whether Railway keeps a volume that is mounted to a service which is deleted, and the \
             backups of a volume go with it",
        )
        .source("plans.md 3.5, R11")
}
