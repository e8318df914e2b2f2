//! What a step must know and can't read: names, versions and images that the plan was made for, carried by its parameters.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::{Failure, StepCall};

use crate::route::Route;
use crate::version::Release;

/// Seconds that each service is given to end, and for which the old web service serves beside the new one. The web service
/// waits by itself before it ends, and the worker holds rows that it has acknowledged and not yet written.
const WEB_DRAINING: u32 = 120;
const WEB_OVERLAP: u32 = 10;
const WORKER_DRAINING: u32 = 90;

/// A service, what runs of it, and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The service's name.
    pub(crate) service: String,
    /// The digest that runs.
    pub(crate) digest: String,
    /// The digest wanted.
    pub(crate) target: String,
}

/// What one plan was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// The way.
    pub(crate) route: Route,
    /// The version that runs.
    pub(crate) from: Release,
    /// The version wanted.
    pub(crate) to: Release,
    /// The web service.
    pub(crate) web: Part,
    /// The worker.
    pub(crate) worker: Part,
    /// The service that runs PostgreSQL.
    pub(crate) database: String,
    /// The service that runs ClickHouse.
    pub(crate) clickhouse: String,
    /// The service that keeps objects, if it is one of this environment with a volume.
    pub(crate) storage: Option<String>,
    /// The schema in which Langfuse's tables are.
    pub(crate) schema: String,
    /// ClickHouse's database.
    pub(crate) columns: String,
    /// Whether traces are written and read back.
    pub(crate) traced: bool,
    /// How long a migration in the background may stand still.
    pub(crate) stall_limit: u64,
    /// Seconds that Railway waited for the web service before the run, if it was told how long.
    pub(crate) patience: Option<String>,
}

const FIXED: [&str; 13] = [
    "route",
    "from",
    "to",
    "web",
    "web-digest",
    "web-target",
    "worker",
    "worker-digest",
    "worker-target",
    "database",
    "clickhouse",
    "schema",
    "columns",
];

impl Context {
    /// Returns it as the plan's parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let fixed = [
            self.route.word().to_owned(),
            self.from.to_string(),
            self.to.to_string(),
            self.web.service.clone(),
            self.web.digest.clone(),
            self.web.target.clone(),
            self.worker.service.clone(),
            self.worker.digest.clone(),
            self.worker.target.clone(),
            self.database.clone(),
            self.clickhouse.clone(),
            self.schema.clone(),
            self.columns.clone(),
        ];
        let mut parameters: Vec<(&str, String)> = FIXED.into_iter().zip(fixed).collect();
        parameters.push(("traced", self.traced.to_string()));
        parameters.push(("stall-limit", self.stall_limit.to_string()));
        parameters.extend(self.storage.clone().map(|name| ("storage", name)));
        parameters.extend(self.patience.clone().map(|seconds| ("patience", seconds)));
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Reads it from the plan's parameters.
    pub(crate) fn of(call: &StepCall) -> Result<Self, Failure> {
        let text = |name: &str| {
            call.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let broken = |name: &str| {
            Failure::permanently(
                "plugin:parameter",
                format!("the plan has no parameter `{name}` that this plugin understands"),
            )
        };
        let needed = |name: &str| text(name).map(str::to_owned).ok_or_else(|| broken(name));
        let version = |name: &str| text(name).and_then(Release::parse).ok_or_else(|| broken(name));
        let part = |name: &str| {
            Ok::<_, Failure>(Part {
                service: needed(name)?,
                digest: needed(&format!("{name}-digest"))?,
                target: needed(&format!("{name}-target"))?,
            })
        };
        let parsed =
            |name: &str| text(name).and_then(|it| it.parse().ok()).ok_or_else(|| broken(name));
        Ok(Self {
            route: text("route").and_then(Route::of).ok_or_else(|| broken("route"))?,
            from: version("from")?,
            to: version("to")?,
            web: part("web")?,
            worker: part("worker")?,
            database: needed("database")?,
            clickhouse: needed("clickhouse")?,
            storage: text("storage").map(str::to_owned),
            schema: needed("schema")?,
            columns: needed("columns")?,
            traced: text("traced")
                .and_then(|it| it.parse().ok())
                .ok_or_else(|| broken("traced"))?,
            stall_limit: parsed("stall-limit")?,
            patience: text("patience").map(str::to_owned),
        })
    }

    /// Returns the services that nobody else may work on meanwhile.
    pub(crate) fn services(&self) -> Vec<&str> {
        let fixed = [&self.web.service, &self.worker.service, &self.database, &self.clickhouse];
        fixed.into_iter().chain(&self.storage).map(String::as_str).collect()
    }

    /// Returns how much time both services are given to end.
    pub(crate) fn graces(&self) -> [Grace<'_>; 2] {
        [
            Grace {
                service: &self.web.service,
                draining: WEB_DRAINING,
                overlap: Some(WEB_OVERLAP),
            },
            Grace { service: &self.worker.service, draining: WORKER_DRAINING, overlap: None },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_being_planned() {
        let part = |service: &str| Part {
            service: service.to_owned(),
            digest: "sha256:0a".to_owned(),
            target: "sha256:0b".to_owned(),
        };
        let mut context = Context {
            route: Route::Minor,
            from: Release::plain(3, 170, 0),
            to: Release::plain(3, 225, 4),
            web: part("my web"),
            worker: part("worker"),
            database: "postgres".to_owned(),
            clickhouse: "clickhouse".to_owned(),
            storage: Some("minio".to_owned()),
            schema: "public".to_owned(),
            columns: "default".to_owned(),
            traced: true,
            stall_limit: 900_000,
            patience: Some("300".to_owned()),
        };
        let call = |context: &Context| StepCall {
            step: "pin".to_owned(),
            run: "run".to_owned(),
            round: 1,
            now: 0,
            parameters: context.parameters(),
            facts: Vec::new(),
        };
        assert_eq!(Context::of(&call(&context)), Ok(context.clone()));
        (context.storage, context.patience) = (None, None);
        assert_eq!(Context::of(&call(&context)), Ok(context.clone()));
        for missing in FIXED.into_iter().chain(["traced", "stall-limit"]) {
            let mut call = call(&context);
            call.parameters.retain(|(name, _)| name != missing);
            assert!(Context::of(&call).is_err(), "{missing}");
        }
    }
}
