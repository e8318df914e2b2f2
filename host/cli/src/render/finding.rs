//! What a plan rests on, the gravest first.

use lockstep_engine::model::{Finding, Severity};

use super::text::{hang, put, shortened, tame};

/// A group of findings: how its lines are marked, and what its title says.
struct Group {
    severity: Severity,
    mark: &'static str,
    title: &'static str,
}

/// The groups, in the order in which they are shown.
const GROUPS: [Group; 3] = [
    Group { severity: Severity::Refusal, mark: "✗", title: "Refuses the plan" },
    Group { severity: Severity::Warning, mark: "!", title: "Read this" },
    Group { severity: Severity::Note, mark: "·", title: "Found" },
];

/// Appends the findings, in groups.
pub(super) fn findings(out: &mut String, findings: &[Finding]) {
    for group in GROUPS {
        let mut own =
            findings.iter().filter(|finding| finding.severity == group.severity).peekable();
        if own.peek().is_some() {
            put(out, &format!("\n{}", group.title));
        }
        own.for_each(|found| finding(out, group.mark, found));
    }
}

fn finding(out: &mut String, mark: &str, finding: &Finding) {
    let plain = |text: &str| shortened(&tame(text));
    let mut title = plain(&finding.title);
    let evidence: Vec<String> = finding.evidence.iter().map(|line| plain(line)).collect();
    let own_lines = match evidence.as_slice() {
        [only] => {
            title.push_str(&format!(" ({only})"));
            &[]
        }
        several => several,
    };
    out.push_str(&hang(&title, &format!("  {mark} "), "    "));
    for line in own_lines {
        out.push_str(&hang(line, "      ", "        "));
    }
    if let Some(remedy) = &finding.remedy {
        out.push_str(&hang(&plain(remedy), "      → ", "        "));
    }
    if let Some(source) = &finding.source {
        out.push_str(&hang(&plain(source), "      source: ", "        "));
    }
}
