//! The figures, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_engine::journal::{Event, Fate, Linked, Sent};
use lockstep_engine::model::{Moment, RunId, Verdict};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::state::State;

/// One label and its value. Values are our own words and the names of watches, so there is a bounded number of them.
type Labels = [(&'static str, String); 1];

/// Every figure. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    runs: Family<Labels, Gauge>,
    effects: Family<Labels, Counter>,
    run_seconds: Histogram,
    verdicts: Family<Labels, Gauge>,
    renewals: Counter,
    append_seconds: Histogram,
    known: Arc<Mutex<BTreeMap<RunId, Known>>>,
    pub(super) registry: Arc<Registry>,
}

/// What is known of a run.
struct Known {
    began: Option<Moment>,
    state: State,
}

impl Metrics {
    /// Returns figures that are all zero.
    pub(crate) fn new() -> Self {
        let (runs, effects) = (Family::<Labels, Gauge>::default(), Family::default());
        let (verdicts, renewals) = (Family::<Labels, Gauge>::default(), Counter::default());
        // From a second to nine hours: an upgrade of one component takes minutes, a soak hours.
        let run_seconds = Histogram::new(exponential_buckets(1.0, 2.0, 16));
        // From a quarter of a millisecond to two seconds: a commit is one flush of the disk, or of a database nearby.
        let append_seconds = Histogram::new(exponential_buckets(0.00025, 2.0, 14));
        let mut registry = Registry::default();
        registry.register(
            "lockstep_runs",
            "Runs that this process has worked on, by how they stand",
            runs.clone(),
        );
        registry.register(
            "lockstep_effects",
            "Effects by how their send ended (done, refused, unknown), and unknown ones by what became of them (happened, did-not, partly)",
            effects.clone(),
        );
        registry.register(
            "lockstep_run_seconds",
            "Time from the first record of a run to its last, waits included",
            run_seconds.clone(),
        );
        registry.register(
            "lockstep_watch_verdict",
            "Newest verdict of a watch: 1 pass, 0 unknown, -1 fail",
            verdicts.clone(),
        );
        registry.register(
            "lockstep_lease_renewals",
            "Renewals of the hold on an environment",
            renewals.clone(),
        );
        registry.register(
            "lockstep_journal_append_seconds",
            "Time until records are durable",
            append_seconds.clone(),
        );
        let known = Arc::default();
        let registry = Arc::new(registry);
        let metrics = Self {
            runs,
            effects,
            run_seconds,
            verdicts,
            renewals,
            append_seconds,
            known,
            registry,
        };
        metrics.count(&BTreeMap::new());
        metrics
    }

    /// Says when a run began, which its length is counted from.
    pub(crate) fn began(&self, run: &RunId, at: Moment) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(run.clone());
        entry.or_insert(Known { began: None, state: State::Running }).began = Some(at);
        self.count(&known);
    }

    /// Says how a run stands.
    pub(crate) fn stands(&self, run: &RunId, state: State) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(run.clone()).or_insert(Known { began: None, state }).state = state;
        self.count(&known);
    }

    /// Says that a lease was renewed.
    pub(crate) fn renewed(&self) {
        self.renewals.inc();
    }

    /// Says that records are durable, and after how long.
    pub(super) fn appended(&self, run: &RunId, records: &[Linked], seconds: f64) {
        self.append_seconds.observe(seconds);
        for linked in records {
            let record = linked.record();
            self.happened(&record.event);
            if let Some(state) = State::after(&record.event) {
                self.stands(run, state);
            }
            if matches!(record.event, Event::Finished { .. }) {
                self.finished(run, record.at);
            }
        }
    }

    fn happened(&self, event: &Event) {
        if let Event::Watched { watch, verdict, .. } = event {
            let figure = match verdict {
                Verdict::Pass => 1,
                Verdict::Unknown => 0,
                Verdict::Fail => -1,
            };
            self.verdicts.get_or_create(&[("watch", watch.clone())]).set(figure);
        }
        if let Some(outcome) = outcome(event) {
            self.effects.get_or_create(&[("outcome", outcome.to_owned())]).inc();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no run is so long that a millisecond is lost")]
    fn finished(&self, run: &RunId, at: Moment) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(began) = known.get(run).and_then(|known| known.began) {
            self.run_seconds.observe(at.since(began).0 as f64 / 1000.0);
        }
    }

    fn count(&self, known: &BTreeMap<RunId, Known>) {
        for state in State::ALL {
            let count = known.values().filter(|known| known.state == state).count();
            let gauge = self.runs.get_or_create(&[("state", state.name().to_owned())]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// Returns how a send ended, or what became of it.
fn outcome(event: &Event) -> Option<&'static str> {
    if let Event::Answered { sent, .. } = event {
        return Some(match sent {
            Sent::Done(_) => "done",
            Sent::Refused(_) => "refused",
            Sent::Unknown(_) => "unknown",
        });
    }
    let Event::Settled { fate, .. } = event else { return None };
    match fate {
        Fate::Happened(_) => Some("happened"),
        Fate::DidNot => Some("did-not"),
        Fate::Partly => Some("partly"),
        Fate::StillGoing | Fate::CannotTell(_) => None,
    }
}
