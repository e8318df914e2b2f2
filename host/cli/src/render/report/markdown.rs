//! Markdown that nobody's words can break out of.

use crate::render::text::brief;

/// A document that is being written.
#[derive(Debug, Default)]
pub(super) struct Markdown(String);

impl Markdown {
    /// Begins a section, with an empty line before and after.
    pub(super) fn heading(&mut self, level: usize, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&"#".repeat(level));
        self.line(&format!(" {text}"));
        self.0.push('\n');
    }

    /// Appends an item of a list.
    pub(super) fn item(&mut self, text: &str) {
        self.line(&format!("- {text}"));
    }

    /// Appends an item below the last one.
    pub(super) fn below(&mut self, text: &str) {
        self.line(&format!("  - {text}"));
    }

    /// Appends a line.
    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// Appends a list, or says that there is nothing.
    pub(super) fn list(&mut self, items: impl IntoIterator<Item = String>) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            self.line("None.");
        }
        for item in items {
            self.item(&item);
        }
    }

    /// Returns the document.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Returns somebody else's words as a code span, in which nothing means anything: on one line, as long as anybody reads, and
/// between more backticks than there are in it.
pub(super) fn code(words: &str) -> String {
    let words = brief(words);
    let longest = words.split(|character| character != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default() + 1);
    match words.trim() {
        "" => "`(nothing)`".to_owned(),
        // A span that begins or ends with a backtick needs a space there, which is not shown.
        _ if words.starts_with(['`', ' ']) || words.ends_with(['`', ' ']) => {
            format!("{fence} {words} {fence}")
        }
        _ => format!("{fence}{words}{fence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_code_span() {
        assert_eq!(code("7.0.15"), "`7.0.15`");
        assert_eq!(code("a `b` c"), "``a `b` c``");
        assert_eq!(code("``x"), "``` ``x ```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" "), "`(nothing)`");
        assert_eq!(code("a\n# b\r\n<script>\u{202e}"), "`a\\n# b\\r\\n<script>\\u{202e}`");
        assert!(code(&"`".repeat(1 << 16)).chars().count() < 7_000);
    }
}
