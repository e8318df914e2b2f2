//! A random plan, and everything that will go wrong with it.

use lockstep_engine::model::{
    Canary, Claim, Drive, Effect, Failure, Gap, Gate, Kind, Label, Millis, Observation, Outage,
    OutageKind, Piece, Progress, Step, Trigger, Undo, Verdict, Watch,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Claimant, Clock as _, OnFailure, Wish};

use super::random::Random;
use super::sections;
use crate::fake::{
    Act, AppendFate, Bench, FarSide, Fault, Shape, command, deploy, effect, listed, named,
    panicked, pinned, set_image, set_variable, step_id, unavailable, undo_of,
};

/// Counters that no step takes back begin with this.
pub(super) const KEPT: &str = "text:kept";

const SERVICES: [&str; 2] = ["redis", "web"];

fn far() -> FarSide {
    let values: &[(&str, &str)] =
        &[("image", &pinned('a')), ("PORT", "text:1"), ("PASSWORD", "print:abc")];
    let far = FarSide::with(&SERVICES.map(|service| (service, values)));
    far.serving("old", "redis").serving("new", "web")
}

/// Returns an approved run of a random plan, with its faults laid out.
pub(super) fn scenario(random: &mut Random) -> Bench {
    let (shape, plan) = loop {
        // What the freezer refuses is no plan: overwriting a secret of the plan's own, for one.
        let shape = plan(random);
        if let Ok(plan) = shape.freeze(&far()) {
            break (shape, plan);
        }
    };
    let mut bench = Bench::of(plan, far());
    plugin(random, &mut bench, &shape);
    network(random, &mut bench);
    journal(random, &bench);
    people(random, &mut bench);
    outside(random, &mut bench);
    time(random, &bench);
    bench
}

fn plan(random: &mut Random) -> Shape {
    let mut canaries =
        if random.chance(30) { vec![Canary::Bits("main".to_owned())] } else { Vec::new() };
    if !canaries.is_empty() && random.chance(50) {
        canaries.push(Canary::Rows("old".to_owned()));
    }
    let watching = Watching { canaries, ..Watching::default() };
    let mut shape = Shape { watches: watches(random), watching, ..Shape::default() };
    for number in 0..2 + random.below(3) {
        let before = shape.steps.len();
        shape = match random.below(5) {
            0 | 1 => counting(random, shape, number),
            4 => sections::section(random, shape, number),
            2 => configuring(random, shape, number),
            _ => deploying(random, shape, number),
        };
        let step = &mut shape.steps[before];
        if random.chance(20) {
            step.gates.push(Gate::Approval("sure?".to_owned()));
        }
        if step.section().is_some() {
            continue;
        }
        step.soak = random.chance(15).then(|| Millis::seconds(*random.pick(&[3, 60, 1200])));
        if random.chance(10) && matches!(step.undo, Undo::Steps(_) | Undo::Restore) {
            step.loss = Some("what was written since".to_owned());
        }
        if random.chance(5) {
            step.gates.push(Gate::Window);
        }
        if random.chance(10) {
            step.outage = vec![Outage {
                service: "redis".to_owned(),
                kind: OutageKind::All,
                length: Millis(0),
            }];
        }
    }
    moving(random, shape)
}

/// Lets rows move along with one of the steps that can be taken back.
fn moving(random: &mut Random, mut shape: Shape) -> Shape {
    if shape.watching.canaries.len() < 2 {
        return shape;
    }
    let home = |step: &Step| match &step.undo {
        Undo::Steps(ids) => Some((step.id.to_string(), ids.first()?.to_string())),
        Undo::Nothing | Undo::Restore | Undo::Impossible(_) => None,
    };
    let all: Vec<(String, String)> = shape.steps.iter().filter_map(home).collect();
    if all.is_empty() {
        return shape;
    }
    let (forth, back) = random.pick(&all).clone();
    let free = shape.steps.iter().take_while(|step| step.id.as_str() != forth);
    let free: Vec<String> =
        free.filter(|it| it.section().is_none()).map(|it| it.id.to_string()).collect();
    let mut said = vec![("canaries-from", "old".to_owned()), ("canaries-to", "new".to_owned())];
    if !free.is_empty() {
        said.push(("canaries-room", random.pick(&free).clone()));
    }
    said.extend([("canaries-forth", forth), ("canaries-back", back)]);
    shape.extra = said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    shape
}

/// A step that counts, and one that forgets the counts.
pub(super) fn counting(random: &mut Random, shape: Shape, number: u32) -> Shape {
    let undo = random.below(10);
    let prefix = if undo < 2 { "kept" } else { "count" };
    let keys: Vec<String> =
        (0..=random.below(2)).map(|key| format!("{prefix}-{number}-{key}")).collect();
    let effects: Vec<Effect> = keys.iter().map(|key| command(key, "INCR", key)).collect();
    let id = format!("step-{number}");
    let mut step = listed(&id, &effects);
    if random.chance(50) {
        step.drive = Drive::Guided;
    }
    step.rounds = 1 + random.below(2);
    match undo {
        0 | 1 => shape.step(step, &effects),
        2 => {
            step.undo = Undo::Impossible("nobody can".to_owned());
            shape.step(step, &effects)
        }
        _ => {
            let back: Vec<Effect> =
                keys.iter().map(|key| command(&format!("un-{key}"), "RESET", key)).collect();
            let undo_id = format!("un-{id}");
            step.undo = Undo::Steps(vec![step_id(&undo_id)]);
            let reversed: Vec<&str> = keys.iter().map(String::as_str).collect();
            let mut undo = undo_of(&undo_id, &back, &reversed);
            if random.chance(30) {
                undo.drive = Drive::Guided;
            }
            shape.step(step, &effects).undo(undo, &back)
        }
    }
}

/// A step that changes values of one service, and perhaps deploys it.
fn configuring(random: &mut Random, shape: Shape, number: u32) -> Shape {
    let service = *random.pick(&SERVICES);
    let name = |what: &str| format!("{what}-{number}");
    let mut effects = Vec::new();
    if random.chance(20) {
        effects.push(effect(&name("stop"), Kind::Stop { service: named(service) }));
    }
    for what in ["image", "port", "password", "extra"] {
        if random.chance(60) {
            continue;
        }
        effects.push(match what {
            "image" => set_image(&name(what), service, &pinned(*random.pick(&['b', 'c', 'd']))),
            "port" => set_variable(&name(what), service, "PORT", Piece::Text(name("p"))),
            "password" if random.chance(30) => {
                let names = vec!["PASSWORD".to_owned()];
                effect(&name(what), Kind::DeleteVariables { service: named(service), names })
            }
            "password" => set_variable(&name(what), service, "PASSWORD", Piece::Secret(name("s"))),
            _ => set_variable(&name(what), service, "EXTRA", Piece::Text(name("e"))),
        });
    }
    if effects.is_empty() || random.chance(50) {
        effects.push(deploy(&name("deploy"), service));
    }
    restored(shape, number, &effects)
}

fn deploying(random: &mut Random, shape: Shape, number: u32) -> Shape {
    let service = *random.pick(&SERVICES);
    restored(shape, number, &[deploy(&format!("deploy-{number}"), service)])
}

fn restored(shape: Shape, number: u32, effects: &[Effect]) -> Shape {
    let step = Step { undo: Undo::Restore, ..listed(&format!("step-{number}"), effects) };
    shape.step(step, effects)
}

fn plugin(random: &mut Random, bench: &mut Bench, shape: &Shape) {
    for step in shape.steps.iter().chain(&shape.undo) {
        let part = bench.guest.part(step.id.as_str());
        part.acts = vec![Act::PerformAll(step.effects.clone())];
        part.rounds = step.rounds;
        part.looks = random.below(3);
        if random.chance(10) {
            part.observe.push_back(Ok(Err(passing())));
        }
        if random.chance(3) {
            part.observe
                .push_back(Ok(Ok(Observation::Moved("Moved: a table appeared".to_owned()))));
        }
        if random.chance(10) {
            part.check.push_back(Ok(Err(passing())));
        }
        if random.chance(6) {
            part.check.push_back(Err(unavailable("check")));
        }
        if random.chance(3) {
            part.check.push_back(Ok(Ok(Progress::Failed("not reachable".to_owned()))));
        }
        match random.below(50) {
            0 => part.check.push_back(Err(panicked("check"))),
            1 => part.observe.push_back(Err(panicked("observe"))),
            2 => part.acts.push(Act::StopOnce(panicked("apply"))),
            3 => part.acts.push(Act::StopOnce(unavailable("apply"))),
            4 => part.acts.insert(0, Act::StopOnce(unavailable("apply"))),
            _ => {}
        }
    }
}

fn network(random: &mut Random, bench: &mut Bench) {
    let labels: Vec<Label> = bench.plan.authority.effects.keys().cloned().collect();
    for label in labels {
        while random.chance(25) {
            let fault = match random.below(20) {
                0..=4 => Fault::Refused(passing()),
                5..=9 => Fault::LostBefore,
                10..=14 => Fault::LostAfter,
                15 => Fault::Slow(random.below(6)),
                16 => Fault::LateAnswer(Millis(u64::from(random.below(60_000)))),
                17 => Fault::Untold(random.chance(50)),
                18 => Fault::Slow(500),
                _ => Fault::Refused(Failure::permanent("x:no", "no")),
            };
            bench.world.fault(label.as_str(), fault);
        }
    }
    let lost = random.chance(20).then(|| Millis(u64::from(random.below(3))));
    bench.world.holds.lost_after.set(lost);
    for _ in 0..random.below(3) {
        bench.world.unreadable.borrow_mut().push_back(passing());
    }
}

fn journal(random: &mut Random, bench: &Bench) {
    let stormy = *random.pick(&[0, 1, 5, 15]);
    let fates = (0..60).map(|_| match random.below(100) {
        number if number < stormy => *random.pick(&[AppendFate::Lost, AppendFate::KeptAndLost]),
        98 => AppendFate::Slow(Millis(u64::from(random.below(15_000)))),
        _ => AppendFate::Kept,
    });
    let mut fates: Vec<AppendFate> = fates.collect();
    if random.chance(5) {
        // The disk is full for a while.
        let from = usize::try_from(random.below(40)).unwrap();
        fates[from..from + 6].fill(AppendFate::Lost);
    }
    bench.journal.fates.borrow_mut().extend(fates);
    // Somebody else takes the run, and this process learns of it at its next append.
    bench.journal.steal_at.set(random.chance(15).then(|| random.below(40)));
}

fn watches(random: &mut Random) -> Vec<Watch> {
    let triggers = [Trigger::Unhealthy, Trigger::AtOnce, Trigger::ErrorRate];
    (0..random.below(3))
        .map(|number| Watch {
            id: format!("watch-{number}"),
            title: "something".to_owned(),
            interval: Millis::seconds(*random.pick(&[1, 15, 60])),
            effects: Vec::new(),
            trigger: *random.pick(&triggers),
        })
        .collect()
}

/// What the watches see, and what other people do meanwhile.
fn outside(random: &mut Random, bench: &mut Bench) {
    let start = bench.clock.now().0;
    for watch in bench.plan.authority.watches.clone() {
        let mut phases = vec![(0, Verdict::Pass)];
        let mut at = start;
        while random.chance(40) {
            at += u64::from(random.below(900_000));
            phases.push((at, *random.pick(&[Verdict::Pass, Verdict::Fail, Verdict::Unknown])));
        }
        if random.chance(90) {
            phases.push((at + u64::from(random.below(900_000)), Verdict::Pass));
        }
        bench.guest.watch(&watch.id, &phases);
    }
    let stretch = |random: &mut Random| {
        let latest = *random.pick(&[5_000, 60_000, 900_000]);
        let from = bench.clock.now().plus(Millis(u64::from(random.below(latest))));
        Gap { from, until: from.plus(Millis(u64::from(random.below(600_000)))) }
    };
    if random.chance(20) {
        bench.world.canaries.silent.set(Some(stretch(random)));
    }
    if random.chance(10) {
        let lost = (0..u64::from(random.below(900))).collect();
        bench.world.canaries.lost.replace(Some((stretch(random), lost)));
    }
    bench.options.claimant = Some(Claimant {
        store: "ours".to_owned(),
        holder: "ada".to_owned(),
        settle: Millis::seconds(3),
        over: None,
    });
    if random.chance(10) {
        let at = bench.clock.now().plus(Millis(u64::from(random.below(60_000))));
        let run = "r-theirs".parse().unwrap();
        let claim = Claim::new(run, "theirs".to_owned(), "grace".to_owned(), 1, at);
        bench.world.outside.other_claim.replace(Some((at, claim.to_text().unwrap())));
    }
    if random.chance(10) {
        let at = bench.clock.now().plus(Millis(u64::from(random.below(60_000))));
        bench.world.outside.foreign.borrow_mut().push((at, "theirs".to_owned()));
    }
}

/// Windows, and a clock that jumps.
fn time(random: &mut Random, bench: &Bench) {
    if random.chance(20) {
        let opens = bench.clock.now().plus(Millis(u64::from(random.below(7_200_000))));
        bench.control.window.set(Some((opens, opens.plus(Millis::seconds(48 * 3600)))));
    }
    if random.chance(20) {
        let waits = u64::from(random.below(60));
        let jump = i64::from(random.below(7_200_000)) - 3_600_000;
        bench.clock.jumps.borrow_mut().insert(waits, jump);
    }
}

fn people(random: &mut Random, bench: &mut Bench) {
    if random.chance(20) {
        bench.options.on_failure = OnFailure::Stop;
    }
    bench.former_holder_is_gone = random.chance(50);
    match random.below(8) {
        0 => bench.control.wants_after(random.below(30), Some(Wish::Pause)),
        1 => bench.control.wants_after(random.below(30), Some(Wish::RollBack("wished".to_owned()))),
        _ => {}
    }
}

fn passing() -> Failure {
    Failure::transient("net:busy", "try again")
}
