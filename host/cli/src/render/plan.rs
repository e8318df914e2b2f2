//! A plan as an operator reads it before saying yes.

use std::fmt::Write as _;

use lockstep_engine::model::{
    Authority, Drive, Finding, FrozenStep, Gate, Millis, Plan, Severity, Step, Version, Way,
};

use super::effect::words;
use super::text::{length, plural, tame, wrap};

/// Returns the plan as text.
pub(crate) fn plan(plan: &Plan, digest: &str) -> String {
    let authority = &plan.authority;
    let mut out = String::new();
    head(&mut out, authority, digest);
    findings(&mut out, &plan.evidence.findings);
    steps(&mut out, plan);
    lines(&mut out, plan);
    out
}

fn head(out: &mut String, authority: &Authority, digest: &str) {
    let (from, to) = (version(&authority.from), version(&authority.to));
    put(out, &format!("{}  {from}  →  {to}", tame(&authority.component)));
    put(
        out,
        &format!(
            "  environment {} · plugin {} {} ({}) · plan {digest}",
            authority.environment.name,
            tame(&authority.plugin.name),
            tame(&authority.plugin.version),
            authority.plugin.digest.short()
        ),
    );
    if !authority.parameters.is_empty() {
        let told: Vec<String> = authority
            .parameters
            .iter()
            .map(|(name, value)| format!("{}={}", tame(name), tame(value)))
            .collect();
        out.push_str(&wrap(&format!("parameters {}", told.join(" ")), "  "));
    }
}

fn version(version: &Version) -> String {
    let digest = version
        .digest
        .as_deref()
        .and_then(|digest| digest.get(..19))
        .map(|short| format!(" ({short}…)"));
    format!("{}{}", tame(&version.text), digest.unwrap_or_default())
}

fn findings(out: &mut String, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    put(out, "\nFound");
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in sorted {
        let mark = match finding.severity {
            Severity::Note => "·",
            Severity::Warning => "!",
            Severity::Refusal => "✗",
        };
        let evidence =
            finding.evidence.iter().map(|line| tame(line)).collect::<Vec<_>>().join("; ");
        let evidence = if evidence.is_empty() { String::new() } else { format!(" ({evidence})") };
        let text = wrap(&format!("{}{evidence}", tame(&finding.title)), "    ");
        put(out, &format!("  {mark} {}", text.trim()));
        if let Some(remedy) = &finding.remedy {
            put(out, wrap(&format!("→ {}", tame(remedy)), "      ").trim_end());
        }
    }
}

fn steps(out: &mut String, plan: &Plan) {
    let authority = &plan.authority;
    if authority.steps.is_empty() {
        return;
    }
    put(
        out,
        "\nSteps (\u{201c}…\u{201d} are the plugin's words, the rest is what lockstep will do)",
    );
    for (index, frozen) in authority.steps.iter().enumerate() {
        step(out, plan, index + 1, frozen);
    }
    for undo in authority.closing() {
        put(out, "\n     At the end of the way back, if their counterparts began:");
        effects(out, authority, &undo.step, "       - ");
    }
}

fn step(out: &mut String, plan: &Plan, number: usize, frozen: &FrozenStep) {
    let step = &frozen.step;
    if frozen.derived {
        put(out, &format!("\n {number:>2}. {}  {} ({})", step.id, step.title, step.why));
    } else {
        put(out, &format!("\n {number:>2}. {}  \u{201c}{}\u{201d}", step.id, tame(&step.title)));
    }
    if !step.why.is_empty() && !frozen.derived {
        out.push_str(&wrap(&format!("\u{201c}{}\u{201d}", tame(&step.why)), "     "));
    }
    for gate in &step.gates {
        match gate {
            Gate::Approval(prompt) => {
                put(out, &format!("     ⏸ waits for approval: \u{201c}{}\u{201d}", tame(prompt)));
            }
            Gate::Window => {
                put(out, "     ⏸ in a maintenance window (none can be set yet: always open)");
            }
        }
    }
    effects(out, &plan.authority, step, "     + ");
    put(out, &format!("     {}", figures(plan, step)));
    put(out, &format!("     undo: {}", way(&frozen.way)));
    if let Way::Steps(ids) = &frozen.way {
        for undo in ids.iter().filter_map(|id| plan.authority.undo_step(id)) {
            effects(out, &plan.authority, &undo.step, "       - ");
        }
    }
}

fn effects(out: &mut String, authority: &Authority, step: &Step, mark: &str) {
    if step.drive == Drive::Guided {
        put(
            out,
            &format!(
                "     the plugin chooses among these, {} at most:",
                plural(step.rounds as usize, "round")
            ),
        );
    }
    for label in &step.effects {
        if let Some(effect) = authority.effects.get(label) {
            put(out, &format!("{mark}{}", words(effect)));
        }
    }
}

fn figures(plan: &Plan, step: &Step) -> String {
    let (expected, outage) =
        plan.evidence.expected.get(&step.id).copied().unwrap_or((Millis(0), None));
    let mut figures = Vec::new();
    match expected {
        Millis(0) => figures.push("takes: no history to tell".to_owned()),
        expected => figures.push(format!("takes about {}", length(expected))),
    }
    figures.push(match outage {
        None => "outage 0".to_owned(),
        Some(Millis(0)) => "outage: no history to tell".to_owned(),
        Some(outage) => format!("outage about {}", length(outage)),
    });
    if let Some(soak) = step.soak {
        figures.push(format!("then soaks for {}", length(soak)));
    }
    figures.push(format!("fails after {}", length(step.limit)));
    figures.join(" · ")
}

fn way(way: &Way) -> String {
    match way {
        Way::Nothing => "nothing to undo".to_owned(),
        Way::Steps(_) => "these effects, if their counterparts began".to_owned(),
        Way::Impossible(why) => format!("IMPOSSIBLE: {}", tame(why)),
    }
}

fn lines(out: &mut String, plan: &Plan) {
    let authority = &plan.authority;
    if authority.steps.is_empty() {
        return;
    }
    put(out, "");
    match authority.point_of_no_return().and_then(|index| authority.steps.get(index)) {
        Some(frozen) => put(
            out,
            &format!(
                "Point of no return: step `{}`. From its beginning on there is no way back.",
                frozen.step.id
            ),
        ),
        None => put(out, "No point of no return."),
    }
    let mut steps = authority.steps.iter().map(|frozen| &frozen.step);
    match steps.find_map(|step| Some((&step.id, step.loss.as_ref()?))) {
        Some((step, loss)) => out.push_str(&wrap(
            &format!(
                "A failure up to step `{step}` rolls back by itself. Once that step is done, going back loses \u{201c}{}\u{201d}: from then on a failure stops the run and asks.",
                tame(loss)
            ),
            "",
        )),
        None => put(out, "A failure rolls back by itself, as long as there is a way."),
    }
    let forward: Vec<(Millis, Option<Millis>)> = authority
        .steps
        .iter()
        .filter_map(|frozen| plan.evidence.expected.get(&frozen.step.id).copied())
        .collect();
    let expected: u64 = forward.iter().map(|(expected, _)| expected.0).sum();
    let outage: u64 = forward.iter().filter_map(|(_, outage)| *outage).map(|outage| outage.0).sum();
    let soak: u64 =
        authority.steps.iter().filter_map(|frozen| frozen.step.soak).map(|soak| soak.0).sum();
    let outage_note =
        if outage == 0 { "0".to_owned() } else { format!("about {}", length(Millis(outage))) };
    put(
        out,
        &format!(
            "{}, {}; about {} and {} of soaking; outage {outage_note}.",
            plural(authority.steps.len(), "step"),
            plural(authority.effects.len(), "effect"),
            length(Millis(expected)),
            length(Millis(soak))
        ),
    );
}

fn put(out: &mut String, line: &str) {
    // Writing to a string can't fail.
    let _written = writeln!(out, "{line}");
}
