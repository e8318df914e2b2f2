//! What a plan of this path says about what it found.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::{owner, proof, smoke};
use lockstep_sdk::image::Image;
use lockstep_sdk::step::SECOND;

use super::literals::Literal;
use super::names::{
    ADDRESSES, ADOPT, CONVERT, HIDDEN, RAISE_SERVER, REVERT, SETTINGS, SYNCHRONOUS,
};
use super::patroni::Leads;
use super::server::limits;
use super::survey::{Inside, Survey};
use super::template::{Cluster, variable};
use crate::account::{Password, URL};
use crate::findings::disturbed;
use crate::names::OLD;

/// Images that Railway converts.
const SINGLE: &str = "ghcr.io/railwayapp-templates/postgres-ssl";
const NODE: &str = "ghcr.io/railwayapp-templates/postgres-ha/postgres-patroni";

/// Major versions that it converts.
const MAJORS: std::ops::RangeInclusive<u64> = 14..=18;

/// Where those images keep their data.
const MOUNT: &str = "/var/lib/postgresql/data";

/// The volumes of Railway's smaller plan, and of its larger one.
const VOLUMES: (usize, usize) = (10, 20);

/// Returns what is to be said whether or not the server can be read.
pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![volume(survey), image(survey), chosen()];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: what this plan stages is committed with everything else that is staged")
            .source("plans.md R5");
        findings.push(survey.staged.iter().fold(finding, Finding::evidence));
    }
    if let Err(why) = &survey.backups {
        let title = "the volume's backups can't be listed, so a backup could not be proven";
        findings.push(Finding::refusal("backups", title).evidence(why.as_str()));
    }
    if survey.root.setting("start-command").is_some_and(|command| !command.is_empty()) {
        findings.push(
            Finding::refusal(
                "start-command",
                "the server has a start command, which would start PostgreSQL in Patroni's place",
            )
            .remedy("take it away, and set what it sets by ALTER SYSTEM")
            .source("railway.md 3.4"),
        );
    }
    if survey.root_has("PATRONI_ENABLED") {
        let title = "the server is a node of a cluster already";
        findings
            .push(Finding::refusal("cluster-already", title).evidence("PATRONI_ENABLED is set"));
    }
    if let Leads::Yes | Leads::No = survey.patroni {
        let title = "something answers already where the server's Patroni will";
        findings
            .push(Finding::refusal("patroni", title).remedy(
                "let the endpoint `patroni` lead to port 8008 of the server's own service",
            ));
    }
    for running in [&survey.root].into_iter().chain(&survey.clients) {
        findings.extend(disturbed(running));
    }
    if let Err(why) = &survey.inside {
        findings.push(
            Finding::refusal("server", "the server can't be read, so nothing about it can be proven")
                .evidence(why.as_str())
                .remedy("see that it is up and that the connection `postgres` leads to it: `lockstep doctor`"),
        );
    } else if let Err(why) = &survey.cluster {
        findings.push(
            Finding::refusal("template", "Railway's template is not one that this version knows")
                .evidence(why.as_str())
                .remedy("take another path: `online`, or `job`"),
        );
    }
    findings
}

fn chosen() -> Finding {
    Finding::note("path", "the path is in-place: the server itself becomes the first node of a cluster")
        .evidence("nothing is copied: every service is without its database once, while the server starts anew under Patroni")
        .evidence("not online: no cluster must be there before, and the major version stays")
        .evidence("going back loses no row: the node that leads is made a single server again, and every service is without its \
                   database once more")
        .source("plans.md 3.0")
}

fn volume(survey: &Survey) -> Finding {
    let Some(volume) = &survey.root.service.volume else {
        return Finding::refusal(
            "volume",
            "the server has no volume, so nothing of it can be backed up",
        )
        .remedy("see that the option `service` names the one that runs PostgreSQL");
    };
    let data = survey.root.variable("PGDATA").unwrap_or(MOUNT);
    if volume.mount != MOUNT || !data.starts_with(MOUNT) {
        return Finding::refusal(
            "volume",
            "the data is not where the cluster's image looks for it",
        )
        .evidence(format!("the volume is mounted at {}, and PGDATA is {data}", volume.mount))
        .remedy(format!("the cluster's image takes a volume at {MOUNT} alone"));
    }
    proof::backup_possible(volume.used_mb, volume.size_mb)
        .evidence(format!("`{}` at {}", volume.name, volume.mount))
}

fn image(survey: &Survey) -> Finding {
    let text = survey.root.service.image.as_deref().unwrap_or("built from a repository");
    let evidence = format!("image: {text}");
    let image = Image::parse(text).filter(|it| [SINGLE, NODE].contains(&it.repository.as_str()));
    let Some(image) = image else {
        return Finding::refusal("image", "the server does not run an image that Railway converts")
            .evidence(evidence)
            .remedy("take another path: `online`, or `job`")
            .source("railway.md 3.4");
    };
    let major = image.tag.as_deref().and_then(|tag| tag.parse::<u64>().ok());
    if image.digest.is_some() || !major.is_some_and(|major| MAJORS.contains(&major)) {
        return Finding::refusal("image", "Railway converts a server only if its image names a major version and nothing else")
            .evidence(evidence)
            .remedy("set the image to the tag of the major version that runs, such as postgres-ssl:16, without deploying it")
            .source("railway.md 3.4");
    }
    Finding::note("image", "Railway converts what the server runs").evidence(evidence)
}

/// Returns what is to be said about the conversion.
pub(super) fn going(survey: &Survey, inside: &Inside, cluster: &Cluster, now: u64) -> Vec<Finding> {
    let mut findings = smoke::findings(&survey.answers);
    findings.push(made(survey, cluster));
    findings.push(references(survey, cluster));
    findings.extend(addresses(survey, cluster));
    if !survey.found.stuck.is_empty() {
        let finding = Finding::refusal("references-stuck", "variables lead to the server, and neither the conversion nor this plan could lead them to the cluster and back")
            .remedy("write each as a reference to a variable of the server's service that the front has too, such as ${{postgres.DATABASE_URL}}, and plan again")
            .source("plans.md R8");
        findings.push(survey.found.stuck.iter().fold(finding, Finding::evidence));
    }
    if !survey.found.unclear.is_empty() {
        let finding = Finding::warning("references-unclear", "these variables may lead to the server; nothing can be seen of them")
            .remedy("see where each leads: a client that stays with the server can't write when another node leads");
        findings.push(survey.found.unclear.iter().fold(finding, Finding::evidence));
    }
    findings.extend(password(survey, cluster));
    findings.extend(server(inside));
    let lines = inside.settings.iter().map(|(name, value)| format!("{name} = {value}"));
    let finding = Finding::note(
        "settings",
        "Patroni sets these itself, and they are put back when the server is a single one again",
    )
    .evidence("they are written down by ALTER SYSTEM then, which counts before the server's file")
    .mended_by(SETTINGS)
    .source("plans.md 3.7");
    findings.push(lines.fold(finding, Finding::evidence));
    findings.push(
        Finding::note("synchronous", "a commit waits for a second node")
            .evidence("the template lets it be acknowledged by one, which is lost with that node; it is set through Patroni's API")
            .mended_by(SYNCHRONOUS)
            .source("plans.md 3.1"),
    );
    findings.push(
        Finding::warning("patroni-open", "Patroni's API has no password: whoever reaches port 8008 inside this environment can order a failover")
            .source("plans.md 3.1"),
    );
    let boot = survey.root.boot();
    let known = if boot == 0 {
        "no history tells how long its deployment takes".to_owned()
    } else {
        format!("its last boots took up to {} s", boot.div_ceil(SECOND))
    };
    findings.push(
        Finding::warning("outage", "every service is without its database once, while the server starts anew under Patroni")
            .evidence(format!("{}: {known}", survey.root.name()))
            .mended_by(ADOPT)
            .source("plans.md 3.7"),
    );
    let limits = limits(&inside.settings);
    if !limits.is_empty() {
        let finding = Finding::warning("limits", "Patroni may be told less of these limits than there is, so it is told them as soon as the server leads")
            .evidence("the server starts under Patroni with what it had of each but max_replication_slots, and would have less from its next start on")
            .evidence("every service is without its database once more only where a limit is lower then: Patroni restarts the server before there are replicas")
            .mended_by(RAISE_SERVER)
            .source("plans.md 3.7 step 9");
        let lines = limits.iter().map(|(name, value)| format!("{name} = {value}"));
        findings.push(lines.fold(finding, Finding::evidence));
    }
    findings.extend(owner::patching(now));
    findings
}

fn made(survey: &Survey, cluster: &Cluster) -> Finding {
    let taken: Vec<&str> = cluster
        .others()
        .map(|it| it.name.as_str())
        .filter(|name| survey.names.iter().any(|known| known == name))
        .collect();
    if !taken.is_empty() {
        return Finding::refusal(
            "names",
            "the cluster's services would get names that others have",
        )
        .evidence(taken.join(", "))
        .remedy("rename or delete those: an earlier cluster may have left them");
    }
    let volumes = survey.volumes + cluster.others().filter(|it| it.mount.is_some()).count();
    let (small, large) = VOLUMES;
    let evidence =
        format!("{volumes} services have a volume then; Railway's plans allow {small} and {large}");
    let finding = if volumes > large {
        Finding::refusal("cluster", "the project may not have so many volumes")
    } else if volumes > small {
        Finding::warning(
            "cluster",
            "the project may have so many volumes only on Railway's larger plan",
        )
    } else {
        Finding::note("cluster", "what Railway makes of the server")
    };
    let what = |it: &lockstep_sdk::TemplateService| {
        format!("{}: {}", it.name, it.image.as_deref().unwrap_or_default())
    };
    let finding = finding.evidence(evidence).evidence(cluster.template.digest.as_str());
    cluster.others().map(what).fold(finding, Finding::evidence).mended_by(CONVERT)
}

fn references(survey: &Survey, cluster: &Cluster) -> Finding {
    if survey.clients.is_empty() {
        return Finding::refusal(
            "references",
            "no service has a variable that leads to the server, so nobody would use the cluster",
        )
        .remedy("see that the option `service` names the one that the services use");
    }
    let lines =
        survey.found.moved.iter().map(|it| format!("{} {}: {}", it.service, it.name, it.before));
    let idle = survey.clients.iter().filter(|client| client.up().is_none());
    let idle = idle.map(|client| format!("{} does not run, so it is not deployed", client.name()));
    let title = format!("references that Railway leads to `{}`", cluster.edge.name);
    let finding = lines.chain(idle).fold(Finding::note("references", title), Finding::evidence);
    finding.mended_by(CONVERT).source("plans.md R10")
}

/// Railway leads references to the front, and nothing else.
fn addresses(survey: &Survey, cluster: &Cluster) -> Option<Finding> {
    let line = |it: &Literal| {
        let former =
            it.former.as_deref().unwrap_or("a URL with a password, which only the host puts back");
        format!("{} {}: {former}", it.service, it.name)
    };
    let literals = &survey.found.literals;
    let title = format!(
        "variables with the server's address instead of a reference: the plan leads them to `{}` itself",
        cluster.edge.name
    );
    let finding =
        literals.iter().map(line).fold(Finding::note("addresses", title), Finding::evidence);
    let steps = [(true, ADDRESSES), (false, HIDDEN)];
    let needed =
        steps.iter().filter(|(seen, _)| literals.iter().any(|it| it.former.is_some() == *seen));
    let finding = needed.fold(finding, |finding, (_, step)| finding.mended_by(step));
    (!literals.is_empty()).then(|| finding.source("plans.md 3.7 step 11"))
}

/// The front's URL is the template's, which has the server's password as it is.
fn password(survey: &Survey, cluster: &Cluster) -> Option<Finding> {
    let (root, front) = (survey.root.name(), cluster.edge.name.as_str());
    let finding = match &survey.password {
        Password::Plain => return None,
        Password::Unseen => Finding::warning(
            "front-password",
            "whether the server's password may stand in a URL as it is can't be seen",
        )
        .evidence(format!("`{root}` has no `{URL}` with a password in it"))
        .remedy("a password of letters, digits and `-._~` may; others break the front's URL, and the run goes back"),
        Password::Escaped | Password::Unfit(_) => {
            let evidence = match &survey.password {
                Password::Unfit(why) => why.clone(),
                Password::Plain | Password::Escaped | Password::Unseen => {
                    format!("`{URL}` of `{root}` has it escaped")
                }
            };
            let title = format!(
                "the server's password may not stand in a URL as it is, and Railway's template writes it so into that of `{front}`"
            );
            Finding::refusal("front-password", title)
                .evidence(evidence)
                .remedy("give the role a password of letters, digits and `-._~` alone (ALTER ROLE … PASSWORD, and the same in its variable)")
        }
    };
    Some(finding.source("railway.md 3.4"))
}

fn server(inside: &Inside) -> Vec<Finding> {
    let mut findings = Vec::new();
    let server = &inside.server;
    if server.recovering {
        findings.push(
            Finding::refusal("role", format!("the connection `{OLD}` leads to a standby"))
                .evidence("pg_is_in_recovery(): true"),
        );
    }
    if server.prepared > 0 {
        findings.push(
            Finding::refusal(
                "prepared",
                "there are prepared transactions, which nobody ends when the server starts anew",
            )
            .evidence(format!("{} in pg_prepared_xacts", server.prepared))
            .remedy("commit or roll back each"),
        );
    }
    if !inside.aside.superuser {
        findings.push(
            Finding::refusal("superuser", "the connection's role may not change the server's settings, so the way back could not put them back")
                .evidence(format!("role: {}", server.user))
                .remedy("let the connection log in as the server's superuser"),
        );
    }
    if inside.aside.archives != "off" {
        findings.push(
            Finding::refusal("archive", "the server archives its log, and Patroni's image would archive it its own way or not at all")
                .evidence(format!("archive_mode: {}", inside.aside.archives))
                .remedy("switch point-in-time recovery off first")
                .source("plans.md 3.7"),
        );
    }
    if inside.aside.slots > 0 {
        findings.push(
            Finding::refusal("slots", "somebody reads the server's log through a slot, and Patroni drops slots that it does not know")
                .evidence(format!("{} in pg_replication_slots", inside.aside.slots))
                .remedy("end whoever reads there, and drop each slot")
                .source("plans.md 3.2 step 9"),
        );
    }
    if !server.pending.is_empty() {
        findings.push(
            Finding::warning(
                "pending-restart",
                "settings are changed that wait for a restart, and this plan restarts the server",
            )
            .evidence(server.pending.join(", ")),
        );
    }
    findings
}

/// Returns what stays when all is done.
pub(super) fn stays() -> [&'static str; 4] {
    [
        "the locked backup of the volume as it was before",
        "the pinned images and the time to end",
        "the cluster with its services and volumes",
        "a rule of the server's pg_hba.conf that lets replicas follow, also on the way back",
    ]
}

/// Returns what the plan can't keep or check.
pub(super) fn uncovered(survey: &Survey, cluster: &Cluster) -> Vec<String> {
    let mut lines = vec![
        "clients outside this Railway environment: only the variables of its services were looked at; those that dial the server \
         itself go on, and can't write when another node leads"
            .to_owned(),
        "settings that Patroni sets: what limits the server is raised to what it was, and others are the template's from then on"
            .to_owned(),
        format!(
            "a failover that nobody asked for while clients are led back: `{REVERT}` looks who leads right before it, and Railway itself does not"
        ),
        "spend that LiteLLM holds in memory while the server starts anew: a process that ends meanwhile loses it".to_owned(),
    ];
    if variable(&cluster.edge, "DATABASE_PUBLIC_URL").is_some()
        && survey.root_has("RAILWAY_TCP_PROXY_DOMAIN")
    {
        lines.push("the public endpoint: Railway moves it to the front by itself".to_owned());
    }
    lines
}
