//! PostgreSQL to a cluster and back, while writers write: no acknowledged row is lost, and none is there twice.

mod budget;
mod canaries;
mod cluster;
mod failover;
mod front_first;
mod in_place;
mod job;
mod killed;
mod passwords;
mod preflight;
mod schemas;
mod traps;

use lockstep_tests::writers::{LEISURE, Writers};
use lockstep_tests::{SERVICES, dial, tables, up};

use crate::stage::{Stage, block_on};

struct Move {
    stage: Stage,
    old: String,
    new: String,
}

impl Move {
    fn begin() -> Self {
        let only = SERVICES.iter().flat_map(|service| ["--only", service]);
        let words: Vec<&str> = ["--stack", "beside-cluster"].into_iter().chain(only).collect();
        let stage = Stage::up(&words);
        let (old, front) = (stage.env("DATABASE_URL"), stage.env("PGPOOL_DATABASE_URL"));
        let database = old.rsplit('/').next().unwrap().to_owned();
        let new = format!("{}/{database}", front.rsplit_once('/').unwrap().0);
        block_on(up(&old, &front));
        block_on(tables::small(&old));
        Self { stage, old, new }
    }

    /// Says how the run is watched, and how long at its end.
    fn configure(&self, text: &str) {
        let text = format!("version = 1\n[environments.lab]\n{text}");
        std::fs::write(self.stage.folder().join("lockstep.toml"), text).unwrap();
    }

    /// The old side takes no writes.
    #[track_caller]
    fn old_is_sealed(&self) {
        let refused = block_on(async {
            let old = dial(&self.old).await.unwrap();
            old.execute("INSERT INTO ledger(writer, number) VALUES (99, 1)", &[]).await.unwrap_err()
        });
        assert_eq!(refused.code().unwrap().code(), "25006", "{refused}");
    }
}

#[test]
fn postgresql_moves_to_a_cluster_and_back_while_writers_write_and_loses_no_row() {
    let it = Move::begin();
    let writers = Writers::start(8, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let moved =
        it.stage.lockstep(&["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"]);
    moved.expect(10);
    writers.have_written();
    let told = writers.told();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    told.is_all_in(&it.new);
    it.old_is_sealed();

    let run = it.stage.run();
    it.stage.lockstep(&["rollback", &run, "--yes"]).expect(11);
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "every writer is back: {told:?}");
    told.is_all_in(&it.old);
}
