//! Staged changes: what other people see as a patch that waits to be committed.

use lockstep_engine::model::{Digest, Failure};
use serde_json::{Map, Value, json};

use super::documents;
use super::gateway::Railway;
use super::wire::StagedPatch;
use crate::secrets::looks_secret;

/// A staged patch without its empty parts.
pub(super) struct Staged(Option<Value>);

impl Staged {
    /// Returns the patch without its empty parts, which say nothing.
    pub(super) fn of(patch: Value) -> Self {
        Self(without_empty(patch, 0))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns what is staged.
    pub(super) fn patch(&self) -> Option<&Value> {
        self.0.as_ref()
    }

    /// Returns a digest of what is staged; none when nothing is.
    pub(super) fn digest(&self) -> Result<Option<String>, Failure> {
        let digest = |patch: &Value| {
            Digest::of_json("lockstep-staged-1", patch).map_err(|error| {
                Failure::permanent(
                    "railway:staged",
                    format!("could not hash what is staged: {error}"),
                )
            })
        };
        Ok(self.0.as_ref().map(digest).transpose()?.map(|digest| digest.to_string()))
    }

    /// Returns the ids of the services that it changes.
    pub(super) fn services(&self) -> Vec<&str> {
        let services =
            self.0.as_ref().and_then(|patch| patch.get("services")).and_then(Value::as_object);
        services.map(|services| services.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Returns whether it changes nothing but services and the volumes that they mount.
    pub(super) fn only_volumes(&self) -> bool {
        let parts = self.0.as_ref().and_then(Value::as_object);
        let other = |part: &str| !["services", "volumes"].contains(&part);
        let of_service = |service: &Value| {
            service.as_object().is_some_and(|parts| {
                parts.keys().all(|part| part == "volumeMounts" || part == "isUpdated")
            })
        };
        parts.is_some_and(|parts| {
            !parts.keys().any(|part| other(part))
                && parts
                    .get("services")
                    .and_then(Value::as_object)
                    .is_none_or(|all| all.values().all(of_service))
        })
    }

    /// Returns whether it changes nothing but what lies under `paths`.
    pub(super) fn within(&self, paths: &[Vec<String>]) -> bool {
        let mut inside = true;
        if let Some(patch) = &self.0 {
            flatten(patch, &mut Vec::new(), &mut |path, _| {
                inside &= paths.iter().any(|allowed| path.starts_with(allowed));
            });
        }
        inside
    }

    /// Returns one line of words for each staged change, services by name.
    pub(super) fn words(&self, name_of: impl Fn(&str) -> String) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(patch) = &self.0 {
            flatten(patch, &mut Vec::new(), &mut |path, value| {
                lines.push(line(path, value, &name_of));
            });
        }
        lines
    }
}

impl Railway {
    /// Returns what is staged now.
    pub(super) async fn staged(&self) -> Result<Staged, Failure> {
        let variables = json!({ "environment": self.environment_id });
        let staged: StagedPatch = self.read(&documents::STAGED, variables).await?;
        Ok(Staged::of(staged.patch))
    }
}

/// How deep parts that hold nothing are left out: below a service's sections, `{}` is a change whose value is not shown.
const SECTIONS: usize = 3;

/// How deep they are left out elsewhere, such as in the shared variables.
const SHARED: usize = 1;

fn without_empty(value: Value, depth: usize) -> Option<Value> {
    match value {
        Value::Object(parts) => {
            let whole = parts.is_empty();
            let kept: Map<String, Value> = parts
                .into_iter()
                .filter_map(|(name, part)| {
                    let least =
                        if depth == 0 && name != "services" { SECTIONS - SHARED } else { 0 };
                    // An explicit null deletes, so it is no empty part.
                    let part =
                        if part.is_null() { part } else { without_empty(part, depth + 1 + least)? };
                    Some((name, part))
                })
                .collect();
            (!kept.is_empty() || (whole && depth > SECTIONS)).then_some(Value::Object(kept))
        }
        Value::Null => None,
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Some(other)
        }
    }
}

fn flatten(value: &Value, path: &mut Vec<String>, out: &mut impl FnMut(&[String], &Value)) {
    match value {
        Value::Object(parts) if !parts.is_empty() => {
            for (name, part) in parts {
                path.push(name.clone());
                flatten(part, path, out);
                path.pop();
            }
        }
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => out(path, other),
    }
}

fn line(path: &[String], value: &Value, name_of: &impl Fn(&str) -> String) -> String {
    let (whose, rest) = match path {
        [kind, id, rest @ ..] if kind == "services" => (name_of(id), rest),
        all => ("environment".to_owned(), all),
    };
    let what = match value {
        Value::Null => "removed".to_owned(),
        Value::String(text) => {
            let variable =
                rest.iter().rev().find(|part| part.as_str() != "value").map_or("", String::as_str);
            if looks_secret(variable, text) {
                "a value that looks secret".to_owned()
            } else {
                text.clone()
            }
        }
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    format!("{whose}: {} = {what}", rest.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_placeholder_is_nothing_staged_and_a_deletion_is_something() {
        assert!(Staged::of(json!({ "services": {}, "sharedVariables": {} })).is_empty());
        assert!(Staged::of(json!({})).is_empty());
        assert!(Staged::of(json!({ "services": { "id": { "variables": {} } } })).is_empty());
        assert!(
            !Staged::of(json!({ "services": { "id": { "variables": { "HIDDEN": {} } } } }))
                .is_empty()
        );
        assert!(!Staged::of(json!({ "sharedVariables": { "HIDDEN": {} } })).is_empty());
        let deletion = Staged::of(json!({ "services": { "id": { "variables": { "A": null } } } }));
        assert!(!deletion.is_empty());
        assert_eq!(deletion.words(|_| "redis".to_owned()), ["redis: variables.A = removed"]);
    }

    #[test]
    fn a_staged_secret_is_not_spoken() {
        let staged = Staged::of(
            json!({ "services": { "id": { "variables": { "PASSWORD": { "value": "hunter22" } } } } }),
        );
        assert_eq!(
            staged.words(|_| "redis".to_owned()),
            ["redis: variables.PASSWORD.value = a value that looks secret"]
        );
    }

    #[test]
    fn only_an_exchange_of_volumes_counts_as_one() {
        let swap = json!({ "services": { "id": { "volumeMounts": { "new": { "mountPath": "/data" }, "old": null } } } });
        assert!(Staged::of(swap).only_volumes());
        let more = json!({ "services": { "id": { "volumeMounts": {"v": {"mountPath": "/d"}}, "source": { "image": "x" } } } });
        assert!(!Staged::of(more).only_volumes());
    }
}
