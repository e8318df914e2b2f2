//! What is constant about the plugin: what it asks for.

use lockstep_sdk::{Description, Request};

use crate::names::{ADMIN, COMPONENT, FRONT, NEW, OLD};
use crate::smoke;
use crate::{beside, in_place};

/// What making a cluster takes.
const CLUSTER: [(&str, &str); 3] = [
    ("create-service", "makes the services of a cluster, if the operator chose to have one made"),
    ("create-volume", "gives each of its nodes a volume"),
    ("generate-variable", "gives them passwords that nobody sees"),
];

/// What converting the server in place takes.
const CONVERSION: [(&str, &str); 4] = [
    (
        "stage-conversion",
        "lets Railway stage the cluster, if the operator chose to convert the server in place",
    ),
    ("stage-revert", "lets it stage the way back"),
    ("commit-staged", "commits either, once it is what the plan says"),
    ("discard-staged", "takes away what was staged and is not"),
];

/// Returns the description.
pub(crate) fn description() -> Description {
    Description {
        name: COMPONENT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: vec![COMPONENT.to_owned()],
        requests: requests(),
        rules: Vec::new(),
        // Nobody may change the schema while the way back is armed, so the applications are upgraded before.
        after: ["repair", "redis", "langfuse", "litellm"].map(str::to_owned).to_vec(),
        extra: Vec::new(),
    }
}

fn requests() -> Vec<Request> {
    let old = [
        ("read", "looks at versions, settings, tables, sessions and links"),
        (
            "execute",
            "publishes the tables, seals the database, ends its sessions, follows the cluster",
        ),
        ("hold-writes", "blocks writes for the moment in which the sides change"),
        ("release-writes", "lets them flow again"),
    ];
    let new = [
        ("read", "looks at tables, sessions and links"),
        ("execute", "follows the old server, and publishes what is written afterwards"),
    ];
    let admin = [
        ("read", "looks at the cluster before the database is there"),
        ("execute", "makes the database, and drops it on the way back"),
    ];
    let both = [
        ("copy-schema", "copies the tables' definitions"),
        ("copy-sequences", "lets numbers go on where they stood"),
        ("hold-snapshots", "keeps both sides to be compared as they stood at the cut"),
        ("compare", "proves that nothing is missing"),
    ];
    let services = [
        ("read", "finds every client of the database, and what is staged or under way"),
        ("set-image", "pins the image of each service that is deployed"),
        ("set-settings", "gives each service time to end"),
        (
            "set-variables",
            "keeps migrations from running, and leads each client to the cluster and back",
        ),
        ("delete-variables", "lets migrations run again"),
        ("deploy", "lets each service take up its variables"),
        (
            "stop",
            "ends the old server when nobody needs it any more; where a job copies, whoever could write meanwhile",
        ),
    ];
    let job = [
        (
            "create-built-service",
            "makes the service of the job that dumps and restores, if the operator chose it",
        ),
        ("delete-service", "deletes it when it is not needed any more"),
    ];
    let passage = [
        ("create-service", "makes the front that comes first, if the operator chose it"),
        ("delete-service", "deletes it on the way back"),
    ];
    let own = [
        ("restart", "lets the old server write the log that a link needs"),
        ("backup-volume", "makes the way back"),
        ("lock-backup", "keeps it"),
        ("delete-service", "deletes the old server at the very end, if the operator chose it"),
    ];
    let mut requests = Vec::new();
    let mut add = |capability: &str, name: &str, wanted: &[(&str, &str)]| {
        requests.extend(wanted.iter().map(|(access, why)| request(capability, name, access, why)));
    };
    add("sql", OLD, &old);
    add("sql", NEW, &new);
    add("sql", ADMIN, &admin);
    add("sql", FRONT, &[("read", "looks at PgPool's nodes and live settings")]);
    add(
        "sql",
        beside::OWN,
        &[("read", "looks whether anybody has put something into a new cluster")],
    );
    add("sql", OLD, &both);
    add("sql", NEW, &both);
    add("railway", "*", &services);
    add("railway", "*", &CLUSTER);
    add("railway", crate::options::SERVICE, &own);
    add("railway", crate::options::SERVICE, &CONVERSION);
    add("railway", crate::job::SERVICE, &job);
    add("railway", crate::passage::SERVICE, &passage);
    add("sql", in_place::EDGE, &[("read", "looks where the front of a converted server leads")]);
    add(
        "http",
        in_place::PATRONI,
        &[(
            "send",
            "lets a commit wait for a second node, raises limits, restarts the server where one is lower, and lets it lead before its cluster is taken back",
        )],
    );
    let why = "looks whether the converted server leads its cluster";
    let paths = in_place::PATHS.map(str::to_owned).to_vec();
    requests.push(Request { paths, ..request("http", in_place::PATRONI, "read", why) });
    for endpoint in smoke::endpoints() {
        let looks = smoke::LOOKS.iter().filter(|look| look.endpoint == endpoint);
        let paths = looks.map(|look| look.path.to_owned()).collect();
        let why = "looks whether the services that use the database still answer";
        requests.push(Request { paths, ..request("http", endpoint, "read", why) });
    }
    requests
}

fn request(capability: &str, name: &str, access: &str, why: &str) -> Request {
    Request {
        capability: capability.to_owned(),
        name: name.to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: why.to_owned(),
    }
}
