//! What an operator may tell the plugin in `lockstep.toml`.

use lockstep_sdk::step::HOUR;
use lockstep_sdk::{Finding, Target, Version};

use crate::beside;
use crate::names::COMPONENT;

/// The longest that a critical section may take, by the contract.
const LONGEST_OUTAGE: u64 = 600_000;

/// The word for the path on which the server itself becomes a node.
pub(crate) const IN_PLACE: &str = "in-place";

/// The word for the path on which a cluster is made to move to.
pub(crate) const CLUSTER: &str = "cluster";

/// The service that runs the old server, unless told otherwise.
pub(crate) const SERVICE: &str = "postgres";

/// Whether the old server's service is deleted at the end.
const REMOVE_OLD: &str = "remove-old";

/// For how long it is stopped before.
const STOPPED_HOURS: &str = "stopped-hours";

/// How the database moves to a cluster beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Path {
    /// The cluster follows the old server, and writes wait for a moment.
    #[default]
    Online,
    /// Everybody is stopped, and a job dumps and restores.
    Job,
}

impl Path {
    /// Returns the word for it in options and parameters.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Job => "job",
        }
    }

    /// Returns the path that a word means.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Online, Self::Job].into_iter().find(|path| path.word() == word)
    }
}

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The version that is asked for, which no plan can choose: only a plan that is made again names one, its own.
    pub(crate) desired: Option<String>,
    /// How the database moves to a cluster beside it.
    pub(crate) path: Path,
    /// Whether a front comes first, which is switched instead of everybody.
    pub(crate) front_first: bool,
    /// Whether it stays where it is, and its server becomes the first node of a cluster instead.
    pub(crate) in_place: bool,
    /// Whether nothing moves, and a cluster is made to move to.
    pub(crate) makes_cluster: bool,
    /// The code of the template that it is made from.
    pub(crate) template: String,
    /// The service that runs the old server.
    pub(crate) service: String,
    /// The service that runs PgPool.
    pub(crate) front: String,
    /// The services that run the cluster's nodes.
    pub(crate) nodes: Vec<String>,
    /// For how long writes may be held at the cut, in milliseconds.
    pub(crate) max_outage: u64,
    /// How long to watch afterwards, in milliseconds.
    pub(crate) soak: u64,
    /// Whether the old server's service is deleted at the end, and how long it is stopped before, in milliseconds.
    pub(crate) remove_old: Option<u64>,
    /// How far the cluster may be behind, in bytes, when the cut begins.
    pub(crate) lag_bytes: u64,
    /// How much WAL a link may hold back, in MB, if not a fifth of the volume.
    pub(crate) wal_budget: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            desired: None,
            path: Path::default(),
            front_first: false,
            in_place: false,
            makes_cluster: false,
            template: beside::CODE.to_owned(),
            service: SERVICE.to_owned(),
            front: "pgpool".to_owned(),
            nodes: ["pg-0", "pg-1", "pg-2"].map(str::to_owned).to_vec(),
            max_outage: 60_000,
            soak: 24 * HOUR,
            remove_old: None,
            lag_bytes: 1 << 20,
            wal_budget: None,
        }
    }
}

impl Options {
    /// Reads the options; a refusal for each that is not known or not of its form.
    pub(crate) fn parse(target: &Target) -> Result<Self, Vec<Finding>> {
        let mut options = Self { desired: target.desired.clone(), ..Self::default() };
        let mut refusals = Vec::new();
        for (name, value) in &target.options {
            if let Err(refusal) = options.set(name, value) {
                refusals.push(*refusal);
            }
        }
        match removal(target) {
            Ok(found) => options.remove_old = found,
            Err(refusal) => refusals.push(*refusal),
        }
        if refusals.is_empty() { Ok(options) } else { Err(refusals) }
    }

    /// Refuses a version that is asked for and is not the one to which the plan leads: what the cluster runs is for whoever
    /// deploys it to decide.
    pub(crate) fn other_version(&self, leads_to: &Version) -> Option<Finding> {
        let desired = self.desired.as_ref().filter(|desired| **desired != leads_to.text)?;
        let title = format!(
            "`{COMPONENT}` takes no version: it leads to `{}`, and `{desired}` was asked for or stands in the plan's file",
            leads_to.text
        );
        Some(Finding::refusal("target", title).remedy(
            "plan it again without a version: the database moves to the cluster that is there",
        ))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Box<Finding>> {
        match name {
            "path" if value == IN_PLACE => self.in_place = true,
            "path" if value == CLUSTER => self.makes_cluster = true,
            "template" => value.clone_into(&mut self.template),
            "path" => self.path = path(value)?,
            "service" => value.clone_into(&mut self.service),
            "front-first" => self.front_first = truth(name, value)?,
            "front" => value.clone_into(&mut self.front),
            "nodes" => self.nodes = nodes(value)?,
            "max-outage" => self.max_outage = number(name, value, (1, LONGEST_OUTAGE))?,
            "soak-hours" => self.soak = number(name, value, (0, 24 * 365))?.saturating_mul(HOUR),
            // They mean something only together.
            REMOVE_OLD | STOPPED_HOURS => {}
            "lag-bytes" => self.lag_bytes = number(name, value, (1, 1 << 40))?,
            "wal-budget" => self.wal_budget = Some(number(name, value, (64, 1 << 30))?),
            other => {
                return Err(Finding::refusal("option", format!("the option `{other}` is not known"))
                    .remedy(
                        "the options are `path`, `service`, `template`, `front`, `front-first`, `nodes`, `max-outage`, `soak-hours`, \
                         `remove-old`, `stopped-hours`, `lag-bytes` and `wal-budget`",
                    )
                    .into());
            }
        }
        Ok(())
    }
}

/// Reads whether the old server's service is deleted, and after how long.
fn removal(target: &Target) -> Result<Option<u64>, Box<Finding>> {
    let of = |name: &str| {
        target.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let removes = of(REMOVE_OLD).map_or(Ok(false), |value| truth(REMOVE_OLD, value))?;
    let hours = of(STOPPED_HOURS).map(|value| number(STOPPED_HOURS, value, (0, 24 * 365)));
    match (removes, hours.transpose()?) {
        (true, hours) => Ok(Some(hours.unwrap_or(24).saturating_mul(HOUR))),
        (false, None) => Ok(None),
        (false, Some(_)) => {
            let title = format!(
                "the option `{STOPPED_HOURS}` says how long something is stopped before it is deleted, and nothing is"
            );
            Err(Finding::refusal("option-stopped-hours", title)
                .remedy(format!("write `{REMOVE_OLD} = \"true\"` too, or leave it out"))
                .into())
        }
    }
}

fn path(value: &str) -> Result<Path, Box<Finding>> {
    if let Some(path) = Path::of(value) {
        return Ok(path);
    }
    Err(Finding::refusal("path", format!("the path `{value}` is not known"))
        .evidence("online: a copy that follows the old server, and a short block on its writes")
        .evidence("job: every service is stopped, and `pg-migrate-ha` dumps and restores")
        .evidence("in-place: the server becomes the first node of Railway's own cluster")
        .evidence("cluster: nothing moves; a cluster for `online` or `job` is made from a template")
        .remedy("take `online`, which is what applies without this option")
        .source("plans.md 3.0")
        .into())
}

fn truth(option: &str, value: &str) -> Result<bool, Box<Finding>> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            let title = format!("the option `{option}` is `{other}`");
            let refusal = Finding::refusal(&format!("option-{option}"), title);
            Err(refusal.remedy("write `true` or `false`").into())
        }
    }
}

fn nodes(value: &str) -> Result<Vec<String>, Box<Finding>> {
    let nodes: Vec<String> = value.split(',').map(|node| node.trim().to_owned()).collect();
    let twice = nodes
        .iter()
        .enumerate()
        .any(|(index, node)| nodes.iter().skip(index + 1).any(|it| it == node));
    if twice || nodes.iter().any(String::is_empty) {
        let title = format!("the option `nodes` is `{value}`, which is no list of services");
        return Err(Finding::refusal("option-nodes", title)
            .remedy("write each service once, with commas between them: `pg-0,pg-1,pg-2`")
            .into());
    }
    Ok(nodes)
}

fn number(option: &str, value: &str, (least, most): (u64, u64)) -> Result<u64, Box<Finding>> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && (least..=most).contains(number));
    number.ok_or_else(|| {
        let title = format!("the option `{option}` is `{value}`");
        Finding::refusal(&format!("option-{option}"), title)
            .remedy(format!("write a whole number from {least} to {most}"))
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(options: &[(&str, &str)]) -> Result<Options, Vec<Finding>> {
        let own = |text: &str| text.to_owned();
        Options::parse(&Target {
            component: "postgres-ha".to_owned(),
            environment: "lab".to_owned(),
            desired: None,
            options: options.iter().map(|(name, value)| (own(name), own(value))).collect(),
            now: 0,
            extra: Vec::new(),
        })
    }

    #[test]
    fn an_option_that_is_not_known_is_named() {
        let refusals = parsed(&[("font", "pgpool"), ("max-outage", "1m")]).unwrap_err();
        assert!(refusals[0].title.contains("`font`"));
        assert!(refusals[1].title.contains("`1m`"));
        for (name, bad) in [
            ("max-outage", "600001"),
            ("max-outage", "0"),
            ("max-outage", "+5"),
            ("soak-hours", ""),
            ("nodes", "pg-0,,pg-1"),
            ("nodes", "pg-0,pg-0"),
            ("path", "fast"),
            ("front-first", "yes"),
            ("remove-old", "yes"),
            ("stopped-hours", "24"),
        ] {
            assert!(parsed(&[(name, bad)]).is_err(), "{name}: {bad}");
        }
    }

    #[test]
    fn the_old_service_is_deleted_only_where_that_is_asked_for_and_after_a_day() {
        let removes = |options: &[(&str, &str)]| parsed(options).map(|it| it.remove_old);
        assert_eq!(removes(&[("remove-old", "false")]), Ok(None));
        assert_eq!(removes(&[("remove-old", "true")]), Ok(Some(24 * HOUR)));
        assert_eq!(removes(&[("stopped-hours", "0"), ("remove-old", "true")]), Ok(Some(0)));
        let refusals = parsed(&[("remove-old", "false"), ("stopped-hours", "2")]).unwrap_err();
        assert!(refusals[0].title.contains("nothing is"), "{refusals:?}");
        assert!(parsed(&[("remove-old", "true"), ("stopped-hours", "1d")]).is_err());
    }

    #[test]
    fn each_path_has_its_word_and_others_are_refused_with_all_of_them() {
        let refusals = parsed(&[("path", "in place")]).unwrap_err();
        assert_eq!(refusals[0].evidence.len(), 4, "{:?}", refusals[0]);
        assert!(parsed(&[("path", "cluster")]).unwrap().makes_cluster);
        assert!(parsed(&[("path", "in-place")]).unwrap().in_place);
        assert_eq!(parsed(&[("path", "online")]), Ok(Options::default()));
        assert_eq!(parsed(&[("path", "job")]).unwrap().path, Path::Job);
    }

    #[test]
    fn without_options_the_templates_own_names_hold() {
        let options = parsed(&[]).unwrap();
        assert_eq!((options.front.as_str(), options.max_outage), ("pgpool", 60_000));
        assert_eq!(options.nodes, ["pg-0", "pg-1", "pg-2"]);
        assert_eq!(parsed(&[("soak-hours", "2")]).unwrap().soak, 2 * HOUR);
    }
}
