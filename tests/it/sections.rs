//! L14 on a real PostgreSQL: writes wait in a critical section, flow again by its deadline whatever becomes of Lockstep, and
//! whatever goes wrong inside takes the run back by itself.

use std::process::{Child, Command};
use std::thread::{self, JoinHandle};

use crate::far_side::{Postgres, poll};
use crate::guests::{option, toml, write};
use crate::stage::Stage;

const GRANTS: [(&str, &str, &str, &str); 4] = [
    ("sql", "postgres", "read", ""),
    ("sql", "postgres", "execute", ""),
    ("sql", "postgres", "hold-writes", ""),
    ("sql", "postgres", "release-writes", ""),
];

const APPLY: &[&str] = &["apply", "holder", "-e", "lab", "--yes"];

/// Sessions that block writes, or are about to.
const HOLDS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lockstep-hold:%'";

/// Writers that wait for the block.
const WAITERS: &str =
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.t'::regclass";

/// A lab with a database, and a run of the plugin that blocks its writes for at most so many milliseconds.
struct Cut {
    stage: Stage,
    postgres: Postgres,
    max_outage: i64,
}

impl Cut {
    /// The plugin finds `word` in its section.
    fn with(word: &str, max_outage: i64) -> Self {
        let stage = Stage::up(&["--only", "postgres"]);
        let option = option("holder", "max-outage", &max_outage.to_string());
        write(&stage, &(toml("holder", &GRANTS) + &option));
        let mut postgres = Postgres::of(&stage);
        postgres.run(&format!(
            "CREATE SCHEMA app; CREATE TABLE app.t(id int); CREATE SCHEMA play; \
             CREATE TABLE play.word AS SELECT '{word}'::text AS word"
        ));
        Self { stage, postgres, max_outage }
    }

    /// Begins the run, and returns it in its section, with a write that waits and how long that took in the end.
    fn begin(&mut self) -> (Child, impl Fn() -> String + use<>, JoinHandle<i64>) {
        let (running, said) = self.stage.begin(APPLY);
        poll(|| said().contains("waiting for a word").then_some(()));
        let mut writer = Postgres::named(&self.stage, "writer");
        let write = "INSERT INTO app.t VALUES (1) RETURNING \
                     (1000 * EXTRACT(EPOCH FROM clock_timestamp() - statement_timestamp()))::int8";
        let writing = thread::spawn(move || writer.number(write));
        poll(|| (self.postgres.number(WAITERS) == 1).then_some(()));
        (running, said, writing)
    }

    /// Fails the test unless the write got through within the deadline, by the server's own clock.
    fn flows(&mut self, writing: JoinHandle<i64>) {
        let waited = writing.join().unwrap();
        assert!(waited <= self.max_outage, "a write waited for {waited} ms");
        assert_eq!(self.postgres.number(WAITERS), 0);
    }

    /// Fails the test unless everything is as before the run, and the run never asked anybody.
    #[track_caller]
    fn is_as_before(&mut self, why: &str) {
        poll(|| (self.postgres.number(HOLDS) == 0).then_some(()));
        let made =
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'play' AND tablename <> 'word'";
        assert_eq!(self.postgres.number(made), 0);
        self.postgres.run("INSERT INTO app.t VALUES (2)");
        let shown = self.stage.lockstep(&["show", &self.stage.run(), "--json"]).expect(0);
        assert!(shown.out.contains("section_began") && shown.out.contains(why), "{}", shown.out);
        assert!(
            !shown.out.contains("\"stuck\"") && !shown.out.contains("\"moved\""),
            "{}",
            shown.out
        );
    }
}

fn signal(running: &Child, name: &str) {
    let pid = running.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn a_section_that_goes_well_blocks_writes_and_lets_them_flow() {
    let mut cut = Cut::with("wait", 60_000);
    let plan = cut.stage.lockstep(&["plan", "holder", "-e", "lab"]).expect(0);
    let text = plan.out.clone() + &plan.err;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "critical section `cut`, up to step `release`: done within 60 s, or backed out of at once and by itself",
        "writes wait for at most 60 s; the server lifts the block by itself",
        "let writes flow again that `hold` blocks",
    ] {
        assert!(text.contains(words), "`{words}` is not in:\n{}", plan.out);
    }
    let (mut running, said, writing) = cut.begin();
    let rows = "SELECT count(*) FROM app.t";
    assert_eq!(cut.postgres.number(rows), 0, "reads go on");
    cut.postgres.run("UPDATE play.word SET word = 'go'");
    assert_eq!(running.wait().unwrap().code(), Some(0), "{}", said());
    cut.flows(writing);
    assert_eq!(cut.postgres.number(rows), 1);
    let switched =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'play' AND tablename = 'switched'";
    assert_eq!(cut.postgres.number(switched), 1);
    assert_eq!(cut.postgres.number(HOLDS), 0);
    let glass = cut.stage.folder().join(format!(".lockstep/break-glass/{}.md", cut.stage.run()));
    let glass = std::fs::read_to_string(glass).unwrap();
    assert!(glass.contains("application_name LIKE '\\''lockstep-hold:%'\\'''"), "{glass}");
}

#[test]
fn writes_flow_by_the_deadline_without_a_lockstep_that_stands_still_and_it_backs_out_when_it_wakes()
{
    let mut cut = Cut::with("wait", 15_000);
    let (mut running, said, writing) = cut.begin();
    signal(&running, "-STOP");
    cut.flows(writing);
    assert_eq!(cut.postgres.number(HOLDS), 0);
    signal(&running, "-CONT");
    assert_eq!(running.wait().unwrap().code(), Some(11), "{}", said());
    cut.is_as_before("section:deadline");
}

#[test]
fn a_run_that_was_killed_inside_backs_out_when_it_is_resumed() {
    let mut cut = Cut::with("wait", 60_000);
    let (mut running, _, writing) = cut.begin();
    running.kill().unwrap();
    running.wait().unwrap();
    cut.flows(writing);
    cut.postgres.run("UPDATE play.word SET word = 'go'");
    cut.stage.lockstep(&["resume"]).expect(11);
    cut.is_as_before("section:lifted");
}

#[test]
fn who_interrupts_it_inside_has_it_back_out_first() {
    let mut cut = Cut::with("wait", 60_000);
    let (mut running, said, writing) = cut.begin();
    signal(&running, "-INT");
    assert_eq!(running.wait().unwrap().code(), Some(10), "{}", said());
    cut.flows(writing);
    let made = "SELECT count(*) FROM pg_tables WHERE schemaname = 'play' AND tablename <> 'word'";
    assert_eq!(cut.postgres.number(made), 1, "only what came before the section still stands");
    cut.stage.lockstep(&["resume"]).expect(11);
    cut.is_as_before("a person asked to stop");
}

#[test]
fn a_check_that_fails_inside_takes_the_run_back_at_once() {
    let mut cut = Cut::with("wait", 60_000);
    let (mut running, said, writing) = cut.begin();
    cut.postgres.run("UPDATE play.word SET word = 'fail'");
    assert_eq!(running.wait().unwrap().code(), Some(11), "{}", said());
    cut.flows(writing);
    cut.is_as_before("the other side is not equal");
}

#[test]
fn a_schema_that_somebody_else_changed_stops_the_run_before_the_section_until_it_is_accepted() {
    let mut cut = Cut::with("go", 60_000);
    cut.stage.lockstep(&[APPLY, &["--until", "mark"]].concat()).expect(10);
    cut.postgres.run("CREATE TABLE app.theirs(); ALTER TABLE app.t ADD theirs int");
    let moved = cut.stage.lockstep(&["resume", "--yes"]).expect(13);
    moved.says("the schema behind connection `postgres`").says("table app.theirs is new");
    cut.stage.lockstep(&["resume", "--yes"]).expect(0).says("is done");
}

#[test]
fn canaries_wait_as_writers_do_and_the_section_waits_for_none() {
    let mut cut = Cut::with("wait", 60_000);
    let toml = std::fs::read_to_string(cut.stage.folder().join("lockstep.toml")).unwrap();
    write(&cut.stage, &format!("{toml}\n[environments.lab.canaries]\nrows = [\"postgres\"]\n"));
    let (mut running, said, writing) = cut.begin();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'lockstep.canary'::regclass";
    poll(|| (cut.postgres.number(waits) == 1).then_some(()));
    cut.postgres.run("SELECT pg_sleep(1); UPDATE play.word SET word = 'go'");
    assert_eq!(running.wait().unwrap().code(), Some(0), "{}", said());
    cut.flows(writing);
    let said = said();
    assert!(said.contains("Canary rows:postgres: ") && said.contains(" outage"), "{said}");
    assert!(said.contains("none of them missing") && !said.contains("no outage seen"), "{said}");
}
