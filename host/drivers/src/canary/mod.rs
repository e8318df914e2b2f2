//! Canaries: small writes of the host's own beside a run, which show what it costs.
//!
//! They are written by the future that [`Drivers::keep_canaries`] returns, while the engine wants them. Each is tried once.

mod book;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use lockstep_engine::model::{
    Canary, CanaryTally, Failure, HttpMethod, Moment, Numbers, Placed, Request,
};
use tokio::sync::{RwLock, watch};
use tokio::time::{Instant, sleep_until, timeout};

use self::book::Book;
use crate::drivers::Drivers;
use crate::redis::Open;
use crate::sql::Session;

/// How long one canary may take. The servers give up a little earlier, so that what is given up here does not happen later.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to look which are there.
const LOOK: Duration = Duration::from_secs(20);

/// How often it is asked anew where a server is that can't be reached: each time is a request to Railway.
const RESOLVE: Duration = Duration::from_secs(15);

/// More canaries of one kind than any run has: a clock that is set far ahead must not fill a server.
const MOST: u64 = 8_000_000;

/// The canaries of the run that this process works on.
pub(crate) struct Canaries {
    kept: watch::Sender<Option<Kept>>,
    books: Mutex<BTreeMap<Canary, Book>>,
    /// Held for reading while a canary is under way.
    under_way: RwLock<()>,
}

/// Which canaries, each at its place, and when their run began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    canaries: Vec<Placed>,
    began: Moment,
}

impl Kept {
    /// Returns where a canary is kept.
    fn place(&self, canary: &Canary) -> Option<&Canary> {
        self.canaries.iter().find(|it| it.canary == *canary).map(|it| &it.place)
    }
}

/// What one kind of canary keeps open at its place from one to the next.
#[derive(Default)]
struct Perch {
    session: Option<Session>,
    connection: Option<Open>,
    resolved: Option<Instant>,
}

impl Default for Canaries {
    fn default() -> Self {
        let (kept, _) = watch::channel(None);
        Self { kept, books: Mutex::default(), under_way: RwLock::default() }
    }
}

/// One canary that was tried.
struct Tried<'a> {
    place: &'a Canary,
    number: u64,
    began: Moment,
    is_written: bool,
}

impl Canaries {
    /// Has them written until [`Self::end`], and leads those elsewhere that are written already and have another place now.
    pub(crate) fn begin(&self, canaries: Vec<Placed>, began: Moment) {
        // None is entered into a book meanwhile, so what is entered later is of the place that counts then.
        self.with_books(|_| {
            self.kept.send_if_modified(|kept| {
                let kept = kept.get_or_insert(Kept { canaries: Vec::new(), began });
                let differs = kept.canaries != canaries;
                kept.canaries = canaries;
                differs
            })
        });
    }

    /// Ends that. Afterwards none is under way.
    pub(crate) async fn end(&self) {
        self.kept.send_if_modified(|kept| kept.take().is_some());
        drop(self.under_way.write().await);
        self.with_books(|books| books.values_mut().for_each(Book::close));
    }

    /// Returns what became of them since the last call.
    pub(crate) fn tallies(&self) -> Vec<(Canary, CanaryTally)> {
        let take = |(canary, book): (&Canary, &mut Book)| (canary.clone(), book.take());
        self.with_books(|books| books.iter_mut().map(take).collect())
    }

    fn with_books<T>(&self, act: impl FnOnce(&mut BTreeMap<Canary, Book>) -> T) -> T {
        act(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns where a canary is kept now; none where nobody wants it any more.
    fn place(&self, canary: &Canary) -> Option<Canary> {
        self.kept.borrow().as_ref()?.place(canary).cloned()
    }

    /// Enters what became of one, unless it has been led elsewhere meanwhile: it is acknowledged where it counts, or nowhere.
    fn enter(&self, canary: &Canary, tried: &Tried<'_>, now: Moment) {
        self.with_books(|books| {
            let counts = self.place(canary).is_none_or(|place| place == *tried.place);
            let book = books.entry(canary.clone()).or_default();
            if tried.is_written && counts {
                book.acknowledged(tried.number, tried.began, now);
            } else {
                book.refused(tried.began, now);
            }
        });
    }
}

impl Drivers {
    /// Writes canaries whenever the engine wants them, for as long as this is polled.
    pub async fn keep_canaries(&self) -> Infallible {
        let mut wanted = self.canaries.kept.subscribe();
        loop {
            let kept = wanted.wait_for(Option::is_some).await.map(|kept| kept.clone());
            match kept {
                Ok(Some(Kept { canaries, began })) => {
                    join_all(canaries.iter().map(|it| self.sing(&it.canary, began))).await;
                }
                // The sender lives as long as the drivers do, which are borrowed here.
                Ok(None) | Err(_) => pending().await,
            }
        }
    }

    /// Returns those of the acknowledged canaries that are not there.
    pub(crate) async fn missing_canaries(
        &self,
        canary: &Canary,
        acknowledged: &Numbers,
    ) -> Result<Numbers, Failure> {
        let look = async {
            match canary {
                Canary::Rows(connection) => self.sql.missing_rows(connection, acknowledged).await,
                Canary::Bits(connection) => self.redis.missing_bits(connection, acknowledged).await,
                Canary::Answers { .. } => Ok(Numbers::default()),
            }
        };
        // A server that vanishes in the middle of an answer says nothing for as long as its network likes.
        let late =
            || Failure::transient("canary:timeout", "nobody answered whether they are there");
        timeout(LOOK, look).await.unwrap_or_else(|_elapsed| Err(late()))
    }

    /// Writes one kind of canary, wherever it has its place, until nobody wants it any more.
    async fn sing(&self, canary: &Canary, began: Moment) {
        let mut wanted = self.canaries.kept.subscribe();
        let (mut perch, mut at, mut newest) = (Perch::default(), canary.clone(), 0);
        let interval = canary.interval();
        let mut next = Instant::now();
        loop {
            let under_way = self.canaries.under_way.read().await;
            let Some(place) = self.canaries.place(canary) else { return };
            if at != place {
                (perch, at) = (Perch::default(), place);
            }
            let place = &at;
            let attempt = (self.now)();
            // By the time since the run began, so that no process has to know how far another one came.
            let number = (attempt.since(began).0 / interval.0).max(newest + 1);
            newest = number;
            let elsewhere = |kept: &Option<Kept>| {
                kept.as_ref().is_some_and(|kept| kept.place(canary) != Some(place))
            };
            let tried = tokio::select! {
                biased;
                _ = wanted.wait_for(elsewhere) => Err(led_elsewhere()),
                tried = self.try_one(place, number, &mut perch) => tried,
            };
            let is_written = tried.is_ok();
            let entered = Tried { place, number, began: attempt, is_written };
            self.canaries.enter(canary, &entered, (self.now)());
            drop(under_way);
            if let Err(failure) = tried {
                tracing::debug!(canary = canary.id(), number, %failure, "a canary was not acknowledged");
                perch.session = None;
                perch.connection = None;
            }
            // What was missed while one took long is not made up for.
            next = (next + interval.duration()).max(Instant::now());
            let changes = |kept: &Option<Kept>| kept.is_none() || elsewhere(kept);
            tokio::select! {
                () = sleep_until(next) => {}
                _ = wanted.wait_for(changes) => {}
            }
        }
    }

    async fn try_one(&self, place: &Canary, number: u64, perch: &mut Perch) -> Result<(), Failure> {
        if number > MOST {
            let words = "the run takes longer than canaries are counted";
            return Err(Failure::permanent("canary:number", words));
        }
        let late = || Failure::transient("canary:timeout", "no acknowledgement came in time");
        match timeout(PATIENCE, self.write_one(place, number, perch)).await {
            Ok(written) => written,
            Err(_) => Err(late()),
        }
    }

    async fn write_one(
        &self,
        place: &Canary,
        number: u64,
        perch: &mut Perch,
    ) -> Result<(), Failure> {
        match place {
            Canary::Rows(connection) => {
                if perch.session.is_none() {
                    self.look_anew(perch).await;
                    perch.session = Some(self.sql.session_of_canaries(connection).await?);
                }
                let Some(session) = &perch.session else { return Ok(()) };
                self.sql.write_row(connection, session, number).await
            }
            Canary::Bits(connection) => {
                if perch.connection.is_none() {
                    self.look_anew(perch).await;
                    perch.connection = Some(self.redis.connection_of_canaries(connection).await?);
                }
                let Some(open) = &perch.connection else { return Ok(()) };
                self.redis.write_bit(connection, open, number).await
            }
            Canary::Answers { endpoint, path } => self.asks(endpoint, path).await,
        }
    }

    /// Asks where the server is now, but not at every attempt.
    async fn look_anew(&self, perch: &mut Perch) {
        match perch.resolved {
            Some(at) if at.elapsed() < RESOLVE => {}
            Some(_) => {
                self.railway.forget_addresses().await;
                perch.resolved = Some(Instant::now());
            }
            None => perch.resolved = Some(Instant::now()),
        }
    }

    async fn asks(&self, endpoint: &str, path: &str) -> Result<(), Failure> {
        let request =
            Request { endpoint: endpoint.to_owned(), path: path.to_owned(), headers: Vec::new() };
        let answer = self.http.read(HttpMethod::Get, &request).await?;
        // A gateway without a service behind it answers too, with 404.
        if answer.status < 400 {
            return Ok(());
        }
        Err(Failure::transient("canary:answer", format!("it answered {}", answer.status)))
    }
}

/// A canary that was under way when its place changed may still be written where it was: nobody counts it there.
fn led_elsewhere() -> Failure {
    Failure::transient("canary:elsewhere", "it has its place elsewhere by now")
}
