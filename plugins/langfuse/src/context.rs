//! What a step must know and can't read: names, versions and images that the plan was made for, carried by its parameters.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::{Failure, StepCall};

use crate::findings::{KEYS, KEYS_OF_2};
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
    /// Seconds that Railway must wait for it while it migrates.
    pub(crate) wait: u64,
    /// Whether the web service is kept from migrating so far.
    pub(crate) thaws: bool,
    /// What the names of those variables begin with that tell version 2 already where objects are kept, and that stay.
    pub(crate) kept: Vec<String>,
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
        parameters.push(("wait", self.wait.to_string()));
        parameters.push(("thaws", self.thaws.to_string()));
        parameters.push(("kept", self.kept.join(",")));
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
        let truth =
            |name: &str| text(name).and_then(|it| it.parse().ok()).ok_or_else(|| broken(name));
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
            traced: truth("traced")?,
            stall_limit: parsed("stall-limit")?,
            patience: text("patience").map(str::to_owned),
            wait: parsed("wait")?,
            thaws: truth("thaws")?,
            kept: needed("kept")?
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Returns what of both services runs before the upgrade: version 2 has no worker.
    pub(crate) fn running(&self) -> Vec<&Part> {
        match self.route {
            Route::ToThree => vec![&self.web],
            Route::Minor | Route::ToFour => vec![&self.web, &self.worker],
        }
    }

    /// Returns the services that are there before the upgrade, on which nobody else may work meanwhile.
    pub(crate) fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = self.running().iter().map(|it| it.service.as_str()).collect();
        services.push(&self.database);
        if self.route != Route::ToThree {
            services.push(&self.clickhouse);
            services.extend(self.storage.as_deref());
        }
        services
    }

    /// Returns the variables of the web service that must stay what they are.
    pub(crate) fn keys(&self) -> &'static [&'static str] {
        match self.route {
            Route::ToThree => &KEYS_OF_2,
            Route::Minor | Route::ToFour => &KEYS,
        }
    }

    /// Returns how much time the services that run are given to end.
    pub(crate) fn graces(&self) -> Vec<Grace<'_>> {
        let mut graces = Vec::new();
        let given = [(WEB_DRAINING, Some(WEB_OVERLAP)), (WORKER_DRAINING, None)];
        for (part, (draining, overlap)) in self.running().into_iter().zip(given) {
            graces.push(Grace { service: &part.service, draining, overlap });
        }
        graces
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
            wait: 1_800,
            thaws: true,
            kept: vec!["LANGFUSE_S3_MEDIA_UPLOAD_".to_owned()],
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
        context.kept.clear();
        assert_eq!(Context::of(&call(&context)), Ok(context.clone()));
        for missing in FIXED.into_iter().chain(["traced", "stall-limit", "wait", "thaws", "kept"]) {
            let mut call = call(&context);
            call.parameters.retain(|(name, _)| name != missing);
            assert!(Context::of(&call).is_err(), "{missing}");
        }
    }
}
