//! A lab with drivers, and the life of one effect without the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lockstep_engine::journal::{Epoch, Fate, Intent, Sent};
use lockstep_engine::model::{
    Argument, Effect, Fact, Failure, Kind, Millis, Moment, Pin, Read, Reading, ServiceRef, Value,
};
use lockstep_engine::run::{Follow, World as _};
use lockstep_lab::programs::Programs;
use lockstep_lab::{Lab, Options, Stack};
use tempfile::TempDir;

use crate::Drivers;
use crate::order::Order;
use crate::settings::{Connection, ConnectionKind, Now, Settings, TokenKind, Via};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A lab and its drivers.
pub(super) struct World {
    pub(super) drivers: Drivers,
    pub(super) lab: Lab,
    _folder: TempDir,
}

pub(super) fn named(name: &str) -> ServiceRef {
    ServiceRef::Named(name.to_owned())
}

pub(super) fn effect(label: &str, kind: Kind) -> Effect {
    Effect::plain(label.parse().unwrap(), kind)
}

pub(super) fn now() -> Now {
    Arc::new(|| Moment(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap()))
}

/// Returns the folder that `cargo xtask setup` fills.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask test` says where by a variable")]
pub(super) fn programs_folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/programs");
    std::env::var_os("LOCKSTEP_PROGRAMS").map_or_else(beside, PathBuf::from)
}

pub(super) fn programs() -> Programs {
    Programs::find(&programs_folder())
}

impl World {
    /// Starts these services of a stack and waits until they run.
    pub(super) async fn up(stack: Stack, services: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path(), programs(), PathBuf::from("/bin/false"));
        options.stack = stack;
        options.services = Some(services.iter().map(|name| (*name).to_owned()).collect());
        options.time_scale = 0.05;
        let lab = Lab::up(options).await.unwrap();
        lab.settle(PATIENCE).await.unwrap();
        // Without a health check a deployment succeeds as soon as its process runs, which may not listen yet.
        for (service, port) in [("redis", 6379), ("postgres", 5432)] {
            if services.contains(&service) {
                listening(&lab, service, port).await;
            }
        }
        let drivers = Drivers::open(settings(&lab)).await.unwrap();
        Self { drivers, lab, _folder: folder }
    }

    /// Opens other drivers on the same lab.
    pub(super) async fn open(&self, change: impl FnOnce(&mut Settings)) -> Drivers {
        let mut settings = settings(&self.lab);
        change(&mut settings);
        Drivers::open(settings).await.unwrap()
    }

    pub(super) async fn read(&self, read: Read) -> Result<Reading, Failure> {
        self.drivers.read(&read).await
    }

    /// Returns how often a mutation was carried out.
    pub(super) fn count(&self, mutation: &str) -> usize {
        self.lab.mutations().iter().filter(|done| done.name == mutation).count()
    }

    /// Looks what stands there, and writes the intent.
    pub(super) async fn intend(&self, one: &One<'_>) -> Intent {
        let before = self.drivers.stand(&one.order()).await.unwrap();
        let begun = now()();
        Intent {
            step: "step".parse().unwrap(),
            round: 1,
            position: 0,
            attempt: 0,
            label: one.effect.label.clone(),
            arguments: one.arguments.clone(),
            before,
            begun,
            not_after: begun.plus(Millis::seconds(30)),
            epoch: Epoch(1),
        }
    }

    pub(super) async fn send(&self, one: &One<'_>, intent: &Intent) -> Sent {
        self.drivers.redactor.sent(self.drivers.perform(&one.order(), intent).await)
    }

    /// Settles until the far side tells.
    pub(super) async fn settle(&self, one: &One<'_>, intent: &Intent) -> Fate {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // The engine says the same of an intent that this process has sent: nothing of it leaves any more.
        let last = intent.not_after.min(now()());
        let intent = &Intent { not_after: last, ..intent.clone() };
        loop {
            let fate = self.drivers.find_out(&one.order(), intent).await.unwrap();
            if fate != Fate::StillGoing {
                return fate;
            }
            assert!(tokio::time::Instant::now() < deadline, "it never settled");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows a done effect to its end.
    pub(super) async fn follow(
        &self,
        one: &One<'_>,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Vec<Fact>, String> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.drivers.follow_order(&one.order(), intent, outcome).await.unwrap() {
                Follow::Finished(facts) => return Ok([outcome.to_vec(), facts].concat()),
                Follow::Failed(why) => return Err(why),
                Follow::Going { after, note } => {
                    assert!(tokio::time::Instant::now() < deadline, "still: {note}");
                    tokio::time::sleep(after.duration()).await;
                }
            }
        }
    }

    /// Carries an effect out to its end.
    pub(super) async fn carry_out(&self, one: &One<'_>) -> Result<Vec<Fact>, String> {
        let intent = self.intend(one).await;
        match self.send(one, &intent).await {
            Sent::Done(facts) => self.follow(one, &intent, &facts).await,
            other @ (Sent::Refused(_) | Sent::Unknown(_)) => Err(format!("{other:?}")),
        }
    }

    /// Carries out an effect that needs nothing else.
    pub(super) async fn done(&self, label: &str, kind: Kind) -> Vec<Fact> {
        self.carry_out(&One::of(&effect(label, kind))).await.unwrap()
    }
}

/// Waits until a service of the lab takes connections.
pub(super) async fn listening(lab: &Lab, service: &str, port: u16) {
    let address = (lab.address(service).unwrap(), port);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "{service} does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One effect with what the engine would admit beside it.
pub(super) struct One<'a> {
    pub(super) effect: &'a Effect,
    pub(super) arguments: Vec<Argument>,
    pub(super) given: Vec<Fact>,
    pub(super) pin: Option<Pin>,
    pub(super) undo: bool,
    pub(super) volumes: Vec<String>,
    pub(super) marker: String,
    pub(super) deadline: Option<Moment>,
}

impl<'a> One<'a> {
    pub(super) fn of(effect: &'a Effect) -> Self {
        Self {
            effect,
            arguments: Vec::new(),
            given: Vec::new(),
            pin: None,
            undo: false,
            volumes: Vec::new(),
            marker: format!("lockstep-run1-{}", effect.label),
            deadline: None,
        }
    }

    pub(super) fn resting_on(effect: &'a Effect, given: &[Fact]) -> Self {
        Self { given: given.to_vec(), ..Self::of(effect) }
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.arguments.push(Argument { name: name.to_owned(), value });
        self
    }

    pub(super) fn order(&self) -> Order<'_> {
        Order {
            effect: self.effect,
            arguments: &self.arguments,
            given: &self.given,
            pin: self.pin.as_ref(),
            undo: self.undo,
            volumes: &self.volumes,
            marker: &self.marker,
            deadline: self.deadline,
        }
    }
}

/// Settings as the command line would make them for a lab.
pub(super) fn settings(lab: &Lab) -> Settings {
    let mut settings = Settings::new(
        lab.api_url().parse().unwrap(),
        lab.token().into(),
        TokenKind::Project,
        lab.project_id(),
        lab.environment_id(),
        [7; 32],
        now(),
    );
    settings.registry = Some(lab.url().parse().unwrap());
    settings.poll = Millis(50);
    settings.quiet = Millis(500);
    let connection = |kind, service: &str, port, variable: &str| Connection {
        kind,
        service: service.to_owned(),
        nodes: Vec::new(),
        port,
        variable: variable.to_owned(),
        user: None,
        database: None,
        via: Via::Private,
    };
    settings.connections.insert(
        "cache".to_owned(),
        connection(ConnectionKind::Redis, "redis", 6379, "REDIS_PASSWORD"),
    );
    settings.connections.insert(
        "main".to_owned(),
        connection(ConnectionKind::Postgres, "postgres", 5432, "DATABASE_URL"),
    );
    settings
}
