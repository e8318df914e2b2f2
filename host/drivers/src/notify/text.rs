//! Text of a plugin in somebody else's markup: escaped, and never longer than a message may be.

/// Longest headline. With the message, the hint and the foot it stays below the 2,000 characters that Discord takes.
pub(super) const HEADLINE: usize = 300;

/// Longest message.
pub(super) const MESSAGE: usize = 1000;

/// Longest hint.
pub(super) const HINT: usize = 400;

/// Returns `text` with each character as `escape` writes it, cut so that it has at most `most` characters. What is not
/// seen but turns or joins what is, is written out.
pub(super) fn fitted(text: &str, most: usize, escape: impl Fn(char, &mut String)) -> String {
    let mut fitted = String::new();
    let mut length = 0;
    // Where to cut should the rest turn out too long: the mark of a cut needs room too.
    let mut cut = 0;
    for character in text.chars() {
        let mut one = String::new();
        if hidden(character) {
            character.escape_default().for_each(|part| escape(part, &mut one));
        } else {
            escape(character, &mut one);
        }
        length += one.chars().count();
        if length > most {
            fitted.truncate(cut);
            fitted.push('…');
            return fitted;
        }
        fitted.push_str(&one);
        if length < most {
            cut = fitted.len();
        }
    }
    fitted
}

/// Leaves a character as it is.
pub(super) fn plain(character: char, out: &mut String) {
    out.push(character);
}

fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(character: char, out: &mut String) {
        out.extend([character, character]);
    }

    #[test]
    fn what_is_too_long_is_cut_between_escapes() {
        assert_eq!(fitted("abc", 3, plain), "abc");
        assert_eq!(fitted("abcd", 3, plain), "ab…");
        assert_eq!(fitted("abc", 6, twice), "aabbcc");
        assert_eq!(fitted("abc", 5, twice), "aabb…");
        assert_eq!(fitted("abc", 4, twice), "aa…");
        assert_eq!(fitted("abc", 1, twice), "…");
    }

    #[test]
    fn nothing_adds_lines_or_turns_the_order_of_reading() {
        assert_eq!(fitted("a\nb\u{202e}", 99, plain), "a\\nb\\u{202e}");
    }
}
