//! One step of a plan: what it changes, how long that takes, and how it is taken back.

use lockstep_engine::model::{Authority, Drive, FrozenStep, Gate, Millis, Plan, Step, Way};

use super::change::lines;
use super::effect::words;
use super::outage::Outages;
use super::text::{exactly, hang, length, literal, plural, put, shortened, tame};

/// Where what belongs to a step begins.
const INDENT: &str = "     ";

/// Appends the step that has `number`.
pub(super) fn step(out: &mut String, plan: &Plan, number: usize, frozen: &FrozenStep) {
    let (authority, step) = (&plan.authority, &frozen.step);
    put(out, "");
    // What the host derived is in its own words.
    let said = |words: &str| {
        let words = tame(words);
        if frozen.derived { words } else { format!("\u{201c}{words}\u{201d}") }
    };
    let title = format!("{}  {}", step.id, said(&step.title));
    out.push_str(&hang(&title, &format!(" {number:>2}. "), INDENT));
    section(out, authority, step);
    for gate in &step.gates {
        let waits = match gate {
            Gate::Approval(prompt) => {
                format!("⏸ waits for approval: \u{201c}{}\u{201d}", tame(prompt))
            }
            Gate::Window => {
                "⏸ waits for a maintenance window (none can be set yet: always open)".to_owned()
            }
        };
        out.push_str(&hang(&waits, INDENT, "       "));
    }
    if step.drive == Drive::Guided {
        let rounds = plural(step.rounds as usize, "round");
        put(out, &format!("{INDENT}the plugin chooses among these, {rounds} at most:"));
    }
    for effect in step.effects.iter().filter_map(|label| authority.effects.get(label)) {
        for (mark, line) in lines(effect, &authority.expected) {
            let first = format!("{INDENT}{} ", mark.sign());
            out.push_str(&literal(&line, &first, "         "));
        }
    }
    if !step.why.is_empty() {
        out.push_str(&hang(&said(&step.why), "       why    ", "              "));
    }
    out.push_str(&hang(&figures(plan, step), "       takes  ", "              "));
    let mut first = "       down   ";
    let measured = |step: &Step| plan.evidence.expected.get(&step.id);
    for line in Outages::of(std::iter::once(step), measured).lines() {
        out.push_str(&hang(&line, first, "                "));
        first = "              ";
    }
    if let Some(words) = left(authority, step) {
        out.push_str(&hang(&words, "       left   ", "              "));
    }
    undo(out, authority, &frozen.way);
}

/// Appends the critical section that the step belongs to: at its first step, what that means.
fn section(out: &mut String, authority: &Authority, step: &Step) {
    let Some(section) = authority.section_of(&step.id) else { return };
    let name = tame(section.name);
    let words = if *section.first == step.id {
        format!(
            "⧗ critical section `{name}`, up to step `{}`: done within {}, or backed out of at once and by itself, and the run \
             with it",
            section.last,
            exactly(section.max_outage)
        )
    } else {
        format!("⧗ in critical section `{name}`")
    };
    out.push_str(&hang(&words, INDENT, "       "));
}

fn figures(plan: &Plan, step: &Step) -> String {
    let time = plan.evidence.expected.get(&step.id).map_or(Millis(0), |measured| measured.time);
    let mut figures = vec![match time {
        Millis(0) => "no history tells how long".to_owned(),
        time => format!("about {}", length(time)),
    }];
    if let Some(soak) = step.soak {
        figures.push(format!("then soaks for {}", length(soak)));
    }
    figures.push(format!("fails after {}", length(step.limit)));
    if step.outage.is_empty() {
        figures.push("nothing is down".to_owned());
    }
    figures.join(" · ")
}

/// Returns what is left if Lockstep dies in the step; words that an earlier step has are not said again.
fn left(authority: &Authority, step: &Step) -> Option<String> {
    let words = step.if_left.as_ref()?;
    let steps = authority.steps.iter().map(|frozen| &frozen.step);
    let mut earlier = steps.take_while(|earlier| earlier.id != step.id);
    let said = earlier.find(|earlier| earlier.if_left.as_ref() == Some(words));
    Some(match said {
        Some(said) => format!("if lockstep dies here: as in step `{}`", said.id),
        None => format!("if lockstep dies here: \u{201c}{}\u{201d}", tame(words)),
    })
}

/// Appends what ends the way back.
pub(super) fn closing(out: &mut String, authority: &Authority) {
    let effects = authority.closing().flat_map(|undo| &undo.step.effects);
    let mut effects = effects.filter_map(|label| authority.effects.get(label)).peekable();
    if effects.peek().is_some() {
        put(out, "\n     At the end of the way back, if their counterparts began");
    }
    for effect in effects {
        out.push_str(&literal(&shortened(&words(effect)), "              ↩ ", "                "));
    }
}

fn undo(out: &mut String, authority: &Authority, way: &Way) {
    let ids = match way {
        Way::Nothing => return put(out, "       undo   nothing to undo"),
        Way::Impossible(why) => {
            let why = format!("IMPOSSIBLE: \u{201c}{}\u{201d}", tame(why));
            return out.push_str(&hang(&why, "       undo   ", "              "));
        }
        Way::Steps(ids) => ids,
    };
    let steps = ids.iter().filter_map(|id| authority.undo_step(id)).map(|frozen| &frozen.step);
    let effects = steps.flat_map(|step| &step.effects);
    let mut first = "       undo   ↩ ";
    for effect in effects.filter_map(|label| authority.effects.get(label)) {
        out.push_str(&literal(&shortened(&words(effect)), first, "                "));
        first = "              ↩ ";
    }
}
