//! Findings about where traces go.

use lockstep_sdk::Finding;
use lockstep_sdk::running::Running;
use lockstep_sdk::text::tame;
use lockstep_sdk::version::numbers;

use crate::survey::Survey;

/// The callback that sends traces to a path that Langfuse 4 refuses in its usual mode.
const LEGACY: &str = "langfuse";

/// The first major version that refuses it.
pub(crate) const REFUSING: u64 = 4;

/// The variable that says how Langfuse 4 takes traces, and the modes in which it takes them from that callback.
const MODE: &str = "LANGFUSE_MIGRATION_V4_WRITE_MODE";
const TAKING: [&str; 2] = ["dual", "legacy"];

pub(super) fn going(survey: &Survey, configured: &[String]) -> Option<Finding> {
    let (langfuse, told) = survey.langfuse.as_ref()?;
    let asked = survey.told.iter().flat_map(|told| &told.callbacks);
    let callbacks: Vec<&String> = asked.chain(configured).collect();
    let legacy = callbacks.iter().any(|name| *name == LEGACY);
    let version = version(langfuse, told.as_deref());
    let shown = version.as_deref().map_or("unknown".to_owned(), |it| tame(it, 40));
    let names: Vec<String> = callbacks.iter().map(|name| tame(name, 40)).collect();
    let known =
        if names.is_empty() { "none that can be seen".to_owned() } else { names.join(", ") };
    let lines = [format!("Langfuse {shown}"), format!("callbacks: {known}")];
    let refuses = version.and_then(|it| numbers(&it)?.numbers.first().copied()) >= Some(REFUSING);
    let takes = langfuse.variable(MODE).is_some_and(|mode| TAKING.contains(&mode));
    let finding = if refuses && !takes && (legacy || callbacks.is_empty()) {
        let title = if legacy {
            "traces are sent to a path that this Langfuse refuses: both look healthy, and no trace arrives"
        } else {
            "whether traces are sent to a path that this Langfuse refuses can't be seen"
        };
        Finding::warning("callback", title).remedy(format!(
            "use the callback `langfuse_otel`, or let Langfuse take both kinds: {MODE}=dual"
        ))
    } else {
        Finding::note("callback", "traces are sent to a path that this Langfuse takes")
    };
    Some(lines.into_iter().fold(finding, Finding::evidence).source("domain.md B.8; litellm#33383"))
}

/// The version that it tells, or that its tag names.
fn version(langfuse: &Running, told: Option<&str>) -> Option<String> {
    told.map(str::to_owned).or_else(|| langfuse.image()?.tag)
}
