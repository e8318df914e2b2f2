//! Any event at all, over a few names so that sequences of them mean something.

use lockstep_engine::journal::{End, Epoch, Event, Fate, Intent, Sent};
use lockstep_engine::model::{
    Argument, Denial, Digest, Fact, Failure, Hex, Label, Moment, Problem, StepId, Value,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn step() -> impl Strategy<Value = StepId> {
    prop_oneof![Just("s"), Just("t")].prop_map(|name| name.parse().unwrap())
}

fn label() -> impl Strategy<Value = Label> {
    prop_oneof![Just("a"), Just("b")].prop_map(|name| name.parse().unwrap())
}

fn plan() -> impl Strategy<Value = Digest> {
    prop_oneof![9 => Just(Digest::of(b"plan")), 1 => any::<[u8; 2]>().prop_map(|it| Digest::of(&it))]
}

fn failure() -> impl Strategy<Value = Failure> {
    (0..3_u8, ".{0,8}", vec((".{0,3}", ".{0,3}"), 0..2)).prop_map(|(class, message, extra)| {
        let problem = Problem { code: "x:y".to_owned(), message, extra };
        match class {
            0 => Failure::Transient(problem),
            1 => Failure::Permanent(problem),
            _ => Failure::Denied(problem),
        }
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Real),
        Just(Value::Real(f64::INFINITY)),
        Just(Value::Real(f64::NEG_INFINITY)),
        ".{0,6}".prop_map(Value::Decimal),
        ".{0,6}".prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(Hex(bytes))),
        any::<u64>().prop_map(|at| Value::Moment(Moment(at))),
        ".{0,6}".prop_map(Value::Sealed),
        (".{0,6}", ".{0,6}").prop_map(|(kind, text)| Value::Other(kind, text)),
    ]
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let rows = vec(vec(value(), 0..3), 0..3);
    vec((".{0,5}", rows).prop_map(|(name, rows)| Fact { name, rows }), 0..2)
}

fn intent() -> impl Strategy<Value = Intent> {
    let place = (step(), 0..3_u32, 0..3_u32, 0..3_u32, label());
    let arguments =
        vec((".{0,3}", value()).prop_map(|(name, value)| Argument { name, value }), 0..2);
    let before = btree_map(".{0,4}", proptest::option::of(".{0,4}"), 0..3);
    (place, arguments, before, any::<u64>()).prop_map(
        |((step, round, position, attempt, label), arguments, before, at)| Intent {
            step,
            round,
            position,
            attempt,
            label,
            arguments,
            before,
            begun: Moment(at),
            not_after: Moment(at),
            epoch: Epoch(at),
        },
    )
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        facts().prop_map(Sent::Done),
        failure().prop_map(Sent::Refused),
        failure().prop_map(Sent::Unknown),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        facts().prop_map(Fate::Happened),
        Just(Fate::DidNot),
        Just(Fate::Partly),
        Just(Fate::StillGoing),
        ".{0,5}".prop_map(Fate::CannotTell),
    ]
}

/// Returns any event.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let text = || ".{0,5}";
    let of_run = prop_oneof![
        plan().prop_map(|plan| Event::Planned { plan }),
        (plan(), text()).prop_map(|(plan, by)| Event::Approved { plan, by }),
        (0..3_u64, text())
            .prop_map(|(epoch, holder)| Event::Leased { epoch: Epoch(epoch), holder }),
        text().prop_map(|why| Event::TurnedBack { why }),
        text().prop_map(|question| Event::Stuck { question }),
        (label(), any::<bool>(), text()).prop_map(|(label, happened, by)| Event::Assumed {
            label,
            happened,
            by
        }),
        text().prop_map(|by| Event::Resumed { by }),
        prop_oneof![Just(End::Done), Just(End::RolledBack)].prop_map(|end| Event::Finished { end }),
    ];
    let of_step = prop_oneof![
        (step(), 0..2_u32, text()).prop_map(|(step, gate, waits_for)| Event::GateReached {
            step,
            gate,
            waits_for
        }),
        (step(), 0..2_u32, text()).prop_map(|(step, gate, by)| Event::GateOpened {
            step,
            gate,
            by
        }),
        (step(), 0..3_u32, any::<u64>(), facts()).prop_map(|(step, round, now, facts)| {
            Event::RoundStarted { step, round, now: Moment(now), facts }
        }),
        (step(), text()).prop_map(|(step, why)| Event::Again { step, why }),
        (step(), facts(), proptest::option::of(any::<u64>().prop_map(Moment)))
            .prop_map(|(step, facts, soak_until)| Event::Checked { step, facts, soak_until }),
        (step(), proptest::option::of(text()))
            .prop_map(|(step, nothing_to_do)| Event::StepDone { step, nothing_to_do }),
        (step(), text()).prop_map(|(step, why)| Event::Moved { step, why }),
        (step(), text(), any::<u64>()).prop_map(|(step, section, deadline)| {
            Event::SectionBegan { section, step, deadline: Moment(deadline) }
        }),
        (step(), failure()).prop_map(|(step, failure)| Event::StepFailed { step, failure }),
        (step(), text(), failure()).prop_map(|(step, call, failure)| Event::Denied {
            step,
            denial: Denial { call, problem: failure.problem().clone() }
        }),
    ];
    let of_effect = prop_oneof![
        3 => intent().prop_map(Event::Intended),
        3 => (label(), sent()).prop_map(|(label, sent)| Event::Answered { label, sent }),
        1 => (label(), fate()).prop_map(|(label, fate)| Event::Settled { label, fate }),
        1 => (label(), facts()).prop_map(|(label, facts)| Event::Ended { label, facts }),
        1 => label().prop_map(|label| Event::EndedBadly { label, why: "crashed".to_owned() }),
    ];
    prop_oneof![of_run, of_step, of_effect]
}
