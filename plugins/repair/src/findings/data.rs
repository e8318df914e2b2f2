//! Images, and what keeps data.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::{owner, pin};

use crate::names::{
    APPS, DATABASE_URL, GRACE, KEEPS_ALL, MINIO, PIN, POLICY, POSTGRES, REDIS, STORES, VARIABLES,
};
use crate::needs::{Needs, has_room};
use crate::survey::Survey;

pub(super) fn findings(survey: &Survey, needs: &Needs) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(images(needs));
    found.extend(bitnami(survey, needs));
    found.extend(needs.unpinned.iter().map(|finding| unpinned(finding, needs)));
    found.extend(postgres_tag(survey));
    found.extend(updates(survey));
    found.extend(grace(needs));
    found.extend(eviction(survey, needs));
    found.extend(shared(survey));
    found.extend(full(survey, needs));
    found
}

fn images(needs: &Needs) -> Option<Finding> {
    let pins: Vec<_> = needs.pins.iter().map(|(name, image)| (*name, image.clone())).collect();
    pin::finding(PIN, &pins).map(|finding| finding.source("plans.md 2 R1"))
}

fn bitnami(survey: &Survey, needs: &Needs) -> Option<Finding> {
    let found = survey.of(REDIS)?;
    let image = found.image().filter(|image| image.repository.starts_with("bitnami/"))?;
    let title =
        "the image of Redis was withdrawn: whatever deploys it leaves the stack without Redis";
    let finding = Finding::warning("bitnami-image", title)
        .evidence(format!("configured: {image}"))
        .source("domain.md D.4: versioned images left that repository in August 2025");
    let is_pinned = needs.pins.iter().any(|(name, _)| *name == REDIS);
    Some(if is_pinned {
        finding
            .remedy("the step sets the same bytes, where they are still kept, without a deployment; the stage `redis` moves to the official image")
            .mended_by(PIN)
    } else {
        finding.remedy("put the image into a registry of your own and set the service to it")
    })
}

fn postgres_tag(survey: &Survey) -> Option<Finding> {
    let image = survey.of(POSTGRES)?.image().filter(|image| image.digest.is_none())?;
    Some(
        Finding::note("postgres-tag", "PostgreSQL keeps an image that may move: nothing here deploys it, and nothing else may")
            .evidence(format!("configured: {image}"))
            .evidence("Railway makes a cluster only of a server whose image names a major version and nothing else")
            .remedy("the stage `postgres-ha` sees to it; until then, whoever deploys it by hand pins it first"),
    )
}

/// What is deployed here must be pinned; of everything else it is told.
fn unpinned(finding: &Finding, needs: &Needs) -> Finding {
    let is_deployed = needs.deploys.iter().any(|name| finding.id == format!("pin-{name}"));
    if is_deployed {
        return finding.clone();
    }
    Finding { severity: lockstep_sdk::Severity::Warning, ..finding.clone() }
}

fn updates(survey: &Survey) -> Vec<Finding> {
    let names = APPS.into_iter().chain(STORES).filter_map(|name| survey.of(name));
    let itself = names.filter_map(|found| {
        let setting = owner::updates_itself(&found.service)?;
        let title = format!("Railway updates the image of `{}` by itself", found.name());
        let finding = Finding::warning(&format!("auto-updates-{}", found.name()), title)
            .evidence(format!("auto-updates: {setting}"))
            .remedy("turn it off in the service's settings: no step does, and no upgrade of it begins before")
            .source("plans.md 2 R5");
        Some(finding)
    });
    itself.collect()
}

fn grace(needs: &Needs) -> Option<Finding> {
    let title = "services are killed at once when they are replaced, with what they hold in memory";
    let finding = Finding::warning("grace", title).mended_by(GRACE).source("plans.md 2 R2");
    let finding = needs.graces.iter().fold(finding, |finding, (grace, _)| {
        finding.evidence(format!("{} is given {} s to end", grace.service, grace.draining))
    });
    (!needs.graces.is_empty()).then_some(finding)
}

fn eviction(survey: &Survey, needs: &Needs) -> Option<Finding> {
    let change = needs.variables.iter().find(|change| change.name == POLICY);
    let live = survey.policy.as_deref().ok().filter(|policy| *policy != KEEPS_ALL);
    if change.is_none() && live.is_none() {
        return None;
    }
    let title = "when Redis is full it is to throw keys away, and Langfuse's queues are such keys";
    let mut finding = Finding::warning("eviction-policy", title).source("domain.md 0, item 8");
    if let Some(change) = change {
        let before = change.before.as_deref().unwrap_or_default();
        finding = finding
            .evidence(format!("{POLICY} is {before}; the image does not read it, and whoever makes it count breaks the queues"))
            .mended_by(VARIABLES);
    }
    Some(match (live, &survey.policy) {
        (Some(live), _) => finding
            .evidence(format!("the server itself says {live}"))
            .remedy(format!("the stage `redis` sets `{KEEPS_ALL}` at the server")),
        (None, Ok(policy)) => finding.evidence(format!("the server itself says {policy}")),
        (None, Err(why)) => finding.evidence(format!("the server can't be asked: {why}")),
    })
}

fn shared(survey: &Survey) -> Option<Finding> {
    let [Some(litellm), Some(langfuse)] = &survey.databases else { return None };
    let same = (&litellm.host, &litellm.path) == (&langfuse.host, &langfuse.path);
    let title = "LiteLLM and Langfuse share one database: a migration of either may drop the other's tables";
    let mut finding = Finding::warning("shared-database", title)
        .evidence(format!("{DATABASE_URL} of both leads to {}{}", litellm.host, litellm.path))
        .remedy(format!(
            "no step splits it; LiteLLM's upgrade rehearses its migration on a copy and stops where something foreign changes. \
             A database for each is best made while `{POSTGRES}` moves"
        ))
        .source("domain.md 0, items 1 and 2");
    if litellm.user.as_deref() == Some("postgres") {
        finding = finding.evidence("both connect as the superuser `postgres`");
    }
    same.then_some(finding)
}

fn full(survey: &Survey, needs: &Needs) -> Option<Finding> {
    let full: Vec<_> = STORES
        .into_iter()
        .filter_map(|name| survey.of(name))
        .filter(|found| !needs.is_nothing() && found.service.volume.is_some() && !has_room(found))
        .filter_map(|found| {
            let volume = found.service.volume.as_ref()?;
            Some(format!("{}: {} of {} MB used", found.name(), volume.used_mb, volume.size_mb))
        })
        .collect();
    let finding = Finding::warning("no-room", "no backup can be made of these volumes, which are more than half full")
        .remedy(format!("make room, or a larger volume, before an upgrade needs a backup of it; `{MINIO}` needs none for one"))
        .source("Railway: volumes, backups");
    let finding = full.iter().fold(finding, |finding, line| finding.evidence(line.as_str()));
    (!full.is_empty()).then_some(finding)
}
