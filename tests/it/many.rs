//! Many runs of many environments, and runners that are killed all the time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::far_side::{Mutations, Postgres, mutations, poll_for};
use crate::guests::guest;
use crate::stage::{STORE_URL, Stage};

/// Environments, each a lab of its own.
const LABS: usize = 20;

/// Runs of each environment, one after the other, as its lease has it.
const EACH: usize = 10;

/// Labs that start at once.
const AT_ONCE: usize = 4;

const RUNNERS: usize = 3;

/// How often one of the runners is killed.
const PERIOD: Duration = Duration::from_secs(2);

/// How many seconds one run may take: each runner lives for six at a time, and who follows one waits for what it intended.
const PATIENCE: u32 = 600;

/// What a run of the guest `steady` changes at Railway.
const CHANGES: usize = 4;

/// A team's folder: its `lockstep.toml` names every environment, its variables hold the secrets.
struct Team {
    folder: Stage,
    variables: Vec<(String, String)>,
}

impl Team {
    fn of(labs: &[Stage], store: &Stage) -> Self {
        let folder = Stage::empty();
        let mut text = format!(
            "version = 1\n[store]\npostgres = {{ url-env = \"{STORE_URL}\", schema = \"team\" }}\n\
             [plugins.steady]\npath = \"{}\"\n",
            guest("steady").display()
        );
        let mut variables = vec![(STORE_URL.to_owned(), store.env("DATABASE_URL"))];
        for (number, lab) in labs.iter().enumerate() {
            let known = [
                "RAILWAY_PROJECT_ID",
                "RAILWAY_ENVIRONMENT_ID",
                "RAILWAY_API_URL",
                "LAB_REGISTRY_URL",
            ];
            let [project, environment, api, registry] = known.map(|name| lab.env(name));
            write!(
                text,
                "[environments.e{number}]\nproject = \"{project}\"\nenvironment = \"{environment}\"\napi = \"{api}\"\n\
                 registry = \"{registry}\"\nvia = \"private\"\ntoken = {{ variable = \"TOKEN_{number}\" }}\n\
                 watches = {{ traffic = [] }}\n[[environments.e{number}.grants.steady]]\ncapability = \"railway\"\n\
                 name = \"health-monitor\"\naccess = \"set-variables\"\n"
            )
            .unwrap();
            variables.push((format!("TOKEN_{number}"), lab.env("RAILWAY_TOKEN")));
        }
        std::fs::write(folder.folder().join("lockstep.toml"), text).unwrap();
        let team = Self { folder, variables };
        let source = format!("file:{}", guest("steady").display());
        for number in 0..labs.len() {
            let environment = format!("e{number}");
            let words = ["plugin", "add", "steady", &source, "-e", &environment, "--yes"];
            team.folder.lockstep_with(&words, &team.variables()).expect(0);
        }
        team
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn runner(&self, number: usize) -> Child {
        let said = File::options().create(true).append(true).open(self.said(number)).unwrap();
        let mut command = self.folder.command(&["runner", "--parallel", "8"]);
        command.envs(self.variables()).stdout(Stdio::null()).stderr(said);
        command.spawn().unwrap()
    }

    fn said(&self, number: usize) -> std::path::PathBuf {
        self.folder.folder().join(format!("runner-{number}"))
    }

    /// Leaves one run after the other to the runners and waits until each is over.
    fn upgrade(&self, store: &Stage, number: usize) {
        let mut journal = Postgres::of(store);
        for version in 1..=EACH {
            let (wish, environment) = (format!("steady@{version}"), format!("e{number}"));
            let queued = self.folder.lockstep_with(
                &["apply", &wish, "-e", &environment, "--queue", "--yes"],
                &self.variables(),
            );
            let run = queued.expect(10).err;
            let run = run.split_whitespace().skip_while(|word| *word != "Run").nth(1).unwrap();
            let over = format!(
                "SELECT count(*) FROM team.records WHERE kind = 'finished'
                 AND run = (SELECT number FROM team.runs WHERE id = '{run}')"
            );
            poll_for(PATIENCE, || (journal.number(&over) == 1).then_some(()));
        }
    }
}

/// Starts the labs, a few at once.
fn labs() -> Vec<Stage> {
    let all: Vec<usize> = (0..LABS).collect();
    let start = |number: &usize| {
        let seed = (number + 1).to_string();
        Stage::up(&["--only", "health-monitor", "--seed", &seed])
    };
    std::thread::scope(|scope| {
        let groups = all.chunks(LABS.div_ceil(AT_ONCE));
        let starting: Vec<_> = groups
            .map(|some| scope.spawn(move || some.iter().map(start).collect::<Vec<_>>()))
            .collect();
        starting.into_iter().flat_map(|group| group.join().unwrap()).collect()
    })
}

#[test]
fn two_hundred_runs_end_and_each_effect_happens_once_while_one_of_three_runners_is_killed_every_two_seconds()
 {
    let store = Stage::up(&["--only", "postgres"]);
    let labs = labs();
    let team = Team::of(&labs, &store);
    let mut runners: Vec<Child> = (0..RUNNERS).map(|number| team.runner(number)).collect();
    let (done, ended) = mpsc::channel();
    let mut killed = 0;
    std::thread::scope(|scope| {
        for number in 0..LABS {
            let (done, team, store) = (done.clone(), &team, &store);
            scope.spawn(move || {
                team.upgrade(store, number);
                done.send(()).unwrap();
            });
        }
        drop(done);
        let mut over = 0;
        while over < LABS {
            match ended.recv_timeout(PERIOD) {
                Ok(()) => over += 1,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let number = killed % RUNNERS;
                    runners[number].kill().unwrap();
                    runners[number].wait().unwrap();
                    runners[number] = team.runner(number);
                    killed += 1;
                }
                // An upgrade that failed has told why; the scope passes it on.
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    });
    for mut runner in runners {
        runner.kill().unwrap();
        runner.wait().unwrap();
    }
    let runs = team.folder.lockstep_with(&["runs", "--json"], &team.variables()).expect(0).json();
    let runs = runs["runs"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), LABS * EACH);
    assert!(runs.iter().all(|run| run["over"] == true && run["standing"] == "done"), "{runs:?}");
    let service = Some("health-monitor".to_owned());
    let expected: Mutations =
        BTreeMap::from([(("variableCollectionUpsert".to_owned(), service), EACH * CHANGES)]);
    for lab in &labs {
        assert_eq!(mutations(lab), expected, "after {killed} kills");
    }
    assert!(killed >= RUNNERS, "only {killed} kills");
}
