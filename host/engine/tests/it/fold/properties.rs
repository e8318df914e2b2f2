//! What holds for every sequence of records, whoever wrote it.

use lockstep_engine::journal::{
    Direction, End, Epoch, Event, Head, Phase, Record, RunState, Sent, StepStatus,
};
use lockstep_engine::model::{Digest, Moment, RunId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::events::event;
use crate::sweep::rich;

fn approved() -> [Event; 2] {
    let plan = Digest::of(b"plan");
    [Event::Planned { plan }, Event::Approved { plan, by: "ada".to_owned() }]
}

/// Folds what can follow and leaves out what can't, and returns the state after each record.
fn fold(events: Vec<Event>) -> Vec<(Event, RunState)> {
    let run: RunId = "r".parse().unwrap();
    let (mut head, mut state, mut states) = (Head::start(&run), RunState::default(), Vec::new());
    for event in events {
        let (records, next) = head.link(&run, Epoch(1), Moment(7), vec![event.clone()]).unwrap();
        if let Ok(after) = state.clone().after(records[0].record()) {
            (head, state) = (next, after);
            states.push((event, state.clone()));
        }
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_at_all_fold_or_are_refused(events in vec(event(), 0..60), starts in any::<bool>()) {
        let events = if starts { [approved().to_vec(), events].concat() } else { events };
        let (mut direction, mut over, mut approved) = (Direction::Forward, false, false);
        for (event, state) in fold(events) {
            approved |= matches!(event, Event::Approved { .. });
            prop_assert!(approved || state.phase == Phase::Planned, "goes on without an approval");
            prop_assert!(!(direction == Direction::Back && state.direction == Direction::Forward));
            direction = state.direction;
            prop_assert!(!over || matches!(state.phase, Phase::Finished(_)), "over and going on");
            over = matches!(state.phase, Phase::Finished(_));
            let open = state.effects.values().filter(|performed| performed.is_open()).count();
            prop_assert_eq!(open, usize::from(state.open.is_some()), "one open fate at most");
            prop_assert!(!over || state.open.is_none());
            if let (Event::Finished { end }, Phase::Finished(found)) = (&event, &state.phase) {
                prop_assert_eq!(end, found);
                prop_assert_eq!(*end == End::Done, direction == Direction::Forward);
            }
            if let Some((step, _)) = &state.open {
                prop_assert!(!matches!(state.step(step).status, StepStatus::Done | StepStatus::Checked(_)));
            }
        }
    }

    #[test]
    fn every_event_is_read_back_as_it_was_written(event in event()) {
        let run: RunId = "r".parse().unwrap();
        let (records, _) = Head::start(&run).link(&run, Epoch(1), Moment(7), vec![event]).unwrap();
        let text = serde_json::to_string(records[0].record()).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
        prop_assert_eq!(read.digest().unwrap(), records[0].head().digest, "the chain holds");
        let json = serde_json::to_value(&read).unwrap();
        let kind = json["event"].as_object().unwrap().keys().next().cloned();
        prop_assert_eq!(kind.as_deref(), Some(read.event.kind()));
    }
}

#[test]
fn every_prefix_of_a_legal_journal_folds() {
    for fails in [false, true] {
        let mut bench = rich(fails);
        bench.run_on();
        let records = bench.journal.records();
        assert!(records.len() > 40, "a journal worth looking at");
        for length in 0..=records.len() {
            RunState::fold(&records[..length]).unwrap();
        }
        let answered = |event: &Event| matches!(event, Event::Answered { sent: Sent::Done(_), .. });
        assert!(records.iter().filter(|record| answered(&record.event)).count() > 6);
    }
}

#[test]
fn a_record_of_a_later_format_is_refused_by_name() {
    let run: RunId = "r".parse().unwrap();
    let (records, _) =
        Head::start(&run).link(&run, Epoch(1), Moment(7), approved().to_vec()).unwrap();
    let text = serde_json::to_string(records[0].record()).unwrap();
    let more = text.replacen("{\"format\"", "{\"colour\":1,\"format\"", 1);
    let error = serde_json::from_str::<Record>(&more).unwrap_err();
    assert!(error.to_string().contains("`colour`"), "{error}");
    let kind = text.replacen("\"planned\"", "\"painted\"", 1);
    let error = serde_json::from_str::<Record>(&kind).unwrap_err();
    assert!(error.to_string().contains("`painted`"), "{error}");
}
