//! The end of a run: what was kept of former secrets goes with it, and only with it.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    Assignment, Effect, Failure, Kind, Piece, Plan, ServiceRef, Step, Undo, Way,
};
use lockstep_engine::run::{Ended, Wish};

use crate::fake::{
    AppendFate, Bench, FarSide, Fault, Shape, command, effect, label, listed, named, pinned,
    set_variable, step_id,
};

fn far() -> FarSide {
    let redis: &[(&str, &str)] =
        &[("image", &pinned('a')), ("PORT", "text:1"), ("PASSWORD", "print:abc")];
    FarSide::with(&[("redis", redis), ("web", &[("TOKEN", "print:def")])])
}

fn restored(id: &str, effects: &[Effect]) -> Step {
    Step { undo: Undo::Restore, ..listed(id, effects) }
}

fn password() -> [Effect; 1] {
    [set_variable("password", "redis", "PASSWORD", Piece::Secret("new".to_owned()))]
}

fn token() -> [Effect; 1] {
    let names = vec!["TOKEN".to_owned()];
    [effect("token", Kind::DeleteVariables { service: named("web"), names })]
}

/// Two steps that change a secret each, and a last one that fails if `fails`.
fn bench(fails: bool) -> Bench {
    let last = [command("last", "INCR", "last")];
    let shape = Shape::default()
        .step(restored("one", &password()), &password())
        .step(restored("two", &token()), &token())
        .step(listed("three", &last), &last);
    let bench = Bench::new(&shape, far());
    for _ in 0..if fails { 50 } else { 0 } {
        bench.world.fault("last", Fault::Refused(no()));
    }
    bench
}

fn no() -> Failure {
    Failure::permanent("x:no", "no")
}

fn frozen(effects: &[Effect]) -> Plan {
    Shape::default().step(restored("s", effects), effects).freeze(&far()).unwrap()
}

/// Returns what the plan forgets, on the way there.
fn forgotten(plan: &Plan) -> Vec<Kind> {
    let effects = plan.authority.steps.iter().flat_map(|frozen| &frozen.step.effects);
    let kinds = effects.map(|label| plan.authority.effects[label].kind.clone());
    kinds.filter(|kind| matches!(kind, Kind::ForgetVariables { .. })).collect()
}

fn forget(service: ServiceRef, name: &str) -> Kind {
    Kind::ForgetVariables { service, names: vec![name.to_owned()] }
}

#[test]
fn a_run_that_is_done_keeps_no_former_secret() {
    let mut bench = bench(false);
    assert_eq!(bench.run_on(), Ended::Done);
    let log = bench.world.log();
    assert_eq!(log, ["password", "token", "last", "forget-secrets-0", "forget-secrets-1"]);
    assert!(bench.world.far.borrow().kept.is_empty());
    assert_eq!(bench.guest.count("observe", "forget-former-secrets"), 0, "no plugin is asked");
}

#[test]
fn a_run_that_is_rolled_back_keeps_none_either_and_put_them_back_first() {
    let mut bench = bench(true);
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    let back = bench.world.log();
    let undo =
        ["undo-token-0", "undo-password-0", "undo-forget-secrets-0", "undo-forget-secrets-1"];
    assert_eq!(back[2..], undo);
    assert_eq!(*bench.world.far.borrow(), far());
}

#[test]
fn what_never_was_overwritten_is_not_forgotten() {
    let mut bench = bench(true);
    bench.world.fault("token", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    let log = bench.world.log();
    assert_eq!(log, ["password", "undo-password-0", "undo-forget-secrets-0"]);
    let mut bench = self::bench(true);
    bench.world.fault("password", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert!(bench.world.log().is_empty());
    assert!(!bench.journal.state().steps.contains_key(&step_id("undo-forget-former-secrets")));
}

#[test]
fn a_run_crashed_before_or_after_any_record_keeps_no_former_secret() {
    for fails in [false, true] {
        let mut whole = bench(fails);
        let ended = whole.run_on();
        for at in 0..whole.journal.appends.get() {
            for fate in [AppendFate::Lost, AppendFate::KeptAndLost] {
                for lost in [None, Some(Fault::LostAfter), Some(Fault::LostBefore)] {
                    let mut bench = bench(fails);
                    for label in ["forget-secrets-0", "undo-forget-secrets-1"] {
                        if let Some(fault) = lost.clone() {
                            bench.world.fault(label, fault);
                        }
                    }
                    let mut fates = vec![AppendFate::Kept; at];
                    fates.push(fate);
                    bench.journal.fates.borrow_mut().extend(fates);
                    assert_eq!(bench.run_on(), ended, "{fate:?} at append {at}");
                    assert_eq!(bench.world.log(), whole.world.log(), "{fate:?} at append {at}");
                    assert_eq!(*bench.world.far.borrow(), *whole.world.far.borrow());
                }
            }
        }
        assert!(whole.world.far.borrow().kept.is_empty());
    }
}

#[test]
fn a_done_upgrade_is_not_taken_back_because_forgetting_failed() {
    let mut bench = bench(false);
    bench.world.fault("forget-secrets-0", Fault::Refused(no()));
    let ended = bench.run_on();
    assert!(
        matches!(&ended, Ended::Stuck(why) if why.contains("all but the cleaning up is done")),
        "{ended:?}"
    );
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.world.far.borrow().kept.is_empty());

    let mut bench = self::bench(false);
    bench.world.fault("forget-secrets-0", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::Stuck(_)));
    bench.control.wants(Some(Wish::RollBack("please".to_owned())));
    assert_eq!(bench.run_on(), Ended::RolledBack("please".to_owned()), "nothing is gone yet");
    assert!(bench.world.far.borrow().kept.is_empty());
}

#[test]
fn there_is_no_way_back_once_something_is_forgotten() {
    let mut bench = bench(false);
    bench.world.fault("forget-secrets-1", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::Stuck(_)));
    bench.control.wants(Some(Wish::RollBack("please".to_owned())));
    assert!(matches!(bench.run_on(), Ended::Stuck(_)), "the former password is gone");
    let turned = |event: &Event| matches!(event, Event::TurnedBack { .. });
    assert!(!bench.journal.events().iter().any(turned));
    bench.control.wants(None);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn the_plan_ends_with_it_in_both_directions_and_has_no_other_point_of_no_return() {
    let plan = bench(false).plan;
    let last = plan.authority.steps.last().unwrap();
    assert!(last.derived && matches!(last.way, Way::Impossible(_)));
    assert_eq!(
        forgotten(&plan),
        [forget(named("redis"), "PASSWORD"), forget(named("web"), "TOKEN")]
    );
    let closing: Vec<_> = plan.authority.closing().collect();
    assert!(matches!(closing.as_slice(), [undo] if undo.derived));
    assert_eq!(
        plan.authority.point_of_no_return(),
        None,
        "a run that is over has no way back anyway"
    );
    assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
}

#[test]
fn a_plan_that_overwrites_no_secret_has_nothing_to_forget() {
    let port = [set_variable("port", "redis", "PORT", Piece::Text("2".to_owned()))];
    let new = [set_variable("new", "redis", "NEW", Piece::Secret("new".to_owned()))];
    for effects in [port, new] {
        let plan = frozen(&effects);
        assert_eq!(forgotten(&plan), []);
        assert_eq!(plan.authority.closing().count(), 0);
        let written = serde_json::to_string(&plan.authority.steps).unwrap();
        assert!(!written.contains("derived"), "plans of older versions keep their digests");
    }
}

#[test]
fn a_secret_that_the_plan_itself_puts_somewhere_is_forgotten_when_it_overwrites_it() {
    let twice = [
        set_variable("first", "redis", "NEW", Piece::Secret("first".to_owned())),
        set_variable("second", "redis", "NEW", Piece::Secret("second".to_owned())),
    ];
    let plan = Shape::default().step(listed("s", &twice), &twice).freeze(&far()).unwrap();
    assert_eq!(forgotten(&plan), [forget(named("redis"), "NEW")]);

    let made = || ServiceRef::Made("cache".to_owned());
    let assign = |name: &str, secret: &str| Assignment {
        name: name.to_owned(),
        value: vec![Piece::Secret(secret.to_owned())],
    };
    let set =
        |name: &str| Kind::SetVariables { service: made(), assignments: vec![assign(name, "b")] };
    let create = effect(
        "create",
        Kind::CreateService {
            alias: "cache".to_owned(),
            name: "cache".to_owned(),
            image: pinned('d'),
            assignments: vec![assign("PASSWORD", "a")],
        },
    );
    let effects = [create, effect("again", set("PASSWORD")), effect("fresh", set("OTHER"))];
    let plan = Shape::default().step(listed("s", &effects), &effects).freeze(&far()).unwrap();
    assert_eq!(forgotten(&plan), [forget(made(), "PASSWORD")], "a new service has no other secret");
}

#[test]
fn its_names_are_the_hosts_own() {
    let own = [command("forget-secrets-0", "INCR", "k")];
    let shape = Shape::default().step(restored("one", &password()), &password());
    let error = shape.clone().step(listed("x", &own), &own).freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("label `forget-secrets-0`"), "{error}");
    let plain = [command("k", "INCR", "k")];
    let step = listed("forget-former-secrets", &plain);
    let error = shape.step(step, &plain).freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("step id `forget-former-secrets`"), "{error}");
    assert!(frozen(&password()).authority.effects.contains_key(&label("forget-secrets-0")));
}
