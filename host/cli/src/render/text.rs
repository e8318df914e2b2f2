//! Small pieces of text.

use lockstep_engine::model::Millis;

/// Widest line of a plan.
const WIDTH: usize = 100;

/// What every digest of an image begins with.
const SHA256: &str = "sha256:";

/// How many digits of a digest are shown where it is one of many words.
const SHOWN_DIGITS: usize = 12;

/// Longest text of a plugin inside one message, in characters.
const LONGEST: usize = 2000;

/// Returns a length of time as people say it.
pub(crate) fn length(length: Millis) -> String {
    let seconds = length.0 / 1000;
    match seconds {
        0 if length.0 == 0 => "0 s".to_owned(),
        0 => format!("{} ms", length.0),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// Short times are what an upgrade is measured by, so they are not rounded to seconds.
pub(crate) fn precisely(time: Millis) -> String {
    match time.0 {
        0..=999 => format!("{} ms", time.0),
        1000..=9_999 => format!("{}.{} s", time.0 / 1000, time.0 % 1000 / 100),
        _ => length(time),
    }
}

/// Returns a length of time that is a promise: not rounded.
pub(crate) fn exactly(length: Millis) -> String {
    if length.0.is_multiple_of(1000) {
        format!("{} s", length.0 / 1000)
    } else {
        format!("{} ms", length.0)
    }
}

/// Returns `count` with the right form of `word`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Appends a line.
pub(crate) fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// Returns prose broken into lines, the first of which starts with `first` and the others with `rest`.
pub(crate) fn hang(text: &str, first: &str, rest: &str) -> String {
    literal(&text.split_whitespace().collect::<Vec<_>>().join(" "), first, rest)
}

/// Returns `text` broken like [`hang`], with every space as it is, except where a line is broken: a value is meant literally.
pub(crate) fn literal(text: &str, first: &str, rest: &str) -> String {
    let (mut lines, mut line, mut empty) = (String::new(), first.to_owned(), true);
    for word in text.trim().split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.extend([line.trim_end(), "\n"]);
            rest.clone_into(&mut line);
        } else if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.extend([line.trim_end(), "\n"]);
    lines
}

/// Returns `text` with every digest cut to its beginning; the whole ones stand at the end of a plan.
pub(crate) fn shortened(text: &str) -> String {
    let mut parts = text.split(SHA256);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_hexdigit).count();
        let (digest, rest) = part.split_at(digits);
        short.push_str(SHA256);
        match digest.get(..SHOWN_DIGITS).filter(|_| digits == 64) {
            Some(beginning) => short.extend([beginning, "…"]),
            None => short.push_str(digest),
        }
        short.push_str(rest);
    }
    short
}

/// Returns text of an untrusted plugin on one line, with everything escaped that could show it as something else.
pub(crate) fn tame(text: &str) -> String {
    escaped(text, deceives)
}

/// Returns [`tame`]d text, cut where it is longer than anybody reads in one message.
pub(crate) fn brief(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", tame(text.get(..end).unwrap_or_default())),
        None => tame(text),
    }
}

/// Returns text of several lines in which nothing moves the cursor or turns the order of reading.
pub(crate) fn visible(text: &str) -> String {
    escaped(text, |character| character != '\n' && character != '\t' && deceives(character))
}

fn escaped(text: &str, wanted: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if wanted(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Control characters, and those that are not seen but turn or join what is.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        assert_eq!(length(Millis(0)), "0 s");
        assert_eq!(length(Millis(250)), "250 ms");
        assert_eq!(length(Millis::seconds(90)), "90 s");
        assert_eq!(length(Millis::seconds(3600)), "60 min");
        assert_eq!(length(Millis::seconds(86_400)), "24 h");
        assert_eq!(exactly(Millis::seconds(90)), "90 s");
        assert_eq!(exactly(Millis(1_500)), "1500 ms");
    }

    #[test]
    fn long_text_is_broken_between_words_and_nowhere_else_changed() {
        let text = format!("{} a  b", "x".repeat(93));
        assert_eq!(literal(&text, "  - ", "    "), format!("  - {} a\n    b\n", "x".repeat(93)));
        assert_eq!(literal("a  b", "- ", "  "), "- a  b\n");
        assert_eq!(hang("a  b", "- ", "  "), "- a b\n");
        let long = "y".repeat(120);
        assert_eq!(hang(&long, "- ", "  "), format!("- {long}\n"));
    }

    #[test]
    fn only_whole_digests_are_cut() {
        let digest = "0123456789ab".repeat(6).chars().take(64).collect::<String>();
        assert_eq!(
            shortened(&format!("redis@sha256:{digest}, x")),
            "redis@sha256:0123456789ab…, x"
        );
        assert_eq!(shortened("sha256:0123 and sha256:"), "sha256:0123 and sha256:");
    }

    #[test]
    fn a_plugin_can_not_move_the_cursor() {
        assert_eq!(tame("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("a\u{1b}[2Jb\n\tc\r"), "a\\u{1b}[2Jb\n\tc\\r");
    }

    #[test]
    fn a_plugin_can_neither_add_lines_nor_turn_the_order_of_reading_nor_flood_a_message() {
        assert_eq!(tame("no\nHint: run this"), "no\\nHint: run this");
        assert_eq!(tame("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(brief("é").chars().count(), 1);
        assert_eq!(brief(&"é".repeat(1 << 20)).chars().count(), LONGEST + 1);
    }
}
