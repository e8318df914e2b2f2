//! A front comes first: when the database has moved nobody is deployed, and only the front is switched.

use std::collections::BTreeMap;

use lockstep_tests::dial;
use lockstep_tests::writers::{LEISURE, Writers};

use super::Move;
use super::canaries::{are_all_in, is_whole};
use super::failover::CANARIES;
use crate::far_side::variable;
use crate::stage::block_on;

/// Who must not be deployed.
const CLIENTS: [&str; 5] =
    ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"];

const FRONT: &str = "postgres-front";

/// Makes the old server's password the one with which the cluster's front lets clients in.
fn begin() -> Move {
    let mut it = Move::begin();
    let (_, rest) = it.new.split_once("//postgres:").unwrap();
    let (password, _) = rest.split_once('@').unwrap();
    block_on(async {
        let old = dial(&it.old).await.unwrap();
        old.batch_execute(&format!("ALTER ROLE postgres PASSWORD '{password}'")).await.unwrap();
    });
    let reference = "${{pgpool.PGPOOL_POSTGRES_PASSWORD}}";
    variable(&it.stage, "postgres", "POSTGRES_PASSWORD", reference);
    let toml = "version = 1\n[environments.lab.options.postgres-ha]\nfront-first = \"true\"\n";
    std::fs::write(it.stage.folder().join("lockstep.toml"), toml).unwrap();
    // What the lab tells is from its start.
    let server = it.old.split_once('@').unwrap().1;
    it.old = format!("postgresql://postgres:{password}@{server}");
    it
}

/// Counts the deployments that were asked for, by service.
fn deployments(it: &Move) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mutation in it.stage.mutations() {
        if let ("serviceInstanceDeployV2", Some(service)) =
            (mutation.name.as_str(), mutation.service)
        {
            *counts.entry(service).or_default() += 1;
        }
    }
    counts
}

#[test]
fn with_a_front_first_nobody_is_deployed_while_the_database_moves_and_no_row_is_lost() {
    let it = begin();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "through"];
    it.stage.lockstep(&apply).expect(10);
    let address = it.stage.status().service(FRONT).unwrap().address.clone();
    let (account, _) = it.old.split_once('@').unwrap();
    let (_, database) = it.old.rsplit_once('/').unwrap();
    let through = format!("{account}@{address}:5432/{database}");
    let before = deployments(&it);

    // They go through the front, to whichever side it leads, until they are told that it only reads.
    let writers = Writers::start(8, [&through, &it.old], LEISURE);
    writers.have_written();
    it.stage.lockstep(&["resume", "--yes", "--until", "prove"]).expect(10);
    writers.have_written();
    writers.told().is_all_in(&it.new);
    it.old_is_sealed();
    let now = deployments(&it);
    assert_eq!(now[FRONT], before[FRONT] + 1, "only the front was switched: {now:?}");
    for client in CLIENTS {
        assert_eq!(now.get(client), before.get(client), "{client} was deployed: {now:?}");
    }

    it.stage.lockstep(&["rollback", &it.stage.run(), "--yes"]).expect(11);
    // Whoever still waits at the front waits in vain: what the run made is gone.
    writers.end().is_all_in(&it.old);
    assert!(it.stage.status().service(FRONT).is_none());
}

#[test]
fn canaries_go_to_the_cluster_when_the_front_does_and_back_with_it() {
    let it = begin();
    let path = it.stage.folder().join("lockstep.toml");
    let toml = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{toml}{CANARIES}")).unwrap();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove", "--json"];
    let moved = it.stage.lockstep(&apply).expect(10).json();
    let before = is_whole(&moved);
    are_all_in(&moved, &it.new);
    let back = it.stage.lockstep(&["rollback", "--yes", "--json"]).expect(11).json();
    assert!(is_whole(&back) > before, "they go on at the old server: {back}");
}
