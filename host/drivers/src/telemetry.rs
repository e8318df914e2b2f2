//! Traces for a collector of OpenTelemetry: OTLP over HTTP, from a thread of its own.
//!
//! Spans are kept in a queue of bounded length and sent in batches. What does not fit, or is not taken in time, is lost: a
//! run never waits for its trace, except at the very end of the process, and then for [`PATIENCE`] at the most.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};
use reqwest::Url;

use crate::drivers::OpenError;
use crate::tls;

/// How long the collector may take for one batch, and at the end for what is left.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many spans wait to be sent at the most.
const QUEUE: usize = 4096;

/// How long a span waits for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);

/// Traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector's address is none.
    #[error("`{0}` is not a URL of HTTP")]
    Address(String),
    /// The client can't be set up.
    #[error("could not set up the client for traces")]
    Client(#[source] OpenError),
    /// The exporter can't be set up.
    #[error("could not set up the export of traces")]
    Exporter(#[source] ExporterBuildError),
}

/// Where traces go.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Returns what sends traces to the collector at `address`, such as `http://127.0.0.1:4318`. Must not be called on a
    /// thread that runs futures.
    ///
    /// # Errors
    /// The address is none, or a part can't be set up.
    pub fn new(address: &str) -> Result<Self, TelemetryError> {
        let is_http = |url: &Url| url.has_host() && matches!(url.scheme(), "http" | "https");
        if !Url::parse(address).is_ok_and(|url| is_http(&url)) {
            return Err(TelemetryError::Address(address.to_owned()));
        }
        let client = client().map_err(TelemetryError::Client)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", address.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .map_err(TelemetryError::Exporter)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_scheduled_delay(DELAY)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder().with_service_name("lockstep").build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        Ok(Self { provider })
    }

    /// Returns what makes spans.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("lockstep")
    }

    /// Sends what is left, within a bound. Must not be called on a thread that runs futures.
    pub fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the end of the trace was not taken");
        }
    }
}

fn client() -> Result<reqwest::blocking::Client, OpenError> {
    reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(tls::client_config().map_err(OpenError::Tls)?)
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .timeout(PATIENCE)
        .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| OpenError::Client(error.without_url()))
}
