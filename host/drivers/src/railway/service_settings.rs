//! The settings of a service by the names that the contract gives them.

use lockstep_engine::model::Failure;
use serde_json::{Map, Value, json};

use super::wire::Instance;

/// The setting that only the environment's configuration holds.
pub(super) const AUTO_UPDATES: &str = "auto-updates";

/// How a setting travels.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Number,
    /// One of Railway's words for it.
    Policy,
}

/// The contract's name, Railway's field, its shape, and what Railway takes where it is not set.
const SETTINGS: [(&str, &str, Shape, Option<&str>); 9] = [
    ("healthcheck-path", "healthcheckPath", Shape::Text, None),
    ("healthcheck-timeout", "healthcheckTimeout", Shape::Number, None),
    ("replicas", "numReplicas", Shape::Number, None),
    ("start-command", "startCommand", Shape::Text, None),
    ("restart-policy", "restartPolicyType", Shape::Policy, Some("ON_FAILURE")),
    ("restart-retries", "restartPolicyMaxRetries", Shape::Number, Some("10")),
    ("draining-seconds", "drainingSeconds", Shape::Number, None),
    ("overlap-seconds", "overlapSeconds", Shape::Number, None),
    ("root-directory", "rootDirectory", Shape::Text, None),
];

/// Returns what is set, by the contract's names.
pub(super) fn read(instance: &Instance, auto_updates: Option<String>) -> Vec<(String, String)> {
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let found = [
        text(&instance.healthcheck_path),
        number(instance.healthcheck_timeout),
        number(instance.num_replicas),
        text(&instance.start_command),
        text(&instance.restart_policy_type),
        number(instance.restart_policy_max_retries),
        number(instance.draining_seconds),
        number(instance.overlap_seconds),
        text(&instance.root_directory),
    ];
    let names = SETTINGS.iter().map(|(name, ..)| *name);
    let mut settings: Vec<(String, String)> =
        names.zip(found).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    settings.extend(auto_updates.map(|value| (AUTO_UPDATES.to_owned(), value)));
    settings
}

/// Returns what stands there after `name` is set to `value`; empty unsets.
pub(super) fn wanted(name: &str, value: &str) -> Option<String> {
    if !value.is_empty() {
        return Some(value.to_owned());
    }
    let default =
        SETTINGS.iter().find(|(known, ..)| *known == name).and_then(|(_, _, _, default)| *default);
    default.map(str::to_owned)
}

/// Returns the input of `serviceInstanceUpdate` that sets `settings`, without those that travel another way. An explicit
/// null unsets.
pub fn input(settings: &[(String, String)]) -> Result<Map<String, Value>, Failure> {
    let mut input = Map::new();
    for (name, value) in settings.iter().filter(|(name, _)| name != AUTO_UPDATES) {
        let Some((_, field, shape, _)) = SETTINGS.iter().find(|(known, ..)| known == name) else {
            return Err(Failure::permanent(
                "railway:setting",
                format!("`{name}` is not a setting that lockstep knows"),
            ));
        };
        let sent = match shape {
            Shape::Text | Shape::Policy | Shape::Number if value.is_empty() => Value::Null,
            Shape::Text => json!(value),
            Shape::Policy if ["ALWAYS", "NEVER", "ON_FAILURE"].contains(&value.as_str()) => {
                json!(value)
            }
            Shape::Number if value.parse::<u32>().is_ok() => {
                json!(value.parse::<u32>().unwrap_or_default())
            }
            Shape::Policy | Shape::Number => {
                return Err(Failure::permanent(
                    "railway:setting",
                    format!("`{value}` is not a value of setting `{name}`"),
                ));
            }
        };
        input.insert((*field).to_owned(), sent);
    }
    Ok(input)
}
