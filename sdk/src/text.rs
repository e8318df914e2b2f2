//! Text that somebody else wrote, made fit to be shown.

/// Returns the text in one line, without control characters and no longer than `most` characters.
///
/// Controls that are invisible and reorder what stands around them go too: a release note must not be able to look like
/// something else than it is.
pub fn tame(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let (mut length, mut gap) = (0, false);
    for letter in text.chars() {
        if letter.is_whitespace() || letter.is_control() {
            gap = !shown.is_empty();
            continue;
        }
        if is_invisible(letter) {
            continue;
        }
        if length + usize::from(gap) >= most {
            shown.push('…');
            return shown;
        }
        if gap {
            shown.push(' ');
            length += 1;
            gap = false;
        }
        shown.push(letter);
        length += 1;
    }
    shown
}

/// Marks of direction, joiners and the like: they take no room and change how the rest is read.
const fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_line_and_bounded() {
        assert_eq!(tame("  a\r\n\tb \u{1b}[31mc", 80), "a b [31mc");
        assert_eq!(tame("abc\u{202e}def\u{200b}", 80), "abcdef");
        assert_eq!(tame("abcdef", 3), "abc…");
        assert_eq!(tame("abc", 3), "abc");
        assert_eq!(tame("ab cd", 3), "ab…");
        assert_eq!(tame("äöü", 3), "äöü");
        assert_eq!(tame("", 3), "");
    }
}
