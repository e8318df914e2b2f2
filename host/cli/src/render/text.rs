//! Small pieces of text.

use lockstep_engine::model::Millis;

/// Widest line of a plan.
const WIDTH: usize = 100;

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

/// Returns `count` with the right form of `word`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Returns `text` broken into lines that start with `indent`.
pub(crate) fn wrap(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty()
            && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH
        {
            lines.extend([indent, &line, "\n"]);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.extend([indent, &line, "\n"]);
    }
    lines
}

/// Returns text of an untrusted plugin with control characters escaped.
pub(crate) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            tamed.extend(character.escape_default());
        } else {
            tamed.push(character);
        }
    }
    tamed
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
    }

    #[test]
    fn a_plugin_can_not_move_the_cursor() {
        assert_eq!(tame("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    }
}
