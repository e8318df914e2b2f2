//! What keeps data is restarted by one stage at a time, with a day between two of them.

use std::collections::BTreeMap;

use lockstep_engine::model::{Finding, Millis, Severity, Stage};
use serde::Deserialize;

/// How long must lie between two restarts of the same service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restart {
    id: String,
    hours: u64,
    source: String,
}

/// What a stage restarts, and how long it is watched.
#[derive(Debug, Default)]
pub(super) struct Restarting {
    component: String,
    /// The services with a volume that it has an outage of, and for how many milliseconds it is watched after the last.
    services: BTreeMap<String, u64>,
    /// For how many milliseconds it is watched at all.
    soak: u64,
}

impl Restarting {
    /// Reads it from a stage's plan; one that can't be planned yet restarts nothing that is known.
    pub(super) fn of(stage: &Stage) -> Self {
        let component = stage.component.clone();
        let mut restarting = Self { component, ..Self::default() };
        let Some(previewed) = stage.preview.planned() else { return restarting };
        let authority = &previewed.plan.authority;
        let keeps = |name: &str| {
            authority.pins.get(name).is_some_and(|pin| pin.volume_instance_id.is_some())
        };
        for frozen in &authority.steps {
            for outage in frozen.step.outage.iter().filter(|outage| keeps(&outage.service)) {
                restarting.services.insert(outage.service.clone(), 0);
            }
            let soak = frozen.step.soak.unwrap_or_default().0;
            restarting.soak = restarting.soak.saturating_add(soak);
            for watched in restarting.services.values_mut() {
                *watched = watched.saturating_add(soak);
            }
        }
        restarting
    }
}

impl Restart {
    /// Refuses a stage that restarts what keeps data and was restarted by one before, unless a window lies between: soaks, and the
    /// time `since` an earlier stage is over.
    pub(super) fn again(
        &self,
        own: &Restarting,
        before: &[Restarting],
        since: &dyn Fn(usize) -> Millis,
    ) -> Option<Finding> {
        let window = Millis::seconds(self.hours.saturating_mul(3_600)).0;
        let mut evidence = Vec::new();
        for (index, earlier) in before.iter().enumerate() {
            // What comes between two stages lies in the time since the first is over, once that is known.
            let later = before.iter().skip(index + 1).map(|it| it.soak);
            let passed = later.fold(0, u64::saturating_add).max(since(index).0);
            let is_soon = |service: &&String| {
                let watched = earlier.services.get(*service);
                watched.is_some_and(|watched| watched.saturating_add(passed) < window)
            };
            let both: Vec<String> =
                own.services.keys().filter(is_soon).map(|it| format!("`{it}`")).collect();
            if !both.is_empty() {
                let (component, both) = (&earlier.component, both.join(", "));
                evidence.push(format!(
                    "`{component}` restarts {both} less than {} h before",
                    self.hours
                ));
            }
        }
        (!evidence.is_empty()).then(|| Finding {
            id: self.id.clone(),
            severity: Severity::Refusal,
            title: format!(
                "stage `{}` restarts what keeps data a second time in one window: nobody could tell what the first restart did",
                own.component
            ),
            evidence,
            remedy: Some(format!(
                "plan it by itself once {} h have passed, or let the stage before it be watched for as long (its option `soak`)",
                self.hours
            )),
            source: Some(self.source.clone()),
            mended_by: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour, in milliseconds.
    const HOUR: u64 = 3_600_000;

    fn rule() -> Restart {
        Restart { id: "once".to_owned(), hours: 24, source: "the guide".to_owned() }
    }

    /// A stage that restarts these, and is watched for so many hours then.
    fn restarting(component: &str, services: &[&str], hours: u64) -> Restarting {
        let soak = hours * HOUR;
        let services = services.iter().map(|it| ((*it).to_owned(), soak)).collect();
        Restarting { component: component.to_owned(), services, soak }
    }

    fn found(own: &[&str], before: &[Restarting], hours: u64) -> Vec<String> {
        let own = restarting("own", own, 0);
        let found = rule().again(&own, before, &|_| Millis(hours * HOUR));
        assert!(found.iter().all(|it| it.severity == Severity::Refusal && it.remedy.is_some()));
        found.map(|it| it.evidence).unwrap_or_default()
    }

    #[test]
    fn what_keeps_data_is_not_restarted_twice_in_one_window() {
        let first = || restarting("first", &["redis", "postgres"], 1);
        let said = ["`first` restarts `redis` less than 24 h before"];
        assert_eq!(found(&["redis"], &[first()], 0), said);
        assert!(found(&["clickhouse"], &[first()], 0).is_empty());
        assert!(found(&["redis"], &[restarting("first", &["redis"], 24)], 0).is_empty());
        // A stage between them that is watched for long enough is a day as well.
        let between = |hours| restarting("between", &["clickhouse"], hours);
        assert_eq!(found(&["redis"], &[first(), between(22)], 0), said);
        assert!(found(&["redis"], &[first(), between(23)], 0).is_empty());
    }

    #[test]
    fn at_its_turn_the_time_that_has_passed_counts() {
        let first = [restarting("first", &["redis"], 1)];
        assert_eq!(found(&["redis"], &first, 22).len(), 1);
        assert!(found(&["redis"], &first, 23).is_empty());
    }
}
