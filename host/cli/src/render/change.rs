//! What an effect changes, as a diff: the value that stands there when the plan is made, and the one that will.

use std::collections::BTreeMap;

use lockstep_engine::model::{Assignment, DeploySource, Effect, Kind, Label, Recipe, ServiceRef};

use super::conversion::conversion;
use super::effect::{composed, conditions, kind as words, name};
use super::text::{shortened, tame};

/// What stands where an effect changes something, by name, as the plan has it.
type Standing = BTreeMap<String, Option<String>>;

/// How a line of a diff begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Stands there before.
    Before,
    /// Stands there afterwards.
    After,
    /// Stands there before and afterwards.
    Same,
    /// Is done, and changes no value that could be compared.
    Done,
}

impl Mark {
    /// Returns the sign.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Before => "-",
            Self::After => "+",
            Self::Same => "=",
            Self::Done => "▸",
        }
    }
}

/// Returns the lines of one effect. `expected` is what the plan knows to stand before each.
pub(super) fn lines(effect: &Effect, expected: &BTreeMap<Label, Standing>) -> Vec<(Mark, String)> {
    let before = Before(expected.get(&effect.label));
    let mut lines = of_kind(&effect.kind, &before);
    if let Some((_, last)) = lines.last_mut() {
        last.push_str(&conditions(effect));
    }
    lines
}

fn of_kind(effect: &Kind, before: &Before<'_>) -> Vec<(Mark, String)> {
    match effect {
        Kind::SetImage { service, image } => {
            let was = before.plain("image").map(|was| shortened(&was));
            pair(service, "image", &was, &Value::Is(shortened(&tame(image))))
        }
        Kind::SetMount { service, mount } => {
            let is = Value::Is(tame(mount));
            pair(service, "volume mounted at", &before.plain("mount"), &is)
        }
        Kind::SetSettings { service, settings } => settings
            .iter()
            .flat_map(|(setting, value)| {
                let is = if value.is_empty() { Value::NotSet } else { Value::Is(tame(value)) };
                pair(service, &format!("{} =", tame(setting)), &before.plain(setting), &is)
            })
            .collect(),
        Kind::SetVariables { service, assignments } => assignments
            .iter()
            .flat_map(|assignment| assigned(service, assignment, before))
            .collect(),
        Kind::GenerateVariable { service, name: variable, recipe } => {
            let (Recipe::Hex(length) | Recipe::Alphanumeric(length) | Recipe::Base64(length)) =
                recipe;
            let what = format!("{}: variable {} =", name(service), tame(variable));
            match before.variable(variable) {
                Value::Is(_) => vec![(Mark::Same, format!("{what} *** (unchanged: it is set)"))],
                Value::NotSet | Value::NotKnown => vec![
                    (Mark::Before, format!("{what} (not set)")),
                    (Mark::After, format!("{what} *** (new: {length} random characters)")),
                ],
            }
        }
        Kind::DeleteVariables { service, names } => names
            .iter()
            .flat_map(|variable| {
                let what = format!("variable {} =", tame(variable));
                pair(service, &what, &before.variable(variable), &Value::NotSet)
            })
            .collect(),
        Kind::Deploy { service, source: DeploySource::Configured } => {
            let image = match before.plain("image") {
                Value::Is(image) => format!(", which is {}", shortened(&image)),
                Value::NotSet | Value::NotKnown => String::new(),
            };
            vec![(Mark::Done, format!("{}: deploy as configured{image}", name(service)))]
        }
        Kind::StageConversion { root, wanted, moved } => {
            let said = conversion(root, wanted, moved);
            said.into_iter().map(|line| (Mark::Done, line)).collect()
        }
        other @ (Kind::RestoreVariables { .. }
        | Kind::ForgetVariables { .. }
        | Kind::Deploy { .. }
        | Kind::Restart { .. }
        | Kind::Stop { .. }
        | Kind::CreateService { .. }
        | Kind::CreateBuiltService { .. }
        | Kind::DeleteService { .. }
        | Kind::CreateVolume { .. }
        | Kind::DeleteVolume { .. }
        | Kind::BackupVolume { .. }
        | Kind::LockBackup { .. }
        | Kind::DeleteBackup { .. }
        | Kind::RestoreVolume { .. }
        | Kind::StageRevert { .. }
        | Kind::CommitStaged { .. }
        | Kind::DiscardStaged { .. }
        | Kind::RedisCommand { .. }
        | Kind::SqlExecute { .. }
        | Kind::HoldWrites { .. }
        | Kind::ReleaseWrites { .. }
        | Kind::Transfer(_)
        | Kind::HttpSend { .. }) => vec![(Mark::Done, words(other))],
    }
}

fn assigned(
    service: &ServiceRef,
    assignment: &Assignment,
    before: &Before<'_>,
) -> Vec<(Mark, String)> {
    let what = format!("variable {} =", tame(&assignment.name));
    let is = Value::Is(composed(&assignment.value));
    pair(service, &what, &before.variable(&assignment.name), &is)
}

/// Returns the value before and the value afterwards, one line each; one line where they are the same.
fn pair(service: &ServiceRef, what: &str, before: &Value, after: &Value) -> Vec<(Mark, String)> {
    let line = |value: &Value| {
        let value = match value {
            Value::NotKnown => "(not known before the step begins)",
            Value::NotSet => "(not set)",
            Value::Is(value) => value,
        };
        format!("{}: {what} {value}", name(service))
    };
    if before == after {
        return vec![(Mark::Same, format!("{} (unchanged)", line(after)))];
    }
    vec![(Mark::Before, line(before)), (Mark::After, line(after))]
}

/// What stands somewhere, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// An earlier effect of the plan puts something there that nobody knows yet.
    NotKnown,
    /// Nothing.
    NotSet,
    /// This.
    Is(String),
}

impl Value {
    fn map(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::Is(value) => Self::Is(change(value)),
            Self::NotKnown | Self::NotSet => self,
        }
    }
}

/// What stands where one effect changes something; nothing where the plan can't know.
struct Before<'a>(Option<&'a Standing>);

impl Before<'_> {
    /// Returns a value that is no secret.
    fn plain(&self, name: &str) -> Value {
        match self.0.and_then(|standing| standing.get(name)) {
            None => Value::NotKnown,
            Some(None) => Value::NotSet,
            Some(Some(value)) => Value::Is(tame(value)),
        }
    }

    /// Returns a variable's value, a secret one only by its fingerprint.
    fn variable(&self, name: &str) -> Value {
        let value = match self.0.and_then(|standing| standing.get(name)) {
            None => return Value::NotKnown,
            Some(None) => return Value::NotSet,
            Some(Some(value)) => value,
        };
        Value::Is(match value.split_once(':') {
            Some(("text", text)) => tame(text),
            Some(("print", print)) => format!("*** (fingerprint {})", tame(print)),
            Some(_) | None => "*** (sealed: nobody can read it back)".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Piece;

    use super::*;

    fn shown(kind: Kind, before: &[(&str, Option<&str>)]) -> Vec<String> {
        let label: Label = "it".parse().unwrap();
        let standing =
            before.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        let expected = BTreeMap::from([(label.clone(), standing.collect())]);
        let lines = lines(&Effect::plain(label, kind), &expected);
        lines.iter().map(|(mark, line)| format!("{} {line}", mark.sign())).collect()
    }

    fn redis() -> ServiceRef {
        ServiceRef::Named("redis".to_owned())
    }

    #[test]
    fn an_image_is_shown_before_and_after() {
        let image = format!("redis:6.2@sha256:{}", "ab".repeat(32));
        let kind = Kind::SetImage { service: redis(), image };
        assert_eq!(
            shown(kind, &[("image", Some("redis:6.2"))]),
            ["- redis: image redis:6.2", "+ redis: image redis:6.2@sha256:abababababab…"]
        );
    }

    #[test]
    fn what_stays_is_one_line_and_what_is_unset_says_so() {
        let settings =
            [("draining-seconds", "30"), ("start-command", ""), ("overlap-seconds", "0")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kind = Kind::SetSettings { service: redis(), settings: settings.to_vec() };
        let before = [("draining-seconds", Some("30")), ("start-command", Some("x"))];
        assert_eq!(
            shown(kind, &before),
            [
                "= redis: draining-seconds = 30 (unchanged)",
                "- redis: start-command = x",
                "+ redis: start-command = (not set)",
                "- redis: overlap-seconds = (not known before the step begins)",
                "+ redis: overlap-seconds = 0",
            ]
        );
    }

    #[test]
    fn a_secret_is_shown_by_what_it_is_called_and_never_by_its_value() {
        let assignments = ["A", "B", "C"].map(|name| Assignment {
            name: name.to_owned(),
            value: vec![Piece::Secret("new-password".to_owned())],
        });
        let kind = Kind::SetVariables { service: redis(), assignments: assignments.to_vec() };
        let before = [("A", Some("print:1f2e")), ("B", None), ("C", Some("unreadable"))];
        assert_eq!(
            shown(kind, &before),
            [
                "- redis: variable A = *** (fingerprint 1f2e)",
                "+ redis: variable A = *** (secret `new-password`)",
                "- redis: variable B = (not set)",
                "+ redis: variable B = *** (secret `new-password`)",
                "- redis: variable C = *** (sealed: nobody can read it back)",
                "+ redis: variable C = *** (secret `new-password`)",
            ]
        );
    }

    #[test]
    fn a_generated_secret_is_new_or_unchanged() {
        let kind = |()| Kind::GenerateVariable {
            service: redis(),
            name: "TOKEN".to_owned(),
            recipe: Recipe::Hex(32),
        };
        assert_eq!(
            shown(kind(()), &[("TOKEN", Some("print:1f2e"))]),
            ["= redis: variable TOKEN = *** (unchanged: it is set)"]
        );
        assert_eq!(
            shown(kind(()), &[("TOKEN", None)]),
            [
                "- redis: variable TOKEN = (not set)",
                "+ redis: variable TOKEN = *** (new: 32 random characters)",
            ]
        );
    }
}
