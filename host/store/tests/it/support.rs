//! Runs that append, and the folders that they append in.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_engine::journal::{Epoch, Event, Head, Linked};
use lockstep_engine::model::{Digest, Moment, RunId};
use lockstep_engine::run::{AppendError, Journal};
use lockstep_store::{Holder, Lease, NewRun, Store, Takeover};
use tempfile::TempDir;

/// A store in a folder that goes away with it.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

/// A run that holds its environment.
pub(crate) struct Session {
    pub(crate) lease: Lease,
    pub(crate) head: Head,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Store::open(folder.path()).unwrap(), folder }
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self { store: Store::open(folder.path()).unwrap(), folder }
    }

    /// Opens the file without the store, to do to it what no code of ours does.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        raw(self.folder.path())
    }
}

impl Session {
    /// Returns records that follow, without appending them.
    pub(crate) fn next(&self, events: Vec<Event>) -> (Vec<Linked>, Head) {
        self.head.link(&self.lease.run, self.lease.epoch, Moment(7), events).unwrap()
    }

    /// Appends events.
    pub(crate) async fn append(
        &mut self,
        store: &Store,
        events: Vec<Event>,
    ) -> Result<(), AppendError> {
        let (records, head) = self.next(events);
        store.append(&self.lease.run, self.lease.epoch, &self.head, &records).await?;
        self.head = head;
        Ok(())
    }
}

pub(crate) fn raw(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join(lockstep_store::FILE_NAME)).unwrap()
}

pub(crate) fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

pub(crate) fn here() -> Holder {
    Holder::this_process("ada").unwrap()
}

pub(crate) fn new_run(run: &str, environment: &str) -> NewRun {
    NewRun {
        id: id(run),
        environment: environment.to_owned(),
        component: "redis".to_owned(),
        plan: Digest::of(b"plan"),
        created: Moment(1),
        attachments: BTreeMap::new(),
    }
}

/// Makes a run with its first record.
pub(crate) async fn create(store: &Store, run: &str, environment: &str) -> Head {
    let events = vec![Event::Planned { plan: Digest::of(b"plan") }];
    store.create_run(new_run(run, environment), events).await.unwrap().1
}

/// Makes a run that holds its environment.
pub(crate) async fn begin(store: &Store, run: &str, environment: &str) -> Session {
    let head = create(store, run, environment).await;
    let lease =
        store.acquire(environment, &id(run), &here(), Moment(2), Takeover::IfGone).await.unwrap();
    Session { lease, head }
}

pub(crate) fn event(text: &str) -> Event {
    Event::TurnedBack { why: text.to_owned() }
}

pub(crate) fn epoch(number: u64) -> Epoch {
    Epoch(number)
}
