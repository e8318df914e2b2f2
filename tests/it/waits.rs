//! What a run waits for and what it sees meanwhile: maintenance windows, soaks of days, and watches, on the real servers.

use std::fmt::Write as _;

use crate::far_side::poll;
use crate::stage::{Done, Stage};
use crate::troubles::break_with;

const UPGRADE: &[&str] = &["apply", "redis@7.2.4", "-e", "lab", "--yes"];

/// A lab with Bitnami's Redis, from which going back loses nothing, and what `lockstep.toml` says of it.
fn stage(settings: &str) -> Stage {
    let stage = Stage::up(&["--stack", "as-run"]);
    stage.lockstep(&["lab", "fill", "--strings", "200"]).expect(0);
    configure(&stage, settings);
    stage
}

fn configure(stage: &Stage, settings: &str) {
    let mut text = "version = 1\n[environments.lab]\n".to_owned();
    text.write_str(settings).unwrap();
    std::fs::write(stage.folder().join("lockstep.toml"), text).unwrap();
}

const SOAK: &str = "[environments.lab.options.redis]\nsoak = \"48h\"\n";

/// Watches that judge within seconds.
const QUICK: &str = "[environments.lab.watches]\ngrace = \"0s\"\nunhealthy-after = \"1s\"\nwindow = \"1s\"\ntraffic = []\n";

fn soaks(done: Done) {
    done.expect(10).says("soaks after step").says("lockstep resume");
}

#[test]
fn a_soak_of_two_days_needs_no_process_and_ends_when_the_watches_have_passed_once_more() {
    let stage = stage(&format!("{QUICK}{SOAK}"));
    let detached: Vec<&str> = UPGRADE.iter().chain(&["--detach"]).copied().collect();
    soaks(stage.lockstep(&detached));
    soaks(stage.lockstep(&["resume", "--detach", "--clock-ahead", "100000"]));
    let before = stage.census();
    stage.lockstep(&["resume", "--clock-ahead", "172810"]).expect(0).says("is done");
    assert_eq!(before.samples, stage.census().samples);
}

#[test]
fn a_soak_that_is_killed_goes_on() {
    let stage = stage(&format!("{QUICK}{SOAK}"));
    let (mut running, said) = stage.begin(UPGRADE);
    poll(|| said().contains(": soaking (").then_some(()));
    running.kill().unwrap();
    running.wait().unwrap();
    soaks(stage.lockstep(&["resume", "--detach"]));
    stage.lockstep(&["resume", "--clock-ahead", "172810"]).expect(0).says("is done");
}

#[test]
fn a_server_that_stops_answering_while_it_soaks_is_taken_back_with_all_data() {
    let stage = stage(&format!("{QUICK}{SOAK}"));
    let before = stage.census();
    let (mut running, said) = stage.begin(UPGRADE);
    poll(|| said().contains(": soaking (").then_some(()));
    break_with(&stage, "freeze redis");
    poll(|| said().contains("✗ watch serving").then_some(()));
    poll(|| said().contains("rolling back").then_some(()));
    break_with(&stage, "mend");
    assert_eq!(running.wait().unwrap().code(), Some(11), "{}", said());
    assert!(said().contains("watch serving"), "{}", said());
    assert_eq!(before.samples, stage.census().samples);
    assert!(stage.image("redis").contains("bitnami"), "{}", stage.image("redis"));
    let shown = stage.lockstep(&["show", &stage.run()]).expect(0);
    assert!(shown.err.contains("TRIPPED") || shown.out.contains("TRIPPED"), "{shown:?}");
}

#[test]
fn data_that_is_lost_while_it_soaks_is_noticed_and_left_to_a_person() {
    let usual = "[environments.lab.watches]\ntraffic = []\n";
    let stage = stage(&format!("{usual}{SOAK}"));
    let (mut running, said) = stage.begin(UPGRADE);
    poll(|| said().contains(": soaking (").then_some(()));
    let keys: Vec<String> = stage.ask(redis::cmd("KEYS").arg("lockstep:*")).unwrap();
    for key in &keys {
        stage.ask::<()>(redis::cmd("DEL").arg(key)).unwrap();
    }
    // On the same volume the key is gone for the former server too, and that is for a person to judge.
    assert_eq!(running.wait().unwrap().code(), Some(12), "{}", said());
    assert!(said().contains("rolling back: watch `canary`"), "{}", said());
    assert!(said().contains("whose write was acknowledged, is gone"), "{}", said());
}

#[test]
fn nothing_begins_outside_of_the_window_and_a_person_may_say_otherwise() {
    let never =
        "windows = [{ days = [\"monday\"], from = \"00:00\", to = \"00:01\", zone = \"UTC\" }]\n";
    let stage = stage(never);
    stage.lockstep(UPGRADE).expect(10).says("no maintenance window is ever long enough");
    let names: Vec<String> = stage.mutations().into_iter().map(|mutation| mutation.name).collect();
    assert!(names.is_empty(), "{names:?}");
    stage.lockstep(&["resume"]).expect(10).says("--outside-windows");
    stage.lockstep(&["resume", "--yes", "--outside-windows"]).expect(0).says("is done");
    let shown = stage.lockstep(&["show", &stage.run()]).expect(0);
    let all = format!("{}{}", shown.out, shown.err);
    assert!(all.contains("outside of the maintenance windows"), "{all}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the window is one of the real clock")]
fn a_run_that_waits_for_its_window_begins_when_it_opens() {
    // The week's day after the day after tomorrow is closed now, whatever the time, and open within three days.
    let all = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let day = usize::try_from(now.as_secs() / 86_400).unwrap();
    // 1970-01-01 was a Thursday.
    let wanted = all[(day + 3 + 2) % 7];
    let stage = stage(&format!(
        "windows = [{{ days = [\"{wanted}\"], from = \"00:00\", to = \"00:00\", zone = \"UTC\" }}]\n"
    ));
    stage.lockstep(UPGRADE).expect(10).says("waits for a maintenance window").says("opens at");
    stage.lockstep(&["resume"]).expect(10);
    let ahead = (2 * 86_400 - now.as_secs() % 86_400 + 60).to_string();
    let begins = ["resume", "--yes", "--until", "keep", "--clock-ahead", &ahead];
    stage.lockstep(&begins).expect(10).says("stopped after step `keep`");
}

#[test]
fn windows_and_watches_that_can_not_be_meant_are_refused_by_name() {
    let stage = Stage::empty();
    for (settings, named) in [
        ("windows = [{ days = [], from = \"00:00\", to = \"01:00\", zone = \"UTC\" }]\n", "days"),
        (
            "windows = [{ days = [\"monday\"], from = \"25:00\", to = \"01:00\", zone = \"UTC\" }]\n",
            "from",
        ),
        (
            "windows = [{ days = [\"someday\"], from = \"00:00\", to = \"01:00\", zone = \"UTC\" }]\n",
            "someday",
        ),
        (
            "windows = [{ days = [\"monday\"], from = \"00:00\", to = \"01:00\", zone = \"Mars\" }]\n",
            "Mars",
        ),
        ("watches = { error-percent = 101 }\n", "error-percent"),
        ("watches = { window = \"0s\" }\n", "no time"),
        ("watches = { grace = \"-1s\" }\n", "below zero"),
        ("watches = { patience = \"1s\" }\n", "patience"),
    ] {
        configure(&stage, settings);
        stage.lockstep(&["plan", "redis", "-e", "lab"]).expect(2).says(named);
    }
}

#[test]
fn what_somebody_else_does_meanwhile_stops_the_run_until_a_person_has_looked() {
    let stage = stage("");
    let a_part: Vec<&str> = UPGRADE.iter().chain(&["--until", "backup"]).copied().collect();
    stage.lockstep(&a_part).expect(10);
    break_with(&stage, "deploy langfuse-worker");
    stage.lockstep(&["resume"]).expect(13).says("somebody else deployed service `langfuse-worker`");
    break_with(&stage, "stage-change");
    stage.lockstep(&["resume"]).expect(13).says("somebody else staged changes");
    let image = stage.image("redis");
    assert!(image.contains("bitnami"), "{image}: nothing was deployed meanwhile");
    stage.lockstep(&["rollback", "--why", "not tonight"]).expect(11).says("not tonight");
}

#[test]
fn two_folders_with_stores_of_their_own_do_not_upgrade_one_environment_at_once() {
    let stage = stage("");
    let a_part: Vec<&str> = UPGRADE.iter().chain(&["--until", "backup"]).copied().collect();
    stage.lockstep(&a_part).expect(10);
    let other = Stage::beside(&stage, "");
    let token = stage.env("RAILWAY_TOKEN");
    let with = [("RAILWAY_TOKEN", token.as_str())];
    let upgrade = ["apply", "redis@7.2.4", "-e", "same", "--yes"];
    let run = stage.run();
    other.lockstep_with(&upgrade, &with).expect(14).says(&run).says("--over-claim");
    stage.lockstep(&["rollback", "--why", "let them"]).expect(11);
    other.lockstep_with(&["resume", "--yes"], &with).expect(0).says("is done");
}
