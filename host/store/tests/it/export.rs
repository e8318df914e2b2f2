use std::collections::BTreeMap;

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Digest, Moment};
use lockstep_store::{ExportError, NewRun, RecordsError, Takeover, Verified, verify_export};

use crate::support::{Place, Session, event, here, id, new_run, on_both};

on_both! {
    an_export_holds_every_record_as_it_is_kept_and_proves_itself,
    a_line_that_was_changed_removed_added_or_moved_shows,
    a_run_that_is_not_there_is_not_exported,
    a_damaged_run_is_exported_as_it_is_and_the_file_does_not_prove_itself,
}

/// An export of a run whose records have format 1. It is never changed: it must be read for ever.
const FORMAT_1: &str = include_str!("fixtures/format-1.jsonl");

/// Makes a run that rests on a plan, a configuration and a plugin, and returns its export.
async fn exported(place: &Place) -> (Session, Vec<String>) {
    let mut attachments = BTreeMap::new();
    for (role, bytes) in [
        ("plan", "{\"steps\": []}".as_bytes()),
        ("configuration", "{\"größe\": 1}".as_bytes()),
        ("plugin", &[0, 0x61, 0x73, 0x6d]),
    ] {
        attachments.insert(role.to_owned(), place.store.put(bytes.to_vec()).await.unwrap());
    }
    let new = NewRun { attachments, ..new_run("r-1", "e") };
    let events = vec![Event::Planned { plan: new.plan }];
    let (_records, head) = place.store.create_run(new, events).await.unwrap();
    let lease =
        place.store.acquire("e", &id("r-1"), &here(), Moment(2), Takeover::IfGone).await.unwrap();
    let mut session = Session { lease, head };
    session.append(&place.store, vec![event("größer \n \u{1} 🦀"), event("b")]).await.unwrap();
    let export = place.store.export(&id("r-1")).await.unwrap();
    assert_eq!(export.records(), 3);
    (session, export.lines().map(str::to_owned).collect())
}

fn proven(lines: &[String]) -> Result<Verified, ExportError> {
    verify_export(lines.join("\n").as_bytes(), None)
}

async fn an_export_holds_every_record_as_it_is_kept_and_proves_itself(place: Place) {
    let (session, lines) = exported(&place).await;
    assert!(lines.iter().all(|line| !line.contains('\n')));
    let header: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(header["lockstep_export"], 1);
    assert_eq!(header["attachments"]["configuration"]["text"], "{\"größe\": 1}");
    assert!(header["attachments"]["plugin"].get("text").is_none());
    let verified = proven(&lines).unwrap();
    assert_eq!((verified.head, verified.attachments), (session.head, 3));
    let file = lines.join("\n") + "\n";
    verify_export(file.as_bytes(), Some(&session.head.digest)).unwrap();
    let other = Digest::of(b"another head");
    assert!(verify_export(file.as_bytes(), Some(&other)).is_err());
}

async fn a_line_that_was_changed_removed_added_or_moved_shows(place: Place) {
    let (_session, lines) = exported(&place).await;
    let told = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        proven(&lines).unwrap_err().to_string()
    };
    let replaced = |line: usize, from: &'static str, to: &'static str| {
        told(&move |lines| {
            let changed = lines[line].replace(from, to);
            assert_ne!(changed, lines[line]);
            lines[line] = changed;
        })
    };
    let changed =
        |sequence| format!("record {sequence} of run r-1 was changed after it was written");
    // Nothing follows the last record, but the header names its digest.
    assert!(
        replaced(3, "\"b\"", "\"c\"").starts_with("no record of run r-1 has the digest sha256:")
    );
    assert_eq!(replaced(2, "größer", "kleiner"), changed(2));
    assert_eq!(replaced(1, "{", "{ "), changed(0));
    assert!(told(&|lines| drop(lines.pop())).starts_with("no record of run r-1 has the digest"));
    assert!(told(&|lines| drop(lines.remove(2))).contains("stands where record 1 was written"));
    assert!(told(&|lines| lines.swap(1, 2)).contains("stands where record 0 was written"));
    assert!(
        told(&|lines| lines.push(lines[3].clone())).contains("record 2 of run r-1 stands where")
    );
    assert!(replaced(0, "größe", "grösse").contains("the configuration of run r-1 was changed"));
    assert!(replaced(0, "\"plan\":\"sha256:", "\"plan\":\"sha256:0").contains("not the header"));
    assert!(replaced(0, "lockstep_export\":1", "lockstep_export\":2").contains("has version 2"));
    let unknown = replaced(0, "\"created\"", "\"extra\":1,\"created\"");
    assert!(unknown.contains("not the header of an export"), "{unknown}");
    let plan = Digest::of(b"plan").to_string();
    let other = told(&|lines| lines[0] = lines[0].replace(&plan, &Digest::of(b"x").to_string()));
    assert!(other.contains("names the plan"), "{other}");
    assert!(proven(&[]).unwrap_err().to_string().contains("not the header of an export"));
}

async fn a_run_that_is_not_there_is_not_exported(place: Place) {
    let refused = place.store.export(&id("r-1")).await;
    assert!(matches!(refused, Err(RecordsError::NoRun(_))));
}

async fn a_damaged_run_is_exported_as_it_is_and_the_file_does_not_prove_itself(place: Place) {
    exported(&place).await;
    place.unguard().await;
    let change = r#"UPDATE records SET body = replace(body, '"b"', '"z"') WHERE sequence = 2"#;
    assert_eq!(place.tamper(change).await, 1);
    let lines: Vec<String> =
        place.store.export(&id("r-1")).await.unwrap().lines().map(str::to_owned).collect();
    assert!(lines[3].contains("\"z\""));
    assert!(proven(&lines).is_err());
}

#[test]
fn an_export_of_format_1_is_read_for_ever() {
    let verified = verify_export(FORMAT_1.as_bytes(), None).unwrap();
    assert_eq!((verified.run.as_str(), verified.head.next), ("r-fixture", 13));
    let known =
        "sha256:67c8a11dd322213f55dc0148e1d4d5834ba036878b871a75b59fdf75f52df941".parse().ok();
    verify_export(FORMAT_1.as_bytes(), known.as_ref()).unwrap();
}

#[tokio::test]
async fn records_of_format_1_in_a_store_are_read_for_ever() {
    let place = Place::sqlite();
    let file = crate::support::raw(place.folder());
    let plan = Digest::of(b"plan").to_string();
    file.execute("INSERT INTO runs VALUES (1, 'r-fixture', 'e', 'redis', ?1, 1, NULL)", [plan])
        .unwrap();
    let insert =
        "INSERT INTO records SELECT NULL, 1, ?1 ->> 'sequence', ?1 ->> 'epoch', ?2, ?3, ?1";
    let mut head = lockstep_engine::journal::Head::start(&id("r-fixture"));
    for line in FORMAT_1.lines().skip(1) {
        let record: lockstep_engine::journal::Record = serde_json::from_str(line).unwrap();
        head = head.after(&record).unwrap();
        file.execute(insert, (line, record.event.kind(), head.digest.to_string())).unwrap();
    }
    assert_eq!(place.store.verify(&id("r-fixture"), None).await.unwrap().head, head);
    let records = place.store.records(&id("r-fixture")).await.unwrap();
    lockstep_engine::journal::RunState::fold(&records).unwrap();
}
