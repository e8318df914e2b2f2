//! What a plan rests on, the gravest first.

use lockstep_engine::model::{Finding, Severity};

use super::text::{hang, put, shortened, tame};

/// What a finding means for whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Refuses,
    Warns,
    Mended,
    Note,
}

impl Group {
    /// The groups, in the order in which they are shown.
    const ALL: [Self; 4] = [Self::Refuses, Self::Warns, Self::Mended, Self::Note];

    fn of(finding: &Finding) -> Self {
        match finding.severity {
            Severity::Refusal => Self::Refuses,
            Severity::Warning | Severity::Note if !finding.mended_by.is_empty() => Self::Mended,
            Severity::Warning => Self::Warns,
            Severity::Note => Self::Note,
        }
    }

    /// Returns how its lines are marked, and its title.
    const fn marked(self) -> (&'static str, &'static str) {
        match self {
            Self::Refuses => ("✗", "What refuses the plan"),
            Self::Warns => ("!", "What to know before"),
            Self::Mended => ("✓", "What the plan mends"),
            Self::Note => ("·", "What was found besides"),
        }
    }
}

/// Appends the findings, in groups.
pub(crate) fn findings(out: &mut String, findings: &[Finding]) {
    for group in Group::ALL {
        let mut own = findings.iter().filter(|finding| Group::of(finding) == group).peekable();
        let (mark, title) = group.marked();
        if own.peek().is_some() {
            put(out, &format!("\n{title}"));
        }
        for found in own {
            finding(out, mark, found);
        }
    }
}

fn finding(out: &mut String, mark: &str, finding: &Finding) {
    let plain = |text: &str| shortened(&tame(text));
    let mut title = plain(&finding.title);
    let evidence: Vec<String> = finding.evidence.iter().map(|line| plain(line)).collect();
    let own_lines = match evidence.as_slice() {
        [only] => {
            title = format!("{title} ({only})");
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
    if !finding.mended_by.is_empty() {
        let steps: Vec<String> = finding.mended_by.iter().map(|id| format!("`{id}`")).collect();
        out.push_str(&hang(&format!("by step {}", steps.join(", ")), "      → ", "        "));
    }
    if let Some(source) = &finding.source {
        out.push_str(&hang(&plain(source), "      source: ", "        "));
    }
}
