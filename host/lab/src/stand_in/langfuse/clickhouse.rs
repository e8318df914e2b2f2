//! Langfuse's connection to ClickHouse, over HTTP.
//!
//! The real migrations speak the native protocol to `CLICKHOUSE_MIGRATION_URL`; here they too go over HTTP.

use reqwest::StatusCode;

use super::super::{endpoint::Endpoints, settings::Settings};

/// A ClickHouse that may be away for a while.
#[derive(Debug)]
pub(super) struct ClickHouse {
    endpoints: Endpoints,
    url: String,
    user: String,
    password: String,
}

/// Why a statement was not carried out, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClickHouseError {
    #[error("ClickHouse is away: {0}")]
    Away(#[from] reqwest::Error),
    #[error("ClickHouse refused: {reason}")]
    Refused { status: StatusCode, reason: String },
}

impl ClickHouse {
    /// The ClickHouse that the variables name.
    pub(super) fn named(settings: &Settings) -> Result<Self, reqwest::Error> {
        let text = |name: &str, otherwise: &str| settings.get(name).unwrap_or(otherwise).to_owned();
        let url = text("CLICKHOUSE_URL", "");
        Ok(Self {
            endpoints: Endpoints::new()?,
            url: format!(
                "{}/?database={}",
                url.trim_end_matches('/'),
                text("CLICKHOUSE_DB", "default")
            ),
            user: text("CLICKHOUSE_USER", "default"),
            password: text("CLICKHOUSE_PASSWORD", ""),
        })
    }

    /// Carries out a statement and returns the answer.
    pub(super) async fn ask(&self, statement: &str) -> Result<String, ClickHouseError> {
        let user = (self.user.as_str(), self.password.as_str());
        let (status, said) = self.endpoints.say(&self.url, user, statement).await?;
        if status.is_success() {
            return Ok(said);
        }
        Err(ClickHouseError::Refused { status, reason: said.trim_end().to_owned() })
    }
}
