//! Many seeds, or one again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::life::live;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 10_000;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long to run")]
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not `{text}`")))
}

/// Lives through every seed of `seeds`, and returns those in which a law was broken.
fn broken(seeds: impl Iterator<Item = u64>) -> Vec<u64> {
    seeds.filter(|seed| catch_unwind(AssertUnwindSafe(|| live(*seed))).is_err()).collect()
}

#[test]
fn the_laws_hold_in_every_simulated_run() {
    if let Some(seed) = asked("LOCKSTEP_SIM_SEED") {
        println!("{}", live(seed).story());
        return;
    }
    let seeds = asked("LOCKSTEP_SIM_SEEDS").unwrap_or(SEEDS);
    let threads =
        thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).unwrap());
    let broken: Vec<u64> = thread::scope(|scope| {
        let stride = usize::try_from(threads).unwrap();
        let workers: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || broken((first..seeds).step_by(stride))))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let again: Vec<String> =
        broken.iter().map(|seed| format!("LOCKSTEP_SIM_SEED={seed}")).collect();
    assert!(
        again.is_empty(),
        "{} of {seeds} seeds break a law; again with {}",
        again.len(),
        again.join(" or ")
    );
}

#[test]
fn a_simulated_seed_replays_exactly() {
    for seed in 0..10 {
        assert_eq!(live(seed).story(), live(seed).story(), "seed {seed}");
    }
}

#[test]
fn the_simulation_reaches_every_kind_of_end() {
    let stories: Vec<String> = (0..500).map(|seed| live(seed).story()).collect();
    for words in [
        "Done",
        "RolledBack",
        "Stuck",
        "crashed",
        "Settled",
        "Assumed",
        "plugin:stopped",
        "Moved",
        "Paused",
        "effect:expired",
        "can't be undone",
        "Again",
        "wished",
        "Triggered",
        "WindowFound",
        "another process has taken over",
        "somebody else deployed",
        "Claimed { by",
        "what was written since",
        "SectionBegan",
        "section:deadline",
        "section:lifted",
        "sql:lifted",
        "where nothing waits",
        "acknowledged writes are gone",
    ] {
        assert!(stories.iter().any(|story| story.contains(words)), "no run with `{words}`");
    }
}
