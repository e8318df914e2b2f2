//! What was upgraded, by whom, when, and what it came to.

use lockstep_engine::journal::{Direction, End, Event, Phase};
use lockstep_engine::model::Version;

use super::Report;
use super::markdown::{Markdown, code};
use crate::clock::written;
use crate::render::text::length;

/// Appends the head.
pub(super) fn head(report: &Report<'_>, out: &mut Markdown) {
    let authority = &report.plan.authority;
    let environment = &authority.environment;
    out.heading(1, &format!("Run {}", report.run));
    out.item(&format!(
        "Component: {}, from {} to {}",
        code(&authority.component),
        version(&authority.from),
        version(&authority.to)
    ));
    out.item(&format!(
        "Environment: {} (at Railway {})",
        code(&environment.name),
        code(&environment.environment_id)
    ));
    if let Some(plan) = report.state.plan {
        out.item(&format!("Plan: {plan}"));
    }
    let plugin = &authority.plugin;
    out.item(&format!(
        "Plugin: {} {}, {}",
        code(&plugin.name),
        code(&plugin.version),
        plugin.digest
    ));
    for record in report.records {
        if let Event::Approved { by, .. } = &record.event {
            out.item(&format!("Approved: {} by {}", written(record.at), code(by)));
        }
    }
    times(report, out);
    out.item(&format!("Came to: {}", came_to(report)));
}

fn times(report: &Report<'_>, out: &mut Markdown) {
    let Some(first) = report.records.first() else { return };
    out.item(&format!("Began: {}", written(first.at)));
    let last = report.records.last().filter(|last| matches!(last.event, Event::Finished { .. }));
    match last {
        Some(last) => {
            let after = length(last.at.since(first.at));
            out.item(&format!("Ended: {}, after {after}", written(last.at)));
        }
        None => out.item("Ended: not yet"),
    }
}

fn came_to(report: &Report<'_>) -> String {
    let state = report.state;
    match (&state.phase, state.direction) {
        (Phase::Planned, _) => "planned, and not approved".to_owned(),
        (Phase::Running, Direction::Forward) => "not over".to_owned(),
        (Phase::Running, Direction::Back) => format!("on its way back, because {}", why(report)),
        (Phase::Moved(why), _) => format!("waits, because the environment moved: {}", code(why)),
        (Phase::Stuck(question), _) => format!("stuck: {}", code(question)),
        (Phase::Finished(End::Done), _) => "done: the wanted version runs".to_owned(),
        (Phase::Finished(End::RolledBack), _) => {
            format!("rolled back: the version before runs. Why: {}", why(report))
        }
    }
}

fn why(report: &Report<'_>) -> String {
    code(report.state.turned_back.as_deref().unwrap_or_default())
}

fn version(version: &Version) -> String {
    let digest = version.digest.as_ref().map(|digest| format!(" ({})", code(digest)));
    format!("{}{}", code(&version.text), digest.unwrap_or_default())
}
