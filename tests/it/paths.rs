//! The other ways of the Redis plugin, each on real servers, and back.

use crate::stage::Stage;

#[test]
fn from_7_0_to_7_2_every_key_value_and_expiry_is_kept() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    for (version, line) in [("7.0.15", "7.0"), ("7.2.4", "7.2")] {
        let target = format!("redis@{version}");
        stage.lockstep(&["apply", &target, "-e", "lab", "--yes"]).expect(0).says("is done");
        let after = stage.census();
        assert!(after.version.starts_with(line), "{after:?}");
        assert_eq!(before.samples, after.samples, "at {version}");
    }
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(3).says("would start empty");
}

#[test]
fn from_bitnami_to_the_official_image_in_place_nothing_is_lost() {
    let stage = bitnami_with_data();
    let before = stage.census();
    stage.lockstep(&["plan", "redis@7.4.2", "-e", "lab"]).expect(3).says("two upgrades");
    stage.lockstep(&["apply", "redis@7.2.4", "-e", "lab", "--yes"]).expect(0).says("is done");
    let after = stage.census();
    assert_eq!(before.samples, after.samples);
    assert!(stage.image("redis").starts_with("redis:7.2.4@sha256:"), "{}", stage.image("redis"));
    assert_eq!(stage.census().version, before.version);
}

#[test]
fn from_the_official_image_back_to_bitnami_what_was_written_meanwhile_stays() {
    let stage = bitnami_with_data();
    let before = stage.census();
    stage
        .lockstep(&["apply", "redis@7.2.4", "-e", "lab", "--yes", "--until", "upgrade"])
        .expect(10);
    assert!(stage.image("redis").starts_with("redis:7.2.4@sha256:"), "{}", stage.image("redis"));
    assert_eq!(stage.increment("written:meanwhile"), 1);
    stage.lockstep(&["rollback", "--why", "a rehearsal"]).expect(11).says("a rehearsal");
    let after = stage.census();
    assert_eq!(before.samples, after.samples);
    assert_eq!(stage.count("written:meanwhile"), 1, "going back in place must lose nothing");
    assert!(stage.image("redis").contains("bitnami"), "{}", stage.image("redis"));
    let names: Vec<String> = stage.mutations().into_iter().map(|mutation| mutation.name).collect();
    assert!(!names.iter().any(|name| name == "volumeInstanceBackupRestore"), "{names:?}");
}

/// A lab with Bitnami's Redis 7.2 as the guide installs it, and data of every type.
fn bitnami_with_data() -> Stage {
    let stage = Stage::up(&["--stack", "as-run"]);
    stage.lockstep(&["lab", "fill", "--strings", "200"]).expect(0);
    assert!(stage.image("redis").starts_with("bitnami/redis:7.2"), "{}", stage.image("redis"));
    stage
}
