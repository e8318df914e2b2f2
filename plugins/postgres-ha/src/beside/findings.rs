//! What a plan of this path says about what it found.

use lockstep_sdk::Finding;

use super::names::{self, CONFIRM, FIRST, MAKE, SECRETS};
use super::plan::Survey;
use super::template::{Member, Wanted};
use super::{CODE, OWN};
use crate::names::{ADMIN, FRONT, NEW};
use crate::options::Options;
use crate::server::Server;

/// The volumes of Railway's smaller plan, and of its larger one.
const VOLUMES: (usize, usize) = (10, 20);

/// What stays when all is done.
pub(super) const STAYS: [&str; 1] =
    ["the cluster, with its services and volumes, which cost from now on: nobody uses it yet"];

/// Says how a cluster is made, in the operator's own file and as a command.
pub(crate) fn how(environment: &str) -> String {
    format!(
        "write path = \"cluster\" under [environments.{environment}.options.postgres-ha] in lockstep.toml, run \
         `lockstep apply postgres-ha -e {environment}`, and take the line out again"
    )
}

/// Says what comes after this plan.
pub(super) fn next(environment: &str) -> Finding {
    Finding::note("next", "moving to the cluster is a plan of its own, which rests on what the cluster answers")
        .evidence(format!(
            "take path = \"cluster\" out of lockstep.toml, and `lockstep plan postgres-ha -e {environment}`"
        ))
}

/// Returns what is to be said whatever the template holds.
pub(super) fn standing(survey: &Survey, options: &Options) -> Vec<Finding> {
    let mut findings = vec![
        Finding::note("path", "the path is cluster: a cluster is made beside the server, and nothing moves")
            .evidence("no service that is there is deployed, stopped or changed")
            .evidence("going back deletes the cluster, as long as nobody leads to it and nothing was put into it")
            .evidence("when the run is done it is deleted by hand, in Railway, if nobody wants it")
            .source("plans.md 3.2 step 8"),
    ];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: a run never commits what somebody else staged")
            .source("plans.md R5");
        findings.push(survey.staged.iter().fold(finding, Finding::evidence));
    }
    if survey.answers.is_ok() {
        findings.push(
            Finding::refusal("cluster-there", "a cluster answers already where the new one would")
                .evidence(format!("the connection `{ADMIN}` leads to it"))
                .remedy("take path = \"cluster\" out of lockstep.toml, and plan the move to it"),
        );
    }
    if let Err(why) = &survey.wanted {
        let title = format!("no cluster can be made from the template `{}`", options.template);
        findings.push(Finding::refusal("template", title).evidence(why.as_str()).remedy(format!(
            "name one of nodes of postgresql-repmgr behind PgPool in the option `template`: its code, as it stands in the address of \
             its page, such as `{CODE}`; or take the path `in-place`, which needs none"
        )));
    }
    if let Err(why) = &survey.old {
        findings.push(
            Finding::refusal("server", "the server can't be read, so what the cluster must be able to hold is not known")
                .evidence(why.as_str())
                .remedy("see that it is up and that the connection `postgres` leads to it: `lockstep doctor`"),
        );
    }
    findings
}

/// Returns what is to be said of the cluster that the template holds.
pub(super) fn going(survey: &Survey, server: &Server, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = vec![version(server, wanted), volumes(survey, wanted)];
    let is_taken = |member: &&Member| survey.services.iter().any(|it| it.name == member.name);
    let taken: Vec<&str> = wanted.members().filter(is_taken).map(|it| it.name.as_str()).collect();
    if !taken.is_empty() {
        findings.push(
            Finding::refusal("names", "services of the cluster's names are there already")
                .evidence(taken.join(", "))
                .remedy(
                    "if they are the cluster, take path = \"cluster\" out of lockstep.toml and plan the move to it; if not, rename \
                     them, or delete what an earlier attempt has left",
                ),
        );
    }
    let public = wanted.members().flat_map(|member| {
        member.public.iter().map(|name| format!("{name} of {} is left out", member.name))
    });
    let finding = Finding::note("public", "the cluster gets no public endpoint");
    let finding = public.fold(finding, Finding::evidence);
    if !finding.evidence.is_empty() {
        findings.push(finding.evidence("whoever needs one adds a TCP proxy to PgPool in Railway"));
    }
    findings
}

/// A database can't move to an older server.
fn version(server: &Server, wanted: &Wanted) -> Finding {
    let tags = wanted.nodes.iter().map(|node| node.image.tag.as_deref().unwrap_or_default());
    let major = |tag: &str| tag.split(['.', '-']).next().and_then(|it| it.parse::<u64>().ok());
    let majors: Vec<Option<u64>> = tags.map(major).collect();
    let evidence = format!("the server is {}", server.version().text);
    match majors.first().copied().flatten() {
        Some(first) if majors.iter().any(|it| *it != Some(first)) => {
            Finding::refusal("versions", "the template's nodes are of several versions")
                .remedy("name another template in the option `template`")
        }
        Some(first) if first < server.major() => {
            let title = format!("the template's nodes are PostgreSQL {first}, older than the server");
            Finding::refusal("versions", title)
                .remedy("name a newer template in the option `template`")
        }
        Some(first) => {
            Finding::note("versions", format!("the cluster is of PostgreSQL {first}"))
        }
        None => Finding::warning(
            "versions",
            "the tags of the template's images do not tell the version: the move refuses an older one",
        ),
    }
    .evidence(evidence)
}

fn volumes(survey: &Survey, wanted: &Wanted) -> Finding {
    let there = survey.services.iter().filter(|service| service.volume.is_some()).count();
    let volumes = there + wanted.members().filter(|member| member.mount.is_some()).count();
    let (small, large) = VOLUMES;
    let finding = if volumes > large {
        Finding::refusal("volumes", "the project may not have so many volumes")
            .remedy("delete volumes that nobody needs, or take the path `in-place`")
    } else if volumes > small {
        Finding::warning(
            "volumes",
            "the project may have so many volumes only on Railway's larger plan",
        )
    } else {
        Finding::note("volumes", "the project may have so many volumes")
    };
    finding.evidence(format!(
        "{volumes} services have a volume then; Railway's plans allow {small} and {large}"
    ))
}

/// Returns why the cluster would be made and not be reached, if that is so.
pub(super) fn reached(
    survey: &Survey,
    wanted: &Wanted,
    options: &Options,
    (environment, database): (&str, &str),
) -> Option<Finding> {
    let mut nodes: Vec<&str> = wanted.nodes.iter().map(|node| node.name.as_str()).collect();
    let mut told: Vec<&str> = options.nodes.iter().map(String::as_str).collect();
    nodes.sort_unstable();
    told.sort_unstable();
    let (title, evidence) = if nodes != told || wanted.front.name != options.front {
        let evidence = format!("the template makes {} and {}", nodes.join(", "), wanted.front.name);
        ("the options `nodes` and `front` name other services than the template makes", evidence)
    } else {
        let why = survey.answers.as_ref().err()?;
        // The host says of which service it could not dial anything.
        if nodes.iter().any(|node| why.contains(&format!("`{node}`"))) {
            return None;
        }
        ("the connection to the new cluster leads to none of its nodes", why.clone())
    };
    let finding = Finding::refusal("connections", title).evidence(evidence);
    let lines = lines(wanted, environment, database);
    let finding = lines.into_iter().fold(finding, Finding::evidence);
    Some(finding.remedy("write these lines into lockstep.toml, and plan again"))
}

/// Returns the lines of `lockstep.toml` by which the cluster is found.
fn lines(wanted: &Wanted, environment: &str, database: &str) -> Vec<String> {
    const PASSWORD: &str = "POSTGRESQL_PASSWORD";
    let (first, others) = wanted.parted();
    let front = wanted.front.name.as_str();
    let role = wanted.nodes.first().and_then(|node| node.text("POSTGRESQL_USERNAME"));
    let role = role.filter(|text| !text.contains("${{")).unwrap_or("postgres");
    let standbys: Vec<String> = others.iter().map(|name| format!("\"{name}\"")).collect();
    let mut lines = vec![
        format!("[environments.{environment}.options.postgres-ha]"),
        format!("nodes = \"{first},{}\"", others.join(",")),
        format!("front = \"{front}\""),
    ];
    for (name, service, variable, place) in [
        (NEW, first, PASSWORD, Some(database)),
        (ADMIN, first, PASSWORD, Some("postgres")),
        (OWN, first, "DATABASE_URL", None),
        (FRONT, front, "PGPOOL_POSTGRES_PASSWORD", Some("postgres")),
    ] {
        lines.extend([
            format!("[environments.{environment}.connections.{name}]"),
            "kind = \"postgres\"".to_owned(),
            format!("service = \"{service}\""),
            "port = 5432".to_owned(),
            format!("variable = \"{variable}\""),
        ]);
        if service == first {
            lines.push(format!("nodes = [{}]", standbys.join(", ")));
        }
        if let Some(place) = place {
            lines.extend([format!("user = \"{role}\""), format!("database = \"{place}\"")]);
        }
    }
    lines
}

/// Returns what the variables are set to that the template writes otherwise.
pub(super) fn settings(lines: Vec<String>) -> Finding {
    let title = "what a move to the cluster needs is set from the start";
    let finding = Finding::note("settings", title)
        .evidence("a log that the way back can read, a commit that waits for a second node, and no reads at nodes that are behind")
        .source("domain.md A.9");
    lines.into_iter().fold(finding, Finding::evidence).mended_by(MAKE).mended_by(CONFIRM)
}

/// An image that is not to be had can't be deployed.
pub(super) fn gone(member: &Member) -> Finding {
    let title = format!("the image of `{}` is not there to pull", member.name);
    Finding::refusal("image", title)
        .evidence(member.image.to_string())
        .remedy("name another template in the option `template`, or take the path `in-place`")
        .source("plans.md 3.0")
}

/// Returns what is made.
pub(super) fn images(wanted: &Wanted, images: &[String]) -> Finding {
    let title = format!("what is made from the template `{}`", wanted.code);
    let finding = Finding::note("template", title).evidence(wanted.digest.as_str());
    let pairs = wanted.members().zip(images);
    let finding = pairs.fold(finding, |finding, (member, image)| {
        let secrets = match member.secrets.len() {
            0 => String::new(),
            1 => ", with a secret that only Railway knows".to_owned(),
            many => format!(", with {many} secrets that only Railway knows"),
        };
        finding.evidence(format!("{}: {image}{secrets}", member.name))
    });
    [MAKE, SECRETS, FIRST, names::FRONT].into_iter().fold(finding, Finding::mended_by)
}

/// Returns what the plan does not do.
pub(super) fn uncovered(wanted: &Wanted) -> Vec<String> {
    vec![
        format!(
            "settings of the template's deployments, such as restart policies: of `{}` only images, volumes and variables are taken, and \
             Railway's usual settings hold for the rest",
            wanted.code
        ),
        "the size of the volumes: each is of Railway's usual size, and the move refuses nodes that have no room for the database"
            .to_owned(),
    ]
}
