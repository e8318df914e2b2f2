//! A plan as an operator reads it before saying yes.

use std::collections::BTreeSet;

use lockstep_engine::model::{Authority, FrozenStep, Kind, Plan, Version, Way};

use super::finding::findings;
use super::step::{closing, step};
use super::text::{hang, put, shortened, tame};
use super::total::totals;
use super::watch::watches;
use crate::break_glass::short;

/// Returns the plan as text.
pub(crate) fn plan(plan: &Plan, digest: &str) -> String {
    let authority = &plan.authority;
    let mut out = String::new();
    head(&mut out, authority, digest);
    findings(&mut out, &plan.evidence.findings);
    if authority.steps.is_empty() {
        return out;
    }
    put(
        &mut out,
        "\nSteps (\u{201c}…\u{201d} are the plugin's words; - stands there now, + will stand there, ▸ is done)",
    );
    for (index, frozen) in authority.steps.iter().enumerate() {
        step(&mut out, plan, index + 1, frozen);
    }
    closing(&mut out, authority);
    watches(&mut out, authority);
    digests(&mut out, authority);
    by_hand(&mut out, authority);
    uncovered(&mut out, plan);
    totals(&mut out, plan);
    out
}

/// Appends what ends each state in which something is down, for whoever is left without Lockstep.
fn by_hand(out: &mut String, authority: &Authority) {
    let dangerous = |frozen: &&FrozenStep| !frozen.step.outage.is_empty();
    let mut steps = authority.steps.iter().filter(dangerous).peekable();
    if steps.peek().is_none() {
        return;
    }
    put(out, "\nThe way back by hand, if lockstep is gone while something is down");
    for frozen in steps {
        let Way::Steps(ids) = &frozen.way else { continue };
        let undo = ids.iter().filter_map(|id| authority.undo_step(id));
        let effects = undo
            .flat_map(|undo| &undo.step.effects)
            .filter_map(|label| authority.effects.get(label));
        let commands: Vec<String> = effects.map(|effect| short(&effect.kind)).collect();
        let first = format!("  back from `{}`: ", frozen.step.id);
        out.push_str(&hang(&commands.join(" · "), &first, "    "));
    }
    let file = "the whole commands, for bash and curl, are written to .lockstep/break-glass/RUN.md before the first effect";
    out.push_str(&hang(file, "  ", "  "));
}

/// Appends what the plan can't keep or check, in the plugin's words.
fn uncovered(out: &mut String, plan: &Plan) {
    if !plan.evidence.uncovered.is_empty() {
        put(out, "\nNot covered");
    }
    for line in &plan.evidence.uncovered {
        out.push_str(&hang(&format!("\u{201c}{}\u{201d}", tame(line)), "  · ", "    "));
    }
}

fn head(out: &mut String, authority: &Authority, digest: &str) {
    let (from, to) = (version(&authority.from), version(&authority.to));
    put(out, &format!("{}  {from}  →  {to}", tame(&authority.component)));
    put(
        out,
        &format!(
            "  environment {} · plugin {} {} ({})",
            authority.environment.name,
            tame(&authority.plugin.name),
            tame(&authority.plugin.version),
            authority.plugin.digest.short()
        ),
    );
    put(out, &format!("  plan {digest}"));
    if !authority.parameters.is_empty() {
        let told: Vec<String> = authority
            .parameters
            .iter()
            .map(|(name, value)| format!("{}={}", tame(name), shortened(&tame(value))))
            .collect();
        out.push_str(&hang(&format!("parameters {}", told.join(" ")), "  ", "    "));
    }
}

fn version(version: &Version) -> String {
    let digest = version.digest.as_deref().map(|digest| format!(" ({})", shortened(&tame(digest))));
    format!("{}{}", tame(&version.text), digest.unwrap_or_default())
}

/// Appends every image that the plan sets, uncut: what is cut above is what is approved here.
fn digests(out: &mut String, authority: &Authority) {
    let images: BTreeSet<String> = authority
        .effects
        .values()
        .filter_map(|effect| {
            let (Kind::SetImage { image, .. } | Kind::CreateService { image, .. }) = &effect.kind
            else {
                return None;
            };
            Some(tame(image))
        })
        .collect();
    if !images.is_empty() {
        put(out, "\nThe images in full");
    }
    for image in images {
        put(out, &format!("  {image}"));
    }
}
