//! Every record that can't follow is refused.

use lockstep_engine::journal::{
    End, Epoch, Event, Fate, Head, Intent, Phase, Record, RunState, Sent, Standing, StepStatus,
};
use lockstep_engine::model::{Denial, Digest, Failure, Moment, Problem, RunId};

use crate::fake::{label, step_id};

fn digest() -> Digest {
    Digest::of(b"plan")
}

fn approved() -> Vec<Event> {
    vec![
        Event::Planned { plan: digest() },
        Event::Approved { plan: digest(), by: "ada".to_owned() },
        Event::Leased { epoch: Epoch(1), holder: "laptop".to_owned() },
    ]
}

fn round(step: &str, round: u32) -> Event {
    Event::RoundStarted { step: step_id(step), round, now: Moment(5), facts: Vec::new() }
}

fn intent(step: &str, name: &str, position: u32, attempt: u32) -> Event {
    Event::Intended(Intent {
        step: step_id(step),
        round: 1,
        position,
        attempt,
        label: label(name),
        arguments: Vec::new(),
        before: Standing::new(),
        begun: Moment(5),
        not_after: Moment(15),
        epoch: Epoch(1),
    })
}

fn answered(name: &str, sent: Sent) -> Event {
    Event::Answered { label: label(name), sent }
}

fn done(name: &str) -> Event {
    answered(name, Sent::Done(Vec::new()))
}

fn refused(name: &str) -> Event {
    answered(name, Sent::Refused(Failure::transient("x:busy", "busy")))
}

fn unknown(name: &str) -> Event {
    answered(name, Sent::Unknown(Failure::transient("x:lost", "lost")))
}

fn checked() -> Event {
    Event::Checked { step: step_id("s"), facts: Vec::new(), soak_until: None }
}

fn step_done() -> Event {
    Event::StepDone { step: step_id("s"), nothing_to_do: None }
}

fn nothing_to_do() -> Event {
    Event::StepDone { step: step_id("s"), nothing_to_do: Some("so already".to_owned()) }
}

fn failed() -> Event {
    Event::StepFailed { step: step_id("s"), failure: Failure::permanent("x:no", "no") }
}

fn stuck() -> Event {
    Event::Stuck { question: "what now?".to_owned() }
}

fn moved() -> Event {
    Event::Moved { step: step_id("s"), why: "moved".to_owned() }
}

fn turned() -> Event {
    Event::TurnedBack { why: "no".to_owned() }
}

fn resumed() -> Event {
    Event::Resumed { by: "ada".to_owned() }
}

fn again() -> Event {
    Event::Again { step: step_id("s"), why: "more".to_owned() }
}

fn reached(gate: u32) -> Event {
    Event::GateReached { step: step_id("s"), gate, waits_for: "ada".to_owned() }
}

fn opened(gate: u32) -> Event {
    Event::GateOpened { step: step_id("s"), gate, by: "ada".to_owned() }
}

fn assumed(happened: bool) -> Event {
    Event::Assumed { label: label("a"), happened, by: "ada".to_owned() }
}

fn settled(fate: Fate) -> Event {
    Event::Settled { label: label("a"), fate }
}

fn ended() -> Event {
    Event::Ended { label: label("a"), facts: Vec::new() }
}

fn finished(end: End) -> Event {
    Event::Finished { end }
}

fn denied() -> Event {
    let problem = Problem::new("call:not-here", "no");
    Event::Denied { step: step_id("s"), denial: Denial { call: "read".to_owned(), problem } }
}

fn section_began(deadline: u64) -> Event {
    let (section, deadline) = ("cut".to_owned(), Moment(deadline));
    Event::SectionBegan { section, step: step_id("s"), deadline }
}

fn fold(events: &[Event]) -> Result<RunState, String> {
    let run: RunId = "r".parse().unwrap();
    let (records, _) = Head::start(&run).link(&run, Epoch(1), Moment(7), events.to_vec()).unwrap();
    let records: Vec<Record> = records.into_iter().map(Record::from).collect();
    RunState::fold(&records).map_err(|error| {
        assert_eq!(error.sequence, u64::try_from(events.len()).unwrap() - 1, "{error}");
        error.to_string()
    })
}

/// After an approved run's `events`, `next` is refused.
#[track_caller]
fn refuses(events: &[Event], next: &Event) {
    let before = [approved(), events.to_vec()].concat();
    fold(&before).expect("legal so far");
    let all = [before, vec![next.clone()]].concat();
    assert!(fold(&all).is_err(), "{next:?} was accepted after {events:?}");
}

#[track_caller]
fn accepts(events: &[Event]) -> RunState {
    fold(&[approved(), events.to_vec()].concat()).expect("legal")
}

#[test]
fn nothing_happens_before_the_approval_of_the_plan_of_the_run() {
    let other = Event::Approved { plan: Digest::of(b"other"), by: "ada".to_owned() };
    assert!(fold(&[Event::Planned { plan: digest() }, other]).is_err());
    assert!(fold(&[Event::Approved { plan: digest(), by: "ada".to_owned() }]).is_err());
    for next in [
        Event::Planned { plan: digest() },
        round("s", 1),
        turned(),
        stuck(),
        moved(),
        resumed(),
        opened(0),
        nothing_to_do(),
        failed(),
        assumed(true),
        finished(End::Done),
    ] {
        let events = [Event::Planned { plan: digest() }, next];
        assert!(fold(&events).is_err(), "{events:?}");
    }
    refuses(&[], &Event::Approved { plan: digest(), by: "ada".to_owned() });
    refuses(&[], &Event::Planned { plan: digest() });
    refuses(&[], &Event::Leased { epoch: Epoch(0), holder: "old".to_owned() });
}

#[test]
fn gates_open_one_after_the_other_and_before_the_first_round() {
    refuses(&[], &opened(1));
    refuses(&[], &reached(1));
    refuses(&[opened(0)], &opened(0));
    refuses(&[reached(0)], &round("s", 1));
    refuses(&[round("s", 1)], &reached(0));
    refuses(&[round("s", 1)], &opened(0));
    refuses(&[nothing_to_do()], &opened(0));
    assert_eq!(accepts(&[reached(0), opened(0), opened(1)]).step(&step_id("s")).gates_open, 2);
}

#[test]
fn rounds_follow_each_other() {
    refuses(&[], &round("s", 2));
    refuses(&[], &round("s", 0));
    refuses(&[round("s", 1)], &round("s", 2));
    refuses(&[round("s", 1), again()], &round("s", 1));
    refuses(&[round("s", 1), checked()], &round("s", 2));
    refuses(&[nothing_to_do()], &round("s", 1));
    refuses(&[], &again());
    refuses(&[round("s", 1), checked()], &again());
    accepts(&[round("s", 1), again(), round("s", 2), again(), nothing_to_do()]);
}

#[test]
fn a_step_is_done_only_when_it_was_checked_or_had_nothing_to_do() {
    refuses(&[], &step_done());
    refuses(&[], &checked());
    refuses(&[round("s", 1)], &step_done());
    refuses(&[round("s", 1)], &nothing_to_do());
    refuses(&[round("s", 1), checked()], &checked());
    refuses(&[round("s", 1), checked()], &nothing_to_do());
    refuses(&[round("s", 1), checked(), step_done()], &step_done());
    refuses(&[round("s", 1), checked(), step_done()], &failed());
    refuses(&[failed()], &nothing_to_do());
    accepts(&[round("s", 1), checked(), step_done()]);
}

#[test]
fn an_effect_is_intended_once_at_a_time_in_a_round_and_in_its_place() {
    refuses(&[], &intent("s", "a", 0, 0));
    refuses(&[round("s", 1), again(), round("s", 2)], &intent("s", "a", 0, 0));
    refuses(&[round("s", 1)], &intent("s", "a", 1, 0));
    refuses(&[round("s", 1)], &intent("s", "a", 0, 1));
    let open = [round("s", 1), intent("s", "a", 0, 0)];
    for next in [
        intent("s", "a", 0, 1),
        intent("s", "b", 1, 0),
        round("t", 1),
        checked(),
        again(),
        moved(),
        finished(End::Done),
        done("b"),
    ] {
        refuses(&open, &next);
    }
    let past = [round("s", 1), intent("s", "a", 0, 0), done("a")];
    refuses(&past, &intent("s", "a", 0, 1));
    refuses(&past, &intent("s", "b", 0, 0));
    let tried = [round("s", 1), intent("s", "a", 0, 0), refused("a")];
    refuses(&tried, &intent("s", "b", 0, 1));
    refuses(&tried, &intent("s", "a", 0, 0));
    refuses(&tried, &intent("s", "a", 0, 2));
    refuses(&[round("s", 1), checked()], &intent("s", "a", 0, 0));
    accepts(&[&tried[..], &[intent("s", "a", 0, 1)]].concat());
}

#[test]
fn an_effect_is_answered_once_and_settled_only_while_its_fate_is_open() {
    refuses(&[], &done("a"));
    refuses(&[], &settled(Fate::DidNot));
    let open = vec![round("s", 1), intent("s", "a", 0, 0)];
    let with = |more: &[Event]| [open.clone(), more.to_vec()].concat();
    refuses(&with(&[done("a")]), &done("a"));
    refuses(&with(&[done("a")]), &settled(Fate::DidNot));
    refuses(&with(&[unknown("a")]), &done("a"));
    refuses(&with(&[unknown("a"), settled(Fate::DidNot)]), &settled(Fate::Happened(Vec::new())));
    refuses(&with(&[stuck()]), &done("a"));
    refuses(&with(&[stuck()]), &settled(Fate::DidNot));
    refuses(&with(&[]), &ended());
    refuses(&with(&[refused("a")]), &ended());
    refuses(&with(&[done("a"), ended()]), &ended());
    let badly = || Event::EndedBadly { label: label("a"), why: "crashed".to_owned() };
    refuses(&with(&[]), &badly());
    refuses(&with(&[done("a"), ended()]), &badly());
    refuses(&with(&[done("a"), badly()]), &badly());
    refuses(&with(&[done("a"), badly()]), &ended());
    accepts(&with(&[unknown("a"), settled(Fate::StillGoing), settled(Fate::DidNot)]));
    let state = accepts(&with(&[settled(Fate::Happened(Vec::new())), ended()]));
    assert!(state.open.is_none() && state.began(&label("a")));
    let partly = [unknown("a"), settled(Fate::Partly), intent("s", "a", 0, 1)];
    let state = accepts(&with(&[&partly[..], &[refused("a")]].concat()));
    assert!(state.began(&label("a")), "a part of it stands, whatever became of the rest");
}

#[test]
fn a_person_is_believed_only_when_asked() {
    let open = [round("s", 1), intent("s", "a", 0, 0), unknown("a")];
    refuses(&open, &assumed(true));
    refuses(&[round("s", 1), stuck()], &assumed(true));
    refuses(&open, &resumed());
    for happened in [true, false] {
        let state = accepts(&[&open[..], &[stuck(), assumed(happened)]].concat());
        assert_eq!((state.phase.clone(), state.began(&label("a"))), (Phase::Running, happened));
    }
    assert_eq!(accepts(&[moved(), resumed()]).phase, Phase::Running);
}

#[test]
fn a_run_that_waits_or_is_over_does_not_go_on_by_itself() {
    let over = [finished(End::Done)];
    for before in [&[stuck()][..], &[moved()], &over] {
        for next in [
            round("s", 1),
            nothing_to_do(),
            failed(),
            denied(),
            reached(0),
            opened(0),
            stuck(),
            moved(),
            finished(End::Done),
        ] {
            refuses(before, &next);
        }
    }
    refuses(&over, &turned());
    refuses(&over, &resumed());
    accepts(&[stuck(), turned()]);
    accepts(&[moved(), turned()]);
}

#[test]
fn a_run_turns_round_once_and_ends_as_its_direction_says() {
    refuses(&[turned()], &turned());
    refuses(&[turned()], &finished(End::Done));
    refuses(&[], &finished(End::RolledBack));
    assert_eq!(
        accepts(&[turned(), finished(End::RolledBack)]).phase,
        Phase::Finished(End::RolledBack)
    );
}

#[test]
fn whoever_resumes_a_failed_step_finds_it_open_again() {
    let tried = [round("s", 1), intent("s", "a", 0, 0), refused("a"), failed(), stuck(), resumed()];
    let state = accepts(&tried).step(&step_id("s")).clone();
    assert_eq!(state.status, StepStatus::Running);
    assert!(state.performed.is_empty(), "what was refused is tried anew");
    assert_eq!(
        accepts(&[failed(), stuck(), resumed()]).step(&step_id("s")).status,
        StepStatus::Pending
    );
}

#[test]
fn a_denial_changes_nothing_but_the_time() {
    let parts = [
        vec![],
        vec![round("s", 1)],
        vec![round("s", 1), intent("s", "a", 0, 0)],
        vec![round("s", 1), intent("s", "a", 0, 0), done("a"), checked()],
        vec![turned()],
    ];
    for before in parts {
        let with = accepts(&[&before[..], &[denied(), denied()]].concat());
        assert_eq!(with, accepts(&before));
    }
}

#[test]
fn a_section_begins_once_and_on_the_way_there_alone() {
    assert_eq!(accepts(&[section_began(9)]).sections["cut"], Moment(9));
    refuses(&[section_began(9)], &section_began(10));
    for before in [turned(), stuck(), moved()] {
        refuses(&[before], &section_began(9));
    }
    refuses(&[finished(End::Done)], &section_began(9));
}
