use std::collections::BTreeMap;

use lockstep_engine::journal::Event;
use lockstep_engine::model::Digest;
use lockstep_store::{Flaw, NewRun, RecordsError};

use crate::support::{Place, Session, begin, create, event, id, new_run, on_both};

on_both! {
    a_run_that_is_as_it_was_written_is_verified_and_its_head_is_told,
    a_record_that_was_changed_removed_or_moved_is_named,
    what_stands_beside_a_record_is_verified_too,
    a_record_of_a_newer_format_is_refused_by_its_format,
    a_journal_whose_end_was_cut_off_does_not_hold_the_head_that_was_told,
    bytes_that_a_run_rests_on_are_verified,
    of_all_runs_the_first_flaw_is_told,
}

/// Makes a run with records 0 to 3.
async fn four_records(place: &Place) -> Session {
    let mut session = begin(&place.store, "r-1", "e").await;
    session.append(&place.store, vec![event("a"), event("b"), event("c")]).await.unwrap();
    session
}

/// Changes one row of such a run, and returns what is told of it.
async fn told(place: &Place, statement: &str) -> RecordsError {
    let place = place.another().await;
    four_records(&place).await;
    place.unguard().await;
    assert_eq!(place.tamper(statement).await, 1, "{statement}");
    let told = place.store.verify(&id("r-1"), None).await.unwrap_err();
    // Whoever only reads is told the same.
    assert_eq!(place.store.records(&id("r-1")).await.unwrap_err().to_string(), told.to_string());
    told
}

async fn a_run_that_is_as_it_was_written_is_verified_and_its_head_is_told(place: Place) {
    let session = four_records(&place).await;
    for known in [None, Some(&session.head.digest)] {
        let verified = place.store.verify(&id("r-1"), known).await.unwrap();
        assert_eq!(
            (verified.run, verified.head, verified.attachments),
            (id("r-1"), session.head, 0)
        );
    }
    let nowhere = place.store.verify(&id("r-2"), None).await;
    assert!(matches!(nowhere, Err(RecordsError::NoRun(_))));
}

async fn a_record_that_was_changed_removed_or_moved_is_named(place: Place) {
    for (statement, flaw) in [
        (
            r#"UPDATE records SET body = replace(body, '"a"', '"z"') WHERE sequence = 1"#,
            "record 1 of run r-1 was changed after it was written",
        ),
        (
            r#"UPDATE records SET body = replace(body, '"c"', '"z"') WHERE sequence = 3"#,
            "record 3 of run r-1 was changed after it was written",
        ),
        (
            "UPDATE records SET body = replace(body, '{', '{ ') WHERE sequence = 2",
            "record 2 of run r-1 was changed after it was written",
        ),
        ("DELETE FROM records WHERE sequence = 0", "record 0 of run r-1 is missing"),
        ("DELETE FROM records WHERE sequence = 2", "record 2 of run r-1 is missing"),
        ("UPDATE records SET sequence = 9 WHERE sequence = 1", "record 1 of run r-1 is missing"),
        (
            "UPDATE records SET body = (SELECT body FROM records WHERE sequence = 3) WHERE sequence = 1",
            "record 3 of run r-1 stands where record 1 was written",
        ),
        (
            r#"UPDATE records SET body = replace(body, '"r-1"', '"r-7"') WHERE sequence = 1"#,
            "a record of run r-7 stands where record 1 of run r-1 was written",
        ),
        (
            r#"UPDATE records SET body = replace(body, '"why"', '"who"') WHERE sequence = 2"#,
            "record 2 of run r-1 is not a record any more",
        ),
        (
            "UPDATE records SET body = 'x' WHERE sequence = 2",
            "record 2 of run r-1 is not a record any more",
        ),
    ] {
        let told = told(&place, statement).await;
        assert!(matches!(told, RecordsError::Flaw(_)), "{statement}: {told:?}");
        assert_eq!(told.to_string(), flaw, "{statement}");
    }
}

async fn what_stands_beside_a_record_is_verified_too(place: Place) {
    for statement in [
        "UPDATE records SET kind = 'finished' WHERE sequence = 3",
        "UPDATE records SET epoch = 2 WHERE sequence = 3",
        "UPDATE records SET digest = (SELECT digest FROM records WHERE sequence = 2) WHERE sequence = 3",
    ] {
        let told = told(&place, statement).await;
        assert!(matches!(told, RecordsError::Flaw(Flaw::Changed { sequence: 3, .. })), "{told:?}");
    }
}

async fn a_record_of_a_newer_format_is_refused_by_its_format(place: Place) {
    let newer =
        r#"UPDATE records SET body = replace(body, '"format":1', '"format":2') WHERE sequence = 2"#;
    let told = told(&place, newer).await;
    let words = "record 2 of run r-1 has format 2, and this lockstep reads up to 1";
    assert_eq!(told.to_string(), words);
}

async fn a_journal_whose_end_was_cut_off_does_not_hold_the_head_that_was_told(place: Place) {
    let session = four_records(&place).await;
    place.unguard().await;
    assert_eq!(place.tamper("DELETE FROM records WHERE sequence = 3").await, 1);
    place.store.verify(&id("r-1"), None).await.unwrap();
    let told = place.store.verify(&id("r-1"), Some(&session.head.digest)).await.unwrap_err();
    let RecordsError::Flaw(Flaw::Head { wanted, .. }) = told else { panic!("{told}") };
    assert_eq!(wanted, session.head.digest);
}

/// Makes a run that rests on a plan.
async fn with_plan(place: &Place, run: &str) -> Digest {
    let plan = place.store.put(b"{\"plan\":1}".to_vec()).await.unwrap();
    let attachments = BTreeMap::from([("plan".to_owned(), plan)]);
    let new = NewRun { attachments, ..new_run(run, run) };
    let events = vec![Event::Planned { plan: new.plan }];
    place.store.create_run(new, events).await.unwrap();
    plan
}

async fn bytes_that_a_run_rests_on_are_verified(place: Place) {
    let plan = with_plan(&place, "r-1").await;
    assert_eq!(place.store.verify(&id("r-1"), None).await.unwrap().attachments, 1);
    let other = "UPDATE blobs SET bytes = (SELECT value FROM settings WHERE name = 'id')";
    assert_eq!(place.tamper(other).await, 1);
    let told = place.store.verify(&id("r-1"), None).await.unwrap_err();
    let RecordsError::Flaw(Flaw::ChangedBlob { role, digest, .. }) = told else { panic!("{told}") };
    assert_eq!((role.as_str(), digest), ("plan", plan));
}

async fn of_all_runs_the_first_flaw_is_told(place: Place) {
    four_records(&place).await;
    create(&place.store, "r-2", "e-2").await;
    let all = place.store.verify_all().await.unwrap();
    assert_eq!(all.iter().map(|one| one.run.as_str()).collect::<Vec<_>>(), ["r-2", "r-1"]);
    place.unguard().await;
    assert_eq!(place.tamper("DELETE FROM records WHERE sequence = 1").await, 1);
    let told = place.store.verify_all().await.unwrap_err();
    assert_eq!(told.to_string(), "record 1 of run r-1 is missing");
}
