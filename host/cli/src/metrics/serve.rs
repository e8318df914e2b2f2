//! Where the figures are scraped.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use tokio::net::TcpListener;

use super::registry::Metrics;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// What the text is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes the address to be scraped at.
///
/// # Errors
/// It is taken, or not this machine's.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    let bound = TcpListener::bind(address).await.or_exit(Exit::Usage);
    bound.map_err(|error| error.within(format!("could not serve metrics at {address}")))
}

/// Serves the figures at `/metrics`, until the future is dropped.
///
/// # Errors
/// The address can't be listened at any more.
pub(crate) async fn serve(listener: TcpListener, metrics: Metrics) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(scrape)).with_state(metrics);
    axum::serve(listener, router).await
}

async fn scrape(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], render(&metrics))
}

/// Returns every figure in the text format.
pub(crate) fn render(metrics: &Metrics) -> String {
    let mut text = String::new();
    let written = encode(&mut text, &metrics.registry);
    written.expect("writing into memory can't fail");
    text
}

#[cfg(test)]
mod tests {
    use lockstep_engine::journal::{End, Epoch, Event, Fate, Head, Linked, Sent};
    use lockstep_engine::model::{Digest, Failure, Moment, RunId, Verdict};
    use lockstep_engine::run::{AppendError, Journal};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::metrics::Measured;

    /// A journal that takes everything, or nothing.
    struct Paper(Result<(), AppendError>);

    impl Journal for Paper {
        async fn append(
            &self,
            _: &RunId,
            _: Epoch,
            _: &Head,
            _: &[Linked],
        ) -> Result<(), AppendError> {
            self.0.clone()
        }
    }

    fn events() -> Vec<Event> {
        let label = || "save".parse().unwrap();
        let answered = |sent| Event::Answered { label: label(), sent };
        vec![
            Event::Planned { plan: Digest::of(b"x") },
            answered(Sent::Done(Vec::new())),
            answered(Sent::Done(Vec::new())),
            answered(Sent::Unknown(Failure::transient("a:b", "x"))),
            Event::Settled { label: label(), fate: Fate::DidNot },
            Event::Watched {
                watch: "errors".to_owned(),
                verdict: Verdict::Fail,
                evidence: "x".to_owned(),
            },
            Event::Finished { end: End::Done },
        ]
    }

    async fn append(metrics: &Metrics, journal: Paper) {
        let run: RunId = "r-3f9a".parse().unwrap();
        let head = Head::start(&run);
        let (records, _) = head.link(&run, Epoch(1), Moment(90_000), events()).unwrap();
        let measured = Measured { journal, metrics };
        drop(measured.append(&run, Epoch(1), &head, &records).await);
    }

    #[tokio::test]
    async fn what_is_durable_is_scraped() {
        let metrics = Metrics::new();
        metrics.began(&"r-3f9a".parse().unwrap(), Moment(0));
        metrics.renewed();
        append(&metrics, Paper(Ok(()))).await;
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scrape = async {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::select! {
            served = serve(listener, metrics) => panic!("{served:?}"),
            answer = scrape => answer,
        };
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(OPEN_METRICS), "{answer}");
        for line in [
            "lockstep_runs{state=\"done\"} 1",
            "lockstep_runs{state=\"running\"} 0",
            "lockstep_effects_total{outcome=\"done\"} 2",
            "lockstep_effects_total{outcome=\"unknown\"} 1",
            "lockstep_effects_total{outcome=\"did-not\"} 1",
            "lockstep_run_seconds_sum 90.0",
            "lockstep_run_seconds_count 1",
            "lockstep_watch_verdict{watch=\"errors\"} -1",
            "lockstep_lease_renewals_total 1",
            "lockstep_journal_append_seconds_count 1",
        ] {
            assert!(answer.contains(&format!("\n{line}\n")), "`{line}` is not in:\n{answer}");
        }
        assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    }

    #[tokio::test]
    async fn what_was_not_written_is_not_counted() {
        let metrics = Metrics::new();
        append(&metrics, Paper(Err(AppendError::Diverged))).await;
        let text = render(&metrics);
        assert!(text.contains("lockstep_runs{state=\"done\"} 0"), "{text}");
        assert!(!text.contains("outcome"), "{text}");
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let error = bind(taken.local_addr().unwrap()).await.unwrap_err();
        assert!(error.error.to_string().contains("could not serve metrics at 127.0.0.1:"));
    }
}
