use std::collections::BTreeMap;

use lockstep_engine::journal::{Epoch, Event, Head};
use lockstep_engine::model::{Digest, Moment};
use lockstep_store::{CreateRunError, FindRunError, NewRun};

use crate::support::{Place, begin, create, event, id, new_run, on_both};

on_both! {
    runs_are_listed_newest_first_with_their_last_event,
    a_runs_first_records_are_under_no_lease_and_follow_from_its_start,
    a_run_is_made_once_and_only_with_what_it_rests_on,
    a_run_is_found_by_the_beginning_of_its_id,
}

async fn runs_are_listed_newest_first_with_their_last_event(place: Place) {
    let new = NewRun { created: Moment(u64::MAX), ..new_run("r-1", "e-1") };
    let (records, head) = place.store.create_run(new, vec![]).await.unwrap();
    assert!(records.is_empty());
    assert_eq!(head, Head::start(&id("r-1")));
    begin(&place.store, "r-2", "e-2").await.append(&place.store, vec![event("why")]).await.unwrap();
    let runs = place.store.runs().await.unwrap();
    let seen: Vec<_> =
        runs.iter().map(|run| (run.id.as_str(), run.records, run.last.as_deref())).collect();
    assert_eq!(seen, [("r-2", 2, Some("turned_back")), ("r-1", 0, None)]);
    assert_eq!(runs[1].created, Moment(u64::MAX));
    assert_eq!((runs[0].environment.as_str(), runs[0].component.as_str()), ("e-2", "redis"));
}

async fn a_runs_first_records_are_under_no_lease_and_follow_from_its_start(place: Place) {
    let plan = Digest::of(b"plan");
    let events = vec![Event::Planned { plan }, Event::Approved { plan, by: "ada".to_owned() }];
    let (records, head) = place.store.create_run(new_run("r-1", "e"), events).await.unwrap();
    assert_eq!(place.store.records(&id("r-1")).await.unwrap(), records);
    assert_eq!(place.store.head(&id("r-1")).await.unwrap(), head);
    assert!(records.iter().all(|record| record.epoch == Epoch(0)));
}

async fn a_run_is_made_once_and_only_with_what_it_rests_on(place: Place) {
    create(&place.store, "r-1", "e").await;
    let again = place.store.create_run(new_run("r-1", "e"), vec![]).await;
    assert!(matches!(again, Err(CreateRunError::Exists(_))));
    let bytes = place.store.put(b"plugin".to_vec()).await.unwrap();
    let attachments =
        BTreeMap::from([("plugin".to_owned(), bytes), ("plan".to_owned(), Digest::of(b"nowhere"))]);
    let new = NewRun { attachments, ..new_run("r-2", "e") };
    let refused = place.store.create_run(new, vec![]).await.unwrap_err();
    assert!(refused.to_string().contains("its plan sha256:"), "{refused}");
    assert_eq!(place.store.runs().await.unwrap().len(), 1);
    let new = NewRun {
        attachments: BTreeMap::from([("plugin".to_owned(), bytes)]),
        ..new_run("r-2", "e")
    };
    place.store.create_run(new.clone(), vec![]).await.unwrap();
    assert_eq!(place.store.attachments(&id("r-2")).await.unwrap(), new.attachments);
}

async fn a_run_is_found_by_the_beginning_of_its_id(place: Place) {
    for run in ["r-3f20", "r-3f", "r-4a", "r-3"] {
        create(&place.store, run, run).await;
    }
    assert_eq!(place.store.find_run("r-3f").await.unwrap(), id("r-3f"));
    assert_eq!(place.store.find_run("r-3f2").await.unwrap(), id("r-3f20"));
    assert_eq!(place.store.find_run("r-4").await.unwrap(), id("r-4a"));
    let several = place.store.find_run("r-").await.unwrap_err();
    assert!(
        several.to_string().contains("4 runs begin with `r-`: r-3, r-4a, r-3f, r-3f20"),
        "{several}"
    );
    for nothing in ["", "r-5", "%", "_-3f", "' OR 1 --", "R-3F", "é"] {
        assert!(
            matches!(place.store.find_run(nothing).await, Err(FindRunError::None(_))),
            "{nothing}"
        );
    }
}
