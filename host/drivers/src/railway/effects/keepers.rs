//! Former secrets, kept beside what took their place: no journal may hold them, so this may be their only copy.
//!
//! Each change of a run puts one on the pile, and each restore takes one off. What an older run left lies below, and nothing
//! is ever overwritten.

use std::collections::BTreeMap;

use lockstep_engine::model::Failure;

use super::super::variables::Configured;
use crate::secrets::{KEPT, looks_secret};

/// The most former values of one variable that are kept. Somebody should have tidied up long before.
const MOST: usize = 8;

/// Returns the variable that keeps the newest former value of `name`.
pub(super) fn kept_name(name: &str) -> String {
    format!("{KEPT}{name}")
}

/// Returns what must be set along with a change of these variables to what stands beside them, none for a deletion, so
/// that nothing is lost: literals that look secret.
pub(super) fn kept<'n>(
    configured: &Configured,
    changes: impl Iterator<Item = (&'n str, Option<&'n str>)>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut keep = BTreeMap::new();
    for (name, wanted) in changes.filter(|(name, _)| !name.starts_with(KEPT)) {
        let Some(value) = configured.values.get(name).filter(|value| looks_secret(name, value))
        else {
            continue;
        };
        let pile = pile(configured, name);
        // An earlier attempt may have kept it, or even have set what is wanted.
        if wanted == Some(value) || pile.first() == Some(&value.as_str()) {
            continue;
        }
        if pile.len() >= MOST {
            let service = &configured.service;
            let text = format!(
                "service `{service}` already keeps {MOST} former values of `{name}` as `{KEPT}…`: delete those that nobody needs"
            );
            return Err(Failure::permanent("railway:kept", text));
        }
        let whole = std::iter::once(value.as_str()).chain(pile);
        keep.extend(whole.enumerate().map(|(depth, value)| (place(name, depth), value.to_owned())));
    }
    Ok(keep)
}

/// Returns what must be set so that `name` has its newest former value again, and that is not kept any more.
pub(super) fn restored(
    configured: &Configured,
    name: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let pile = pile(configured, name);
    let Some(newest) = pile.first() else {
        let (service, keeper) = (&configured.service, kept_name(name));
        let text = format!("service `{service}` keeps no former value of `{name}` as `{keeper}`");
        return Err(Failure::permanent("railway:not-kept", text));
    };
    let mut upsert = BTreeMap::from([(name.to_owned(), (*newest).to_owned())]);
    // Deleting takes a staged patch of its own; an empty keeper keeps nothing, and one request does it all.
    for depth in 0..pile.len() {
        let below = pile.get(depth + 1).copied().unwrap_or_default();
        upsert.insert(place(name, depth), below.to_owned());
    }
    Ok(upsert)
}

/// Returns the former values of `name`, newest first.
fn pile<'c>(configured: &'c Configured, name: &str) -> Vec<&'c str> {
    let kept = (0..).map(|depth| configured.values.get(&place(name, depth)).map(String::as_str));
    kept.map_while(|value| value.filter(|value| !value.is_empty())).collect()
}

fn place(name: &str, depth: usize) -> String {
    // No variable's own name begins with a digit, so these are nobody's else.
    if depth == 0 { kept_name(name) } else { format!("{KEPT}{}_{name}", depth + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(values: &[(&str, &str)]) -> Configured {
        let values =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Configured {
            service: "redis".to_owned(),
            values,
            sealed: std::collections::BTreeSet::new(),
        }
    }

    fn after(mut before: Configured, change: BTreeMap<String, String>) -> Configured {
        before.values.extend(change);
        before
    }

    #[test]
    fn only_a_secret_literal_that_changes_is_kept() {
        let now = configured(&[
            ("REDIS_PASSWORD", "hunter2"),
            ("HOST", "h"),
            ("REDIS_AUTH", "${{redis.REDIS_PASSWORD}}"),
        ]);
        let names = ["REDIS_PASSWORD", "HOST", "REDIS_AUTH"];
        let keep = kept(&now, names.into_iter().map(|name| (name, Some("new")))).unwrap();
        assert_eq!(
            keep.into_iter().collect::<Vec<_>>(),
            [("LOCKSTEP_BEFORE_REDIS_PASSWORD".to_owned(), "hunter2".to_owned())]
        );
        let same = kept(&now, [("REDIS_PASSWORD", Some("hunter2"))].into_iter()).unwrap();
        assert!(same.is_empty(), "{same:?}");
    }

    #[test]
    fn what_an_older_run_kept_is_neither_overwritten_nor_in_the_way() {
        let change = |now: &Configured, to: &'static str| {
            let mut keep = kept(now, [("KEY_SECRET", Some(to))].into_iter()).unwrap();
            keep.insert("KEY_SECRET".to_owned(), to.to_owned());
            keep
        };
        let mut now = configured(&[("KEY_SECRET", "a")]);
        for to in ["b", "c", "d"] {
            let upsert = change(&now, to);
            now = after(now, upsert);
        }
        assert_eq!(pile(&now, "KEY_SECRET"), ["c", "b", "a"]);
        // The same change once more, as after a crash, adds nothing.
        assert_eq!(change(&now, "d").len(), 1);
        for expected in ["c", "b", "a"] {
            let upsert = restored(&now, "KEY_SECRET").unwrap();
            now = after(now, upsert);
            assert_eq!(now.values["KEY_SECRET"], expected);
        }
        assert!(restored(&now, "KEY_SECRET").is_err());
    }

    #[test]
    fn the_pile_has_an_end() {
        let mut now = configured(&[("KEY_SECRET", "value-0")]);
        for to in 1..20 {
            let Ok(keep) = kept(&now, [("KEY_SECRET", Some("x"))].into_iter()) else {
                assert_eq!(to, MOST + 1);
                return;
            };
            now = after(now, keep);
            now.values.insert("KEY_SECRET".to_owned(), format!("value-{to}"));
        }
        panic!("no end");
    }
}
