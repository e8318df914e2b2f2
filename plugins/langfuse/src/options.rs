//! What an operator may tell the plugin in `lockstep.toml`.

use lockstep_sdk::blocks::soak;
use lockstep_sdk::step::{HOUR, MINUTE};
use lockstep_sdk::{Finding, Target};

/// The services, unless told otherwise.
pub(crate) const WEB_SERVICE: &str = "langfuse-web";
pub(crate) const WORKER_SERVICE: &str = "langfuse-worker";
pub(crate) const DATABASE_SERVICE: &str = "postgres";
pub(crate) const CLICKHOUSE_SERVICE: &str = "clickhouse";
pub(crate) const STORAGE_SERVICE: &str = "minio";

/// The images of what version 3 needs, unless told otherwise: lines that get fixes, and the last one that MinIO published.
const CLICKHOUSE_IMAGE: &str = "clickhouse/clickhouse-server:24.8";
const REDIS_IMAGE: &str = "redis:7.2";
const STORAGE_IMAGE: &str = "minio/minio:RELEASE.2025-09-07T16-13-09Z";

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The web service.
    pub(crate) web: String,
    /// The worker.
    pub(crate) worker: String,
    /// The service that runs PostgreSQL.
    pub(crate) database: String,
    /// The service that runs ClickHouse.
    pub(crate) clickhouse: String,
    /// The service that keeps objects.
    pub(crate) storage: String,
    /// The images of what version 3 needs, where it is made.
    pub(crate) clickhouse_image: String,
    pub(crate) redis_image: String,
    pub(crate) storage_image: String,
    /// How long the new version is watched.
    pub(crate) soak: u64,
    /// How long a deployment that migrates may take.
    pub(crate) migration_limit: u64,
    /// How long migrations in the background may take.
    pub(crate) background_limit: u64,
    /// How long one of them may stand still.
    pub(crate) stall_limit: u64,
}

impl Options {
    /// Reads the options; a refusal for each that is not known or not of its form.
    pub(crate) fn parse(target: &Target) -> Result<Self, Vec<Finding>> {
        let mut options = Self {
            web: WEB_SERVICE.to_owned(),
            worker: WORKER_SERVICE.to_owned(),
            database: DATABASE_SERVICE.to_owned(),
            clickhouse: CLICKHOUSE_SERVICE.to_owned(),
            storage: STORAGE_SERVICE.to_owned(),
            clickhouse_image: CLICKHOUSE_IMAGE.to_owned(),
            redis_image: REDIS_IMAGE.to_owned(),
            storage_image: STORAGE_IMAGE.to_owned(),
            soak: 24 * HOUR,
            migration_limit: HOUR,
            background_limit: 72 * HOUR,
            stall_limit: 15 * MINUTE,
        };
        let mut refusals = Vec::new();
        for (name, value) in &target.options {
            if let Some(text) = options.text(name) {
                text.clone_from(value);
                continue;
            }
            let (length, least) = match name.as_str() {
                "soak" => (&mut options.soak, 0),
                "migration-limit" => (&mut options.migration_limit, 1),
                "background-limit" => (&mut options.background_limit, 1),
                "stall-limit" => (&mut options.stall_limit, 1),
                other => {
                    refusals.push(unknown(other));
                    continue;
                }
            };
            match soak::parse(value) {
                Ok(parsed) if parsed >= least => *length = parsed,
                Ok(_) | Err(soak::NoLength(_)) => refusals.push(no_length(name, value)),
            }
        }
        if refusals.is_empty() { Ok(options) } else { Err(refusals) }
    }

    /// Returns the option of this name that is a text, if there is one.
    fn text(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "service" => &mut self.web,
            "worker-service" => &mut self.worker,
            "database-service" => &mut self.database,
            "clickhouse-service" => &mut self.clickhouse,
            "storage-service" => &mut self.storage,
            "clickhouse-image" => &mut self.clickhouse_image,
            "redis-image" => &mut self.redis_image,
            "storage-image" => &mut self.storage_image,
            _ => return None,
        })
    }
}

fn unknown(option: &str) -> Finding {
    Finding::refusal("option", format!("the option `{option}` is not known")).remedy(
        "the options are `service`, `worker-service`, `database-service`, `clickhouse-service`, `storage-service`, `clickhouse-image`, \
         `redis-image`, `storage-image`, `soak`, \
         `migration-limit`, `background-limit` and `stall-limit`",
    )
}

fn no_length(option: &str, text: &str) -> Finding {
    let title =
        format!("the option `{option}` is `{text}`, which is no length of time that it can have");
    Finding::refusal(&format!("option-{option}"), title)
        .remedy("write seconds, or a number with `s`, `m` or `h`, such as `24h`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::stack::target;

    #[test]
    fn an_option_that_is_not_known_or_not_of_its_form_is_named() {
        let given = [("sevice", "web"), ("soak", "soon"), ("stall-limit", "0")];
        let refusals = Options::parse(&target(None, &given)).unwrap_err();
        for (refusal, part) in refusals.iter().zip(["`sevice`", "`soon`", "`0`"]) {
            assert!(refusal.title.contains(part), "{}", refusal.title);
        }
        assert_eq!(refusals.len(), given.len());
    }

    #[test]
    fn without_options_the_stacks_own_names_hold() {
        let options = Options::parse(&target(None, &[])).unwrap();
        assert_eq!(
            (options.web.as_str(), options.worker.as_str()),
            ("langfuse-web", "langfuse-worker")
        );
        assert_eq!(options.soak, 24 * HOUR);
        let options =
            Options::parse(&target(None, &[("soak", "0"), ("worker-service", "w")])).unwrap();
        assert_eq!((options.soak, options.worker.as_str()), (0, "w"));
    }
}
