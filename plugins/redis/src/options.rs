//! What an operator may tell the plugin in `lockstep.toml`.

use lockstep_sdk::blocks::soak;
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Finding, Target};

/// The service that runs Redis, unless told otherwise.
pub(crate) const SERVICE: &str = "redis";
/// The service that works off the queues, unless told otherwise.
pub(crate) const WORKER: &str = "langfuse-worker";
/// The connection to the server, unless told otherwise.
pub(crate) const CONNECTION: &str = "redis";

/// How long a new server may take until it answers, unless told otherwise: loading tens of gigabytes takes minutes.
const BOOT_LIMIT: u64 = 20 * MINUTE;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The service that runs Redis.
    pub(crate) service: String,
    /// The service that works off the queues, if one was named.
    pub(crate) worker: Option<String>,
    /// The connection to the server.
    pub(crate) connection: String,
    /// How long to watch afterwards, if not as long as the path says.
    pub(crate) soak: Option<u64>,
    /// How long a new server may take until it answers as it should.
    pub(crate) boot_limit: u64,
}

impl Options {
    /// Reads the options; a refusal for each that is not known or not of its form.
    pub(crate) fn parse(target: &Target) -> Result<Self, Vec<Finding>> {
        let mut options = Self {
            service: SERVICE.to_owned(),
            worker: None,
            connection: CONNECTION.to_owned(),
            soak: None,
            boot_limit: BOOT_LIMIT,
        };
        let mut refusals = Vec::new();
        for (name, value) in &target.options {
            match name.as_str() {
                "service" => options.service.clone_from(value),
                "worker" => options.worker = Some(value.clone()),
                "connection" => options.connection.clone_from(value),
                "soak" => match soak::parse(value) {
                    Ok(length) => options.soak = Some(length),
                    Err(soak::NoLength(text)) => refusals.push(no_length("soak", &text)),
                },
                "boot-limit" => match soak::parse(value) {
                    Ok(length) if length > 0 => options.boot_limit = length,
                    Ok(_) => refusals.push(no_length("boot-limit", value)),
                    Err(soak::NoLength(text)) => refusals.push(no_length("boot-limit", &text)),
                },
                other => refusals.push(
                    Finding::refusal("option", format!("the option `{other}` is not known"))
                        .remedy("the options are `service`, `worker`, `connection`, `soak` and `boot-limit`"),
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

    fn target(options: &[(&str, &str)]) -> Target {
        Target {
            component: "redis".to_owned(),
            environment: "lab".to_owned(),
            desired: None,
            options: options
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            now: 0,
            extra: Vec::new(),
        }
    }

    #[test]
    fn an_option_that_is_not_known_is_named() {
        let refusals =
            Options::parse(&target(&[("sevice", "cache"), ("soak", "soon")])).unwrap_err();
        assert!(refusals[0].title.contains("`sevice`"));
        assert!(refusals[1].title.contains("`soon`"));
    }

    #[test]
    fn the_readme_shows_every_option() {
        let readme = include_str!("../../../README.md");
        let (_, shown) = readme.split_once("options.redis]").unwrap();
        let lines = shown.split("\n\n").next().unwrap().lines().skip(1);
        let shown: Vec<(&str, &str)> = lines
            .map(|line| {
                let (name, value) = line.split_once(" = ").unwrap();
                (name, value.split('"').nth(1).unwrap())
            })
            .collect();
        assert!(Options::parse(&target(&shown)).is_ok());
        let known = Options::parse(&target(&[("nothing", "")])).unwrap_err();
        let known = known[0].remedy.clone().unwrap();
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        assert_eq!(shown.iter().map(|(name, _)| *name).collect::<Vec<_>>(), known);
    }

    #[test]
    fn without_options_the_stacks_own_names_hold() {
        let options = Options::parse(&target(&[])).unwrap();
        assert_eq!(
            (options.service.as_str(), options.connection.as_str(), options.soak),
            ("redis", "redis", None)
        );
        assert_eq!(Options::parse(&target(&[("soak", "90")])).unwrap().soak, Some(90_000));
    }
}
