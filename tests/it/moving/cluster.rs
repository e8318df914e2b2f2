//! A cluster is made from a template beside the server, taken back, and made again for a move to it.

use lockstep_tests::{block_on, dial, tables, up};
use serde_json::json;

use crate::far_side::{graphql, poll, variable};
use crate::stage::Stage;

/// What the template makes.
const CLUSTER: [&str; 4] = ["pg-0", "pg-1", "pg-2", "pgpool"];

const MAKES: &str = "version = 1\n[environments.lab.options.postgres-ha]\npath = \"cluster\"\n";

struct Beside {
    stage: Stage,
}

impl Beside {
    fn begin() -> Self {
        let stage = Stage::up(&["--only", "postgres"]);
        let url = stage.env("DATABASE_URL");
        poll(|| block_on(dial(&url)).ok().map(drop));
        block_on(tables::small(&url));
        Self { stage }
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.stage.folder().join("lockstep.toml"), text).unwrap();
    }

    /// Returns the rendered URL of a service of the cluster.
    fn url_of(&self, service: &str) -> String {
        let id = self.stage.status().service(service).unwrap().id.clone();
        let document = "query($p:String!,$e:String!,$s:String!){variables(projectId:$p,environmentId:$e,serviceId:$s)}";
        let (project, environment) =
            (self.stage.env("RAILWAY_PROJECT_ID"), self.stage.env("RAILWAY_ENVIRONMENT_ID"));
        let variables = json!({ "p": project, "e": environment, "s": id });
        let answer = graphql(&self.stage, document, &variables);
        let url = answer["data"]["variables"]["DATABASE_URL"].as_str();
        url.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Nothing of the cluster is there: no service, and no volume but those of the stack.
    #[track_caller]
    fn is_alone(&self, volumes: usize) {
        let status = self.stage.status();
        for service in CLUSTER {
            assert!(status.service(service).is_none(), "{service} is still there");
        }
        assert_eq!(self.volumes(), volumes, "volumes are left");
    }

    fn volumes(&self) -> usize {
        let document =
            "query($e:String!){environment(id:$e){volumeInstances{edges{node{id state}}}}}";
        let environment = self.stage.env("RAILWAY_ENVIRONMENT_ID");
        let answer = graphql(&self.stage, document, &json!({ "e": environment }));
        let all = answer["data"]["environment"]["volumeInstances"]["edges"].as_array();
        let all = all.unwrap_or_else(|| panic!("{answer}"));
        all.iter().filter(|it| it["node"]["state"] == "READY").count()
    }

    /// The passwords of the cluster are nowhere in the run's folder or in what was said.
    #[track_caller]
    fn nobody_was_told(&self, said: &str) {
        let url = self.url_of("pg-0");
        let password = url.split(['@', ':']).nth(2).unwrap();
        assert_eq!(password.len(), 32, "{password}");
        assert!(!said.contains(password), "the password was said");
        let journal = std::fs::read(self.stage.folder().join(".lockstep/journal.db")).unwrap();
        let found = journal.windows(password.len()).any(|part| part == password.as_bytes());
        assert!(!found, "the password is in the journal");
    }
}

fn run(url: &str, statements: &str) {
    block_on(async { dial(url).await.unwrap().batch_execute(statements).await.unwrap() });
}

#[test]
fn a_cluster_is_made_from_a_template_taken_back_and_made_again_for_a_move_to_it() {
    let it = Beside::begin();
    let volumes = it.volumes();
    let plan = ["plan", "postgres-ha", "-e", "lab", "--json"];
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes"];
    let refused = it.stage.lockstep(&plan).expect(3);
    assert!(refused.out.contains("lockstep apply postgres-ha -e lab"), "{}", refused.out);

    it.configure(MAKES);
    let made = it.stage.lockstep(&[&apply[..], &["--until", "prove"]].concat()).expect(10);
    let (server, front) = (it.url_of("pg-0"), it.url_of("pgpool"));
    block_on(up(&server, &front));
    it.nobody_was_told(&format!("{}{}", made.out, made.err));

    // What anybody has put into it is not deleted with it.
    let id = it.stage.run();
    run(&front, "CREATE TABLE theirs (number int)");
    let kept = it.stage.lockstep(&["rollback", &id, "--yes"]).expect(13);
    kept.says("something was put into the cluster");
    run(&front, "DROP TABLE theirs");
    variable(&it.stage, "litellm", "OTHER_URL", "${{pgpool.DATABASE_URL}}");
    let kept = it.stage.lockstep(&["rollback", &id, "--yes"]).expect(13);
    kept.says("`OTHER_URL` of `litellm` leads to the cluster");
    assert!(it.stage.status().service("pgpool").unwrap().serving);
    variable(&it.stage, "litellm", "OTHER_URL", "");
    it.stage.lockstep(&["rollback", &id, "--yes"]).expect(11);
    it.is_alone(volumes);

    // A plan that was written down is made again first. Who is killed while it makes services makes none of them twice.
    it.stage.lockstep(&[&plan[..4], &["--out", "cluster.json"]].concat()).expect(0);
    let (mut killed, _) = it.stage.begin(&["apply", "cluster.json", "-e", "lab", "--yes"]);
    poll(|| it.stage.status().service("pg-1").map(drop));
    killed.kill().unwrap();
    killed.wait().unwrap();
    it.stage.lockstep(&["resume", "--yes"]).expect(0);
    assert_eq!(it.volumes(), volumes + 3);
    block_on(up(&it.url_of("pg-0"), &it.url_of("pgpool")));
    let again = it.stage.lockstep(&plan).expect(3);
    assert!(again.out.contains("cluster-there"), "{}", again.out);
    it.configure("version = 1\n");
    let moves = it.stage.lockstep(&plan).expect(0).json();
    let steps = moves["plan"]["plan"]["authority"]["steps"].as_array().unwrap();
    let ids: Vec<&str> = steps.iter().filter_map(|it| it["step"]["id"].as_str()).collect();
    assert!(ids.contains(&"switch") || ids.contains(&"references"), "{ids:?}");
    assert!(!ids.contains(&"cluster"), "the cluster is as the move needs it: {ids:?}");
}
