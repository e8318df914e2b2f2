//! What was typed.

use crate::MEASURES;

pub(crate) const HELP: &str = "\
Measures Lockstep's budgets, each beside its peer, nine rounds each; a figure is the median.

bench [--json] [MEASURE]...

  --json     one JSON document on standard output
  --help     this text

A missed budget is said plainly and is no failure of the command: figures of a busy machine are no proof, and the ratio
to the peer is what compares. Exit codes: 0 measured, 1 something could not be measured, 2 usage.

Measures (none means all):
";

/// What was typed, checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Whether JSON is wanted.
    pub(crate) json: bool,
    /// Whether help is wanted.
    pub(crate) help: bool,
    names: Vec<String>,
}

impl Arguments {
    /// Reads the words.
    ///
    /// # Errors
    /// A word that means nothing, by name.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        for word in words {
            match word.as_str() {
                "--json" => read.json = true,
                "--help" | "-h" => read.help = true,
                name if MEASURES.iter().any(|measure| measure.name == name) => {
                    read.names.push(word);
                }
                other => return Err(format!("there is no measure or option `{other}`")),
            }
        }
        Ok(read)
    }

    /// Returns whether a measure is to be taken.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn a_name_runs_only_that_measure_and_none_runs_all() {
        let one = parse(&["call", "--json"]).unwrap();
        assert!(one.json && one.wants("call") && !one.wants("plan"));
        assert!(parse(&[]).unwrap().wants("plan"));
    }

    #[test]
    fn an_unknown_word_is_refused_by_name() {
        assert!(parse(&["colour"]).unwrap_err().contains("`colour`"));
    }
}
