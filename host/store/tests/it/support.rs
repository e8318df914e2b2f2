//! Runs that append, and the stores that they append in.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_engine::journal::{End, Epoch, Event, Head, Linked};
use lockstep_engine::model::{Digest, Moment, RunId};
use lockstep_engine::run::{AppendError, Journal};
use lockstep_store::{Holder, Lease, NewRun, OpenOptions, Store, Takeover};
use tempfile::TempDir;

use crate::server;

/// Makes a test of each promise for each backend. A promise takes the place of an empty store.
macro_rules! on_both {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::support::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(crate::support::Place::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// A store and where it is.
pub(crate) struct Place {
    pub(crate) store: Store,
    home: Home,
}

/// Where a store of a test is.
enum Home {
    /// In a folder that goes away with it.
    Folder(TempDir),
    /// In a schema of the server that all tests share.
    Schema(String),
}

/// Keeps everybody from writing until it is let go.
pub(crate) enum Lock {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

/// A run that holds its environment.
pub(crate) struct Session {
    pub(crate) lease: Lease,
    pub(crate) head: Head,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Store::open(folder.path()).unwrap(), home: Home::Folder(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let schema = server::fresh();
        let store = server::connect(&server::shared_url(), &schema).await;
        Self { store, home: Home::Schema(schema) }
    }

    /// Returns an empty store of the same kind.
    pub(crate) async fn another(&self) -> Self {
        match self.home {
            Home::Folder(_) => Self::sqlite(),
            Home::Schema(_) => Self::postgres().await,
        }
    }

    /// Opens the store once more.
    pub(crate) async fn handle(&self) -> Store {
        open(&self.address()).await
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        let Self { store, home } = self;
        drop(store);
        let store = open(&home.address()).await;
        Self { store, home }
    }

    /// Returns what another process needs to open it.
    pub(crate) fn address(&self) -> String {
        self.home.address()
    }

    /// Returns the folder of a store in a file.
    pub(crate) fn folder(&self) -> &Path {
        let Home::Folder(folder) = &self.home else { panic!("{} is no folder", self.address()) };
        folder.path()
    }

    /// Closes a store in a file, and returns its folder.
    pub(crate) fn close(self) -> TempDir {
        let Self { store, home } = self;
        drop(store);
        let Home::Folder(folder) = home else { panic!("a schema is no folder") };
        folder
    }

    /// Does to the tables what no code of ours does, and returns how many rows it changed.
    pub(crate) async fn tamper(&self, statement: &str) -> usize {
        match &self.home {
            Home::Folder(folder) => raw(folder.path()).execute(statement, []).unwrap(),
            Home::Schema(schema) => {
                let client = server::raw(&server::shared_url(), schema).await;
                usize::try_from(client.execute(statement, &[]).await.unwrap()).unwrap()
            }
        }
    }

    /// Returns why the tables refuse something.
    pub(crate) async fn refused(&self, statement: &str) -> String {
        match &self.home {
            Home::Folder(folder) => {
                raw(folder.path()).execute(statement, []).unwrap_err().to_string()
            }
            Home::Schema(schema) => {
                let client = server::raw(&server::shared_url(), schema).await;
                let refused = client.execute(statement, &[]).await.unwrap_err();
                refused.as_db_error().unwrap().message().to_owned()
            }
        }
    }

    /// Takes away what keeps records from being changed.
    pub(crate) async fn unguard(&self) {
        match &self.home {
            Home::Folder(folder) => {
                let drop =
                    "DROP TRIGGER records_are_not_changed; DROP TRIGGER records_are_not_removed";
                raw(folder.path()).execute_batch(drop).unwrap();
            }
            Home::Schema(schema) => {
                let client = server::raw(&server::shared_url(), schema).await;
                client.batch_execute("ALTER TABLE records DISABLE TRIGGER USER").await.unwrap();
            }
        }
    }

    pub(crate) async fn lock(&self) -> Lock {
        match &self.home {
            Home::Folder(folder) => {
                let lock = raw(folder.path());
                lock.execute_batch("BEGIN IMMEDIATE").unwrap();
                Lock::Sqlite(lock)
            }
            Home::Schema(schema) => {
                let client = server::raw(&server::shared_url(), schema).await;
                client.batch_execute("BEGIN; LOCK TABLE leases").await.unwrap();
                Lock::Postgres(client)
            }
        }
    }

    /// Opens the store so that a record of a megabyte does not fit, and a small one does.
    pub(crate) async fn narrow(&self) -> Store {
        match &self.home {
            Home::Folder(folder) => {
                let options = OpenOptions { max_pages: Some(100), ..OpenOptions::default() };
                Store::open_with(folder.path(), options).unwrap()
            }
            Home::Schema(schema) => {
                let client = server::raw(&server::shared_url(), schema).await;
                let narrow = "ALTER TABLE records ADD CHECK (length(body) < 100000)";
                client.batch_execute(narrow).await.unwrap();
                self.handle().await
            }
        }
    }
}

impl Home {
    fn address(&self) -> String {
        match self {
            Self::Folder(folder) => folder.path().display().to_string(),
            Self::Schema(schema) => format!("{} {schema}", server::shared_url()),
        }
    }
}

impl Lock {
    pub(crate) async fn let_go(self) {
        match self {
            Self::Sqlite(lock) => lock.execute_batch("COMMIT").unwrap(),
            Self::Postgres(client) => client.batch_execute("COMMIT").await.unwrap(),
        }
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
        self.append_at(store, Moment(7), events).await
    }

    /// Appends events at a moment.
    pub(crate) async fn append_at(
        &mut self,
        store: &Store,
        at: Moment,
        events: Vec<Event>,
    ) -> Result<(), AppendError> {
        let (run, epoch) = (&self.lease.run, self.lease.epoch);
        let (records, head) = self.head.link(run, epoch, at, events).unwrap();
        store.append(run, epoch, &self.head, &records).await?;
        self.head = head;
        Ok(())
    }

    /// Ends the run at a moment, and gives its environment back.
    pub(crate) async fn end(&mut self, store: &Store, at: Moment) {
        self.append_at(store, at, vec![Event::Finished { end: End::Done }]).await.unwrap();
        store.release(&self.lease).await.unwrap();
    }
}

/// Opens the store at an [`address`](Place::address).
pub(crate) async fn open(address: &str) -> Store {
    match address.split_once(' ') {
        Some((url, schema)) => server::connect(url, schema).await,
        None => Store::open(Path::new(address)).unwrap(),
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

/// A process of another machine.
pub(crate) fn elsewhere() -> Holder {
    Holder { host: "elsewhere".to_owned(), ..here() }
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
