//! Bounds on what plugins say, and how long the engine waits between two tries. Each has its reason.

use crate::model::{Denial, Fact, Failure, Millis, Problem, facts_size};

/// Most bytes of facts that one call may leave: the journal keeps them for good.
const MAX_FACTS: usize = 64 * 1024;

/// Longest line of a plugin that is shown.
const MAX_LINE: usize = 4 * 1024;

/// Most effects in a plan: more than any person could approve.
pub(crate) const MAX_EFFECTS: usize = 1000;

/// Longest label, so that derived undo labels and backup names still fit.
pub(crate) const MAX_LABEL: usize = 48;

/// Most different denials of one planning, and of one step of a run, that are kept to be shown.
pub(crate) const MAX_DENIED: usize = 20;

/// How long an intent may be on its way before nothing is sent any more: a taker waits that long.
pub(crate) const INTENT_LIFE: Millis = Millis::seconds(10);

/// Tries of one effect by one process while nothing happens.
pub(crate) const MAX_ATTEMPTS: u32 = 6;

/// Looks at an effect that is still going on before a person is asked: with the pauses below, about half an hour.
pub(crate) const MAX_SETTLING: u32 = 400;

/// How long after its limit a step of which nothing can be seen is looked for, before a person is asked.
pub(crate) const BLIND: Millis = Millis::seconds(120);

/// Returns the pause before try `attempt` (from 0): 200 ms, doubled each time, at most 5 s.
pub(crate) fn pause(attempt: u32) -> Millis {
    Millis(200_u64.saturating_mul(1_u64 << attempt.min(5)).min(5_000))
}

/// Checks that `facts` are few enough to be kept.
///
/// # Errors
/// They are not.
pub(crate) fn bounded(facts: Vec<Fact>) -> Result<Vec<Fact>, Failure> {
    let size = facts_size(&facts);
    if size > MAX_FACTS {
        return Err(Failure::permanent(
            "facts:too-large",
            format!("the plugin left {size} bytes of facts; {MAX_FACTS} are kept"),
        ));
    }
    Ok(facts)
}

/// Returns a plugin's line as people may see it: bounded, on one line, control characters escaped.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.len() >= MAX_LINE {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns a denial as it is kept: what a plugin wrote is in its words, so each part has an end.
pub(crate) fn kept(denial: Denial) -> Denial {
    let Problem { code, message, mut extra } = denial.problem;
    if extra.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_LINE {
        extra.clear();
    }
    Denial { call: line(&denial.call), problem: Problem { code, message: line(&message), extra } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_can_not_move_the_cursor_or_flood_the_screen() {
        assert_eq!(line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert!(line(&"x".repeat(100_000)).len() < MAX_LINE + 8);
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(0), Millis(200));
        assert_eq!(pause(3), Millis(1_600));
        assert_eq!(pause(60), Millis(5_000));
    }
}
