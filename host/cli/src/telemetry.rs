//! The log and the trace of this process. Neither ever holds a secret: spans carry names and numbers alone.

use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use crate::args::{Global, LogFormat, Surroundings};
use crate::config::Document;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// Variables that name a collector, best first, as OpenTelemetry's specification has them.
const COLLECTORS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// What must be told when the process ends.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Telemetry {
    #[cfg(feature = "otel")]
    traces: Option<lockstep_drivers::Telemetry>,
}

impl Telemetry {
    /// Starts the log and the trace, as far as they were asked for.
    ///
    /// # Errors
    /// What was asked for can't be had.
    pub(crate) fn start(global: &Global, surroundings: &Surroundings) -> Result<Self, CliError> {
        let log = global.log.as_deref().map(|filter| log(filter, global.log_format)).transpose()?;
        let Some(collector) = collector(global, surroundings) else {
            if log.is_some() {
                tracing_subscriber::registry().with(log).init();
            }
            return Ok(Self::default());
        };
        Self::traced(&collector, log)
    }

    #[cfg(feature = "otel")]
    fn traced(collector: &str, log: Option<Log>) -> Result<Self, CliError> {
        use tracing_subscriber::filter::{LevelFilter, filter_fn};

        let traces = lockstep_drivers::Telemetry::new(collector)
            .or_exit(Exit::Usage)
            .map_err(|error| error.hint("`otlp` in [telemetry] of lockstep.toml, or OTEL_EXPORTER_OTLP_ENDPOINT, is such as http://127.0.0.1:4318"))?;
        // Events may hold what a server or a plugin said, and spans of libraries what they were given.
        let ours = filter_fn(|found| found.is_span() && found.target().starts_with("lockstep"));
        let layer = tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::DEBUG));
        tracing_subscriber::registry().with(log).with(layer).init();
        Ok(Self { traces: Some(traces) })
    }

    #[cfg(not(feature = "otel"))]
    fn traced(_collector: &str, _log: Option<Log>) -> Result<Self, CliError> {
        Err(CliError::words(Exit::Usage, "this lockstep was built without OpenTelemetry")
            .hint("build it with `--features otel`, or take `otlp` out of lockstep.toml and OTEL_EXPORTER_OTLP_ENDPOINT out of the environment"))
    }

    /// Sends the rest of the trace, within a bound. What the command came to does not depend on it.
    pub(crate) fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.shutdown();
        }
    }
}

/// Returns the collector that traces go to, if one is named.
fn collector(global: &Global, surroundings: &Surroundings) -> Option<String> {
    let named = COLLECTORS.iter().find_map(|variable| surroundings.get(variable));
    if let Some(named) = named {
        // That of traces alone is the whole address.
        return Some(named.trim_end_matches('/').trim_end_matches("/v1/traces").to_owned());
    }
    // What is wrong with the file is told by whoever needs it.
    Document::read(&global.directory).ok().flatten()?.telemetry.otlp
}

/// A log that goes to standard error.
type Log = Box<dyn Layer<Registry> + Send + Sync>;

fn log(filter: &str, format: LogFormat) -> Result<Log, CliError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("`{filter}` is not a log filter"))
        })
        .or_exit(Exit::Usage)?;
    Ok(match format {
        LogFormat::Text => lines().with_filter(filter).boxed(),
        LogFormat::Json => lines().json().with_filter(filter).boxed(),
    })
}

/// Lines with the length of each span, which nothing else in a log tells.
fn lines<S>() -> tracing_subscriber::fmt::Layer<
    S,
    tracing_subscriber::fmt::format::DefaultFields,
    tracing_subscriber::fmt::format::Format,
    fn() -> std::io::Stderr,
>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let stderr: fn() -> std::io::Stderr = std::io::stderr;
    tracing_subscriber::fmt::layer().with_writer(stderr).with_span_events(FmtSpan::CLOSE)
}
