//! Merging one patch into another.

use serde_json::{Map, Value};

/// Merges `patch` into `target`; a `null` in the patch is kept, because it means "delete" when committed.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(
                    target.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())),
                    value,
                );
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// Returns how many values a patch changes.
pub(crate) fn leaves(patch: &Value) -> usize {
    match patch {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => 1,
    }
}
