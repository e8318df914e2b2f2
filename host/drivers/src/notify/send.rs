//! Sending a notice: within a bound of time, and never in the way of a run.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::body::body;
use super::notice::Notice;
use super::recipient::Recipient;
use crate::drivers::OpenError;
use crate::railway::chain;
use crate::secrets::Redactor;
use crate::tls;

/// How often a notice is sent at the most.
const TRIES: u32 = 3;

/// How long sending may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// In all, for each recipient.
    pub total: Duration,
    /// Before the second try; twice as long before the third. A recipient that says how long to wait is heeded instead.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // Whoever waits for the command to end is kept no longer than this by a recipient that is down.
        Self { total: Duration::from_secs(10), pause: Duration::from_secs(1) }
    }
}

/// Why a notice did not arrive. None of its texts holds a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// Time ran out.
    #[error("it did not answer within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// It answered with something else than success.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It could not be reached, or broke off.
    #[error("{0}")]
    Connection(String),
}

/// Sends notices.
#[derive(Debug)]
pub struct Notifier {
    client: reqwest::Client,
    recipients: Vec<Recipient>,
    redactor: Redactor,
    patience: Patience,
}

impl Notifier {
    /// Returns a notifier. From now on `redactor` knows what must not be shown of the recipients.
    ///
    /// # Errors
    /// TLS or the HTTP client can't be set up.
    pub fn new(
        recipients: Vec<Recipient>,
        redactor: Redactor,
        patience: Patience,
    ) -> Result<Self, OpenError> {
        redactor.learn(recipients.iter().flat_map(Recipient::secrets));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config().map_err(OpenError::Tls)?)
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // HTTP/2 has its headers, and so the path, in the trace log of its library.
            .http1_only()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| OpenError::Client(error.without_url()))?;
        Ok(Self { client, recipients, redactor, patience })
    }

    /// Sends a notice to everybody who wants to hear of it, at the same time, and returns how it went, by recipient.
    pub async fn send(&self, notice: &Notice) -> Vec<(&Recipient, Result<(), Undelivered>)> {
        let notice = notice.clone().redacted(&self.redactor);
        let deliveries = self.recipients.iter().filter_map(|recipient| {
            let body = body(recipient, &notice)?;
            Some(async move { (recipient, self.deliver(recipient, &body).await) })
        });
        join_all(deliveries).await
    }

    async fn deliver(&self, recipient: &Recipient, body: &Value) -> Result<(), Undelivered> {
        let deadline = Instant::now() + self.patience.total;
        let (mut pause, mut tried) = (self.patience.pause, 0);
        loop {
            tried += 1;
            let (failure, asked) = match timeout_at(deadline, self.attempt(recipient, body)).await {
                Ok(Attempt::Delivered) => return Ok(()),
                Ok(Attempt::Failed(failure)) => return Err(failure),
                Ok(Attempt::Again(failure, asked)) => (failure, asked),
                Err(_elapsed) => return Err(Undelivered::Late(self.patience.total)),
            };
            let wait = asked.unwrap_or(pause);
            pause = pause.saturating_mul(2);
            let in_time = Instant::now().checked_add(wait).is_some_and(|then| then < deadline);
            if tried == TRIES || !in_time {
                return Err(failure);
            }
            tracing::debug!(%recipient, %failure, tried, "a notice is sent again");
            sleep(wait).await;
        }
    }

    async fn attempt(&self, recipient: &Recipient, body: &Value) -> Attempt {
        match self.client.post(recipient.url().clone()).json(body).send().await {
            Ok(answer) => {
                let status = answer.status();
                let failure = Undelivered::Status(status.as_u16());
                if status.is_success() {
                    Attempt::Delivered
                } else if status == StatusCode::TOO_MANY_REQUESTS {
                    Attempt::Again(failure, asked(answer.headers()))
                } else if status.is_server_error() {
                    Attempt::Again(failure, None)
                } else {
                    Attempt::Failed(failure)
                }
            }
            Err(error) => {
                let unsent = error.is_connect();
                let text = self.redactor.text(&chain(&error.without_url()));
                let failure = Undelivered::Connection(text);
                // One that broke off may have been taken, and nobody wants to be told twice.
                if unsent { Attempt::Again(failure, None) } else { Attempt::Failed(failure) }
            }
        }
    }
}

/// How one try went.
enum Attempt {
    Delivered,
    Failed(Undelivered),
    /// It may be tried again, after this long if the recipient said so.
    Again(Undelivered, Option<Duration>),
}

/// Returns how long a recipient asks to wait: seconds, of which Discord also sends parts.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
