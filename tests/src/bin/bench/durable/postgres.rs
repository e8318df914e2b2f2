//! A PostgreSQL server for stores, and its own rate of single commits.

use std::time::{Duration, Instant};

use lockstep_store::{Access, Store};
use secrecy::SecretString;
use tokio_postgres::{Client, NoTls};

use super::sqlite::{LENGTH, body};
use crate::Fallible;
use crate::whole::Lab;

/// The peer's name.
pub(super) const PEER: &str = "PostgreSQL's single commits";

/// How long the server may take until it answers, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// A server of the lab's, with its usual settings, and a session on it.
pub(super) struct Server {
    url: String,
    session: Client,
    body: String,
    _lab: Lab,
}

impl Server {
    pub(super) async fn start() -> Fallible<Self> {
        let started = tokio::task::spawn_blocking(|| -> Fallible<(Lab, String)> {
            let lab = Lab::up(&["--only", "postgres"])?;
            let url = lab.env("DATABASE_URL")?;
            Ok((lab, url))
        });
        let (lab, url) = started.await??;
        let deadline = Instant::now() + PATIENCE;
        let (session, connection) = loop {
            match tokio_postgres::connect(&url, NoTls).await {
                // A lab is up when its processes run; this one may not listen yet, or still be at its recovery.
                Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                opened => break opened?,
            }
        };
        tokio::spawn(connection);
        session.batch_execute("CREATE TABLE lines (number serial PRIMARY KEY, body text)").await?;
        Ok(Self { url, session, body: body()?, _lab: lab })
    }

    /// Returns an empty store in a schema of its own.
    pub(super) async fn store(&self, schema: &str) -> Fallible<Store> {
        let url = SecretString::from(self.url.clone());
        Ok(Store::connect(Access::new(&url, schema)?).await?)
    }

    /// Returns how many single commits of one session the server does in a second.
    pub(super) async fn a_second(&self) -> Fallible<f64> {
        let insert = self.session.prepare("INSERT INTO lines (body) VALUES ($1)").await?;
        let (start, mut done) = (Instant::now(), 0_u32);
        while start.elapsed() < LENGTH {
            self.session.execute(&insert, &[&self.body]).await?;
            done += 1;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    }
}
