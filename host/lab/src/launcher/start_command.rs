//! Reading a start command as Railway does, and moving the image's paths to the lab's folders.

use std::path::PathBuf;

/// Splits a command line into words as a shell does, with quotes and backslashes and nothing else.
///
/// Nothing is expanded: Railway starts images without a shell.
pub(crate) fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(quoted) => word.push(quoted),
                        None => return Err(unbalanced(command, "'")),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => match characters.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err(unbalanced(command, "\"")),
                        },
                        Some(quoted) => word.push(quoted),
                        None => return Err(unbalanced(command, "\"")),
                    }
                }
            }
            '\\' => match characters.next() {
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err(unbalanced(command, "\\")),
            },
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

fn unbalanced(command: &str, open: &str) -> String {
    format!("the start command ends inside `{open}`: {command}")
}

/// Where paths of the image are on this machine; the first that fits counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths(Vec<(String, PathBuf)>);

impl Paths {
    /// Adds a path of the image.
    pub(crate) fn with(mut self, path: &str, folder: PathBuf) -> Self {
        self.0.push((path.trim_end_matches('/').to_owned(), folder));
        self
    }

    /// Replaces each path of the image in `text`, wherever it stands as a path of its own.
    pub(crate) fn mapped(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        loop {
            let first = self
                .0
                .iter()
                .filter_map(|(path, folder)| Some((rest.find(path.as_str())?, path, folder)));
            // Of two that start at the same place, the longer one is meant.
            let first = first.min_by_key(|(at, path, _)| (*at, usize::MAX - path.len()));
            let Some((_, path, folder)) = first else { break };
            let Some((before, after)) = rest.split_once(path.as_str()) else { break };
            result.push_str(before);
            let begins = !result.ends_with(is_of_a_name) && !result.ends_with('/');
            let ends = !after.starts_with(is_of_a_name);
            if begins && ends {
                result.push_str(&folder.to_string_lossy());
            } else {
                result.push_str(path);
            }
            rest = after;
        }
        result.push_str(rest);
        result
    }
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// Quotes `text` as one word for a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, expected: &[&str]) {
        assert_eq!(words(command).unwrap(), expected);
    }

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        check("redis-server --dir /data", &["redis-server", "--dir", "/data"]);
        check(r#"sh -c "echo \"$A\" '`b`'""#, &["sh", "-c", "echo \"$A\" '`b`'"]);
        check(r"a 'b c'd\ e ''", &["a", "b cd e", ""]);
        check("  ", &[]);
    }

    #[test]
    fn an_open_quote_is_refused() {
        for command in ["a 'b", "a \"b", "a\\"] {
            assert!(words(command).unwrap_err().contains(command));
        }
    }

    #[test]
    fn only_whole_paths_are_moved() {
        let paths = Paths::default().with("/data", "/v".into()).with("/data/bin", "/b".into());
        assert_eq!(
            paths.mapped("--dir /data --x=/data/a /database /a/data ./data"),
            "--dir /v --x=/v/a /database /a/data ./data"
        );
        assert_eq!(
            paths.mapped("rm -rf /data/lost+found/ && /data/bin/x"),
            "rm -rf /v/lost+found/ && /b/x"
        );
    }

    #[test]
    fn a_quoted_word_comes_back_whole() {
        let word = "it's a $b";
        assert_eq!(words(&quoted(word)).unwrap(), [word]);
    }
}
