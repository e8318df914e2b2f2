//! What an operator may tell the plugin in `lockstep.toml`.

use lockstep_sdk::blocks::soak;
use lockstep_sdk::step::{HOUR, MINUTE};
use lockstep_sdk::{Finding, Target};

/// The service that runs the proxy, unless told otherwise.
pub(crate) const SERVICE: &str = "litellm";
/// The service that runs its database, unless told otherwise.
pub(crate) const DATABASE_SERVICE: &str = "postgres";

/// How long the new version is watched, unless told otherwise.
const SOAK: u64 = 24 * HOUR;
/// How long a deployment of the proxy may take, unless told otherwise.
const BOOT_LIMIT: u64 = 20 * MINUTE;

/// The word with which a migration is accepted that the former version can't live with.
const ACCEPTED: &str = "accepted";

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The service that runs the proxy.
    pub(crate) service: String,
    /// The service that runs its database.
    pub(crate) database_service: String,
    /// The model that is asked for a mock answer, if one was named.
    pub(crate) model: Option<String>,
    /// How long the new version is watched.
    pub(crate) soak: u64,
    /// How long a deployment of the proxy may take.
    pub(crate) boot_limit: u64,
    /// Whether a migration is accepted that the former version can't live with.
    pub(crate) destructive: bool,
}

impl Options {
    /// Reads the options; a refusal for each that is not known or not of its form.
    pub(crate) fn parse(target: &Target) -> Result<Self, Vec<Finding>> {
        let mut options = Self {
            service: SERVICE.to_owned(),
            database_service: DATABASE_SERVICE.to_owned(),
            model: None,
            soak: SOAK,
            boot_limit: BOOT_LIMIT,
            destructive: false,
        };
        let mut refusals = Vec::new();
        for (name, value) in &target.options {
            match name.as_str() {
                "service" => options.service.clone_from(value),
                "database-service" => options.database_service.clone_from(value),
                "model" => options.model = Some(value.clone()),
                "soak" => match soak::parse(value) {
                    Ok(length) => options.soak = length,
                    Err(soak::NoLength(text)) => refusals.push(no_length("soak", &text)),
                },
                "boot-limit" => match soak::parse(value) {
                    Ok(length) if length > 0 => options.boot_limit = length,
                    Ok(_) => refusals.push(no_length("boot-limit", value)),
                    Err(soak::NoLength(text)) => refusals.push(no_length("boot-limit", &text)),
                },
                "destructive" if value == ACCEPTED => options.destructive = true,
                "destructive" => refusals.push(
                    Finding::refusal("option-destructive", format!("the option `destructive` is `{value}`"))
                        .remedy(format!("write `{ACCEPTED}`, or leave it out")),
                ),
                other => refusals.push(
                    Finding::refusal("option", format!("the option `{other}` is not known")).remedy(
                        "the options are `service`, `database-service`, `model`, `soak`, `boot-limit` and `destructive`",
                    ),
                ),
            }
        }
        if refusals.is_empty() { Ok(options) } else { Err(refusals) }
    }
}

fn no_length(option: &str, text: &str) -> Finding {
    let title = format!("the option `{option}` is `{text}`, which is no length of time");
    Finding::refusal(&format!("option-{option}"), title)
        .remedy("write seconds, or a number with `s`, `m` or `h`, such as `24h`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::stack::target;

    #[test]
    fn an_option_that_is_not_known_or_not_of_its_form_is_named() {
        let given =
            [("sevice", "proxy"), ("soak", "soon"), ("boot-limit", "0"), ("destructive", "yes")];
        let refusals = Options::parse(&target(None, &given)).unwrap_err();
        for (refusal, part) in refusals.iter().zip(["`sevice`", "`soon`", "`0`", "`yes`"]) {
            assert!(refusal.title.contains(part), "{}", refusal.title);
        }
    }

    #[test]
    fn without_options_the_stacks_own_names_hold() {
        let options = Options::parse(&target(None, &[])).unwrap();
        assert_eq!(
            (options.service.as_str(), options.database_service.as_str()),
            ("litellm", "postgres")
        );
        assert_eq!((options.soak, options.destructive), (24 * HOUR, false));
        let given = [("soak", "90"), ("destructive", "accepted"), ("model", "gpt")];
        let options = Options::parse(&target(None, &given)).unwrap();
        assert_eq!((options.soak, options.destructive), (90_000, true));
        assert_eq!(options.model.as_deref(), Some("gpt"));
    }
}
