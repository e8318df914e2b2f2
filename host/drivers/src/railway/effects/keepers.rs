//! Former secrets, kept beside what took their place: no journal may hold them, so this may be their only copy.
//!
//! Each change of a run puts one on the run's own pile, each restore takes one off, and the end of the run deletes what is
//! left. What another run keeps has another name: it is neither overwritten nor put back nor deleted.

use std::collections::BTreeMap;

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use lockstep_engine::run::Follow;

use super::super::client::{CallError, Deadline};
use super::super::gateway::{Railway, Scope};
use super::super::variables::Configured;
use super::compare;
use super::variables::{now, service};
use crate::order::Order;
use crate::secrets::{KEPT, keeper, looks_secret};

/// The most former values of one variable that a run keeps. No plan changes one variable so often.
const MOST: usize = 8;

/// Returns what must be set along with a change of these variables to what stands beside them, none for a deletion, so
/// that nothing is lost: literals that look secret.
pub(super) fn kept<'n>(
    configured: &Configured,
    run: &str,
    changes: impl Iterator<Item = (&'n str, Option<&'n str>)>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut keep = BTreeMap::new();
    for (name, wanted) in changes.filter(|(name, _)| !name.starts_with(KEPT)) {
        let Some(value) = configured.values.get(name).filter(|value| looks_secret(name, value))
        else {
            continue;
        };
        let pile = pile(configured, run, name);
        // An earlier attempt may have kept it, or even have set what is wanted.
        if wanted == Some(value) || pile.first() == Some(&value.as_str()) {
            continue;
        }
        if pile.len() >= MOST {
            let service = &configured.service;
            let text = format!(
                "service `{service}` already keeps {MOST} former values of `{name}` as `{KEPT}…` for this run"
            );
            return Err(Failure::permanent("railway:kept", text));
        }
        let whole = std::iter::once(value.as_str()).chain(pile);
        keep.extend(
            whole.enumerate().map(|(depth, value)| (place(run, name, depth), value.to_owned())),
        );
    }
    Ok(keep)
}

/// Returns what must be set so that `name` has its newest former value again, and that is not kept any more.
pub(super) fn restored(
    configured: &Configured,
    run: &str,
    name: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let pile = pile(configured, run, name);
    let Some(newest) = pile.first() else {
        let (service, place) = (&configured.service, place(run, name, 0));
        let text = format!("service `{service}` keeps no former value of `{name}` as `{place}`");
        return Err(Failure::permanent("railway:not-kept", text));
    };
    let mut upsert = BTreeMap::from([(name.to_owned(), (*newest).to_owned())]);
    // Deleting takes a staged patch of its own; an empty keeper keeps nothing, and one request does it all.
    for depth in 0..pile.len() {
        let below = pile.get(depth + 1).copied().unwrap_or_default();
        upsert.insert(place(run, name, depth), below.to_owned());
    }
    Ok(upsert)
}

/// Returns the former values of `name` from this run, newest first.
fn pile<'c>(configured: &'c Configured, run: &str, name: &str) -> Vec<&'c str> {
    let kept =
        (0..).map(|depth| configured.values.get(&place(run, name, depth)).map(String::as_str));
    kept.map_while(|value| value.filter(|value| !value.is_empty())).collect()
}

fn place(run: &str, name: &str, depth: usize) -> String {
    // No variable's own name begins with a digit, so these are nobody's else.
    if depth == 0 { keeper(run, name) } else { keeper(run, &format!("{}_{name}", depth + 1)) }
}

/// Returns every variable that keeps something of these for the run, emptied ones too.
fn all_kept(configured: &Configured, run: &str, names: &[String]) -> Vec<String> {
    let places = names.iter().flat_map(|name| (0..=MOST).map(move |depth| place(run, name, depth)));
    places.filter(|place| configured.values.contains_key(place)).collect()
}

impl Railway {
    pub(super) async fn kept_standing(
        &self,
        order: &Order<'_>,
        names: &[String],
    ) -> Result<Standing, Failure> {
        let Some((_, configured)) = self.of_what_is_there(order).await? else {
            return Ok(Standing::new());
        };
        let kept = all_kept(&configured, order.run(), names);
        Ok(now(&self.key, &configured, kept.iter()))
    }

    /// Deletes every former value of these variables that the run has kept.
    pub(super) async fn forget_variables(
        &self,
        order: &Order<'_>,
        names: &[String],
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let Some((scope, configured)) = self.of_what_is_there(order).await? else {
            return Ok(Vec::new());
        };
        let kept = all_kept(&configured, order.run(), names);
        if !kept.is_empty() {
            self.delete(order, &scope, &kept, &kept, deadline).await?;
        }
        Ok(Vec::new())
    }

    pub(super) async fn settle_forgotten(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let Some((scope, configured)) = self.of_what_is_there(order).await? else {
            return Ok(Fate::Happened(Vec::new()));
        };
        let names: Vec<String> = intent.before.keys().cloned().collect();
        let wanted: Standing = names.iter().map(|name| (name.clone(), None)).collect();
        let now = now(&self.key, &configured, names.iter());
        let fate = compare::fate(&service(&scope), &intent.before, &wanted, &now);
        self.settled_deletion(&scope, &names, intent, fate).await
    }

    pub(super) async fn follow_forgotten(
        &self,
        order: &Order<'_>,
        names: &[String],
    ) -> Result<Follow, Failure> {
        let left = self.kept_standing(order, names).await?;
        Ok(match left.keys().next() {
            None => Follow::Finished(Vec::new()),
            Some(name) => Follow::Going {
                after: self.poll,
                note: format!("variable `{name}` is being deleted"),
            },
        })
    }

    /// Returns the service and its variables; none of a service that is gone, and what it kept with it.
    async fn of_what_is_there(
        &self,
        order: &Order<'_>,
    ) -> Result<Option<(Scope, Configured)>, Failure> {
        match self.of(order).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Permanent(problem))
                if ["railway:no-service", "railway:moved"].contains(&problem.code.as_str()) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "r-1a2b";

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

    fn change(now: &Configured, run: &str, to: &'static str) -> BTreeMap<String, String> {
        let mut keep = kept(now, run, [("KEY_SECRET", Some(to))].into_iter()).unwrap();
        keep.insert("KEY_SECRET".to_owned(), to.to_owned());
        keep
    }

    #[test]
    fn only_a_secret_literal_that_changes_is_kept() {
        let now = configured(&[
            ("REDIS_PASSWORD", "hunter2"),
            ("HOST", "h"),
            ("REDIS_AUTH", "${{redis.REDIS_PASSWORD}}"),
        ]);
        let names = ["REDIS_PASSWORD", "HOST", "REDIS_AUTH"];
        let keep = kept(&now, RUN, names.into_iter().map(|name| (name, Some("new")))).unwrap();
        assert_eq!(
            keep.into_iter().collect::<Vec<_>>(),
            [("LOCKSTEP_BEFORE_R_1A2B_REDIS_PASSWORD".to_owned(), "hunter2".to_owned())]
        );
        let same = kept(&now, RUN, [("REDIS_PASSWORD", Some("hunter2"))].into_iter()).unwrap();
        assert!(same.is_empty(), "{same:?}");
    }

    #[test]
    fn what_a_run_changes_again_is_put_back_in_turn() {
        let mut now = configured(&[("KEY_SECRET", "a")]);
        for to in ["b", "c", "d"] {
            let upsert = change(&now, RUN, to);
            now = after(now, upsert);
        }
        assert_eq!(pile(&now, RUN, "KEY_SECRET"), ["c", "b", "a"]);
        assert_eq!(all_kept(&now, RUN, &["KEY_SECRET".to_owned()]).len(), 3);
        // The same change once more, as after a crash, adds nothing.
        assert_eq!(change(&now, RUN, "d").len(), 1);
        for expected in ["c", "b", "a"] {
            let upsert = restored(&now, RUN, "KEY_SECRET").unwrap();
            now = after(now, upsert);
            assert_eq!(now.values["KEY_SECRET"], expected);
        }
        assert!(restored(&now, RUN, "KEY_SECRET").is_err());
        assert_eq!(all_kept(&now, RUN, &["KEY_SECRET".to_owned()]).len(), 3, "emptied ones too");
    }

    #[test]
    fn what_another_run_kept_is_neither_overwritten_nor_put_back_nor_forgotten() {
        let mut now = configured(&[("KEY_SECRET", "a")]);
        for (run, to) in [("r-old", "b"), (RUN, "c")] {
            let upsert = change(&now, run, to);
            now = after(now, upsert);
        }
        let names = ["KEY_SECRET".to_owned()];
        assert_eq!(all_kept(&now, RUN, &names), ["LOCKSTEP_BEFORE_R_1A2B_KEY_SECRET"]);
        let upsert = restored(&now, RUN, "KEY_SECRET").unwrap();
        now = after(now, upsert);
        assert_eq!(now.values["KEY_SECRET"], "b");
        assert!(restored(&now, RUN, "KEY_SECRET").is_err());
        assert_eq!(pile(&now, "r-old", "KEY_SECRET"), ["a"]);
    }

    #[test]
    fn the_pile_has_an_end() {
        let mut now = configured(&[("KEY_SECRET", "value-0")]);
        for to in 1..20 {
            let Ok(keep) = kept(&now, RUN, [("KEY_SECRET", Some("x"))].into_iter()) else {
                assert_eq!(to, MOST + 1);
                return;
            };
            now = after(now, keep);
            now.values.insert("KEY_SECRET".to_owned(), format!("value-{to}"));
        }
        panic!("no end");
    }
}
