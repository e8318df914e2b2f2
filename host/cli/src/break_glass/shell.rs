//! Text that a person pastes into a shell: nothing in it may be taken for anything but what it is.

use std::fmt::Write as _;

use serde_json::Value;

/// Returns `text` as one word of bash. Whatever is not plainly visible is written by its code.
pub(super) fn word(text: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().all(|character| (' '..='~').contains(&character)) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = "$'".to_owned();
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            '\n' => word.push_str("\\n"),
            ' '..='~' => word.push(character),
            other => {
                // Writing to a string can't fail.
                let _written = write!(word, "\\U{:08x}", u32::from(other));
            }
        }
    }
    word.push('\'');
    word
}

/// Returns JSON on one line of plain ASCII.
pub(super) fn json(value: &Value) -> String {
    let mut json = String::new();
    for character in value.to_string().chars() {
        if (' '..='~').contains(&character) {
            json.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string can't fail.
            let _written = write!(json, "\\u{unit:04x}");
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn a_word_is_one_word_whatever_a_plugin_puts_into_it() {
        assert_eq!(word("redis:6.2@sha256:ab"), "redis:6.2@sha256:ab");
        assert_eq!(word(""), "''");
        assert_eq!(word("a b; rm -rf $HOME `x`"), "'a b; rm -rf $HOME `x`'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("a\nb'\\\u{202e}"), r"$'a\nb\'\\\U0000202e'");
    }

    #[test]
    fn json_is_one_line_of_ascii() {
        let text = json(&value!({ "a": "x\n\u{202e}😀" }));
        assert_eq!(text, r#"{"a":"x\n\u202e\ud83d\ude00"}"#);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["a"], "x\n\u{202e}😀");
    }
}
