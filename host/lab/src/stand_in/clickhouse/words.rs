//! A statement's words.

use std::{iter::Peekable, str::Chars};

use super::statement::Refusal;

/// One word of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A keyword, or a name without quotes.
    Bare(String),
    /// A name in quotes.
    Quoted(String),
    /// A string.
    Text(String),
    Number(String),
    /// An operator of two signs.
    Operator(String),
    /// Anything else: a bracket, a comma, an operator of one sign.
    Sign(char),
}

impl Word {
    /// Whether it is this keyword, in any spelling.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Bare(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    /// The name that it is, if it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Bare(name) | Self::Quoted(name) => Some(name),
            Self::Text(_) | Self::Number(_) | Self::Operator(_) | Self::Sign(_) => None,
        }
    }

    /// The word as SQLite reads it.
    pub(super) fn sql(&self) -> String {
        match self {
            // The one name of a column that is asked for and that SQLite takes for a keyword.
            Self::Bare(word) if word == "table" => quoted(word),
            Self::Bare(word) | Self::Number(word) | Self::Operator(word) => word.clone(),
            Self::Quoted(name) => quoted(name),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Sign(sign) => sign.to_string(),
        }
    }
}

const OPERATORS: [[char; 2]; 6] =
    [['!', '='], ['<', '='], ['>', '='], ['<', '>'], ['=', '='], ['|', '|']];

/// A name in SQLite's quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Splits a statement into its words; comments are none.
pub(super) fn words(text: &str) -> Result<Vec<Word>, Refusal> {
    let mut rest = text.chars().peekable();
    let mut words = Vec::new();
    while let Some(first) = rest.next() {
        let word = match first {
            space if space.is_whitespace() => continue,
            '-' if rest.peek() == Some(&'-') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            '/' if rest.peek() == Some(&'*') => {
                skip_comment(&mut rest);
                continue;
            }
            '\'' => Word::Text(until(&mut rest, '\'')?),
            '`' | '"' => Word::Quoted(until(&mut rest, first)?),
            digit if digit.is_ascii_digit() => Word::Number(taken(&mut rest, digit, |next| {
                next.is_ascii_alphanumeric() || next == '.'
            })),
            letter if letter.is_alphabetic() || letter == '_' => {
                Word::Bare(taken(&mut rest, letter, |next| next.is_alphanumeric() || next == '_'))
            }
            sign => match rest.peek() {
                Some(next) if OPERATORS.contains(&[sign, *next]) => {
                    let operator = [sign, *next].into_iter().collect();
                    rest.next();
                    Word::Operator(operator)
                }
                _ => Word::Sign(sign),
            },
        };
        words.push(word);
    }
    Ok(words)
}

fn taken(rest: &mut Peekable<Chars<'_>>, first: char, goes_on: impl Fn(char) -> bool) -> String {
    let mut word = String::from(first);
    while let Some(next) = rest.next_if(|next| goes_on(*next)) {
        word.push(next);
    }
    word
}

fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    while let Some(next) = rest.next() {
        if next == '*' && rest.next_if_eq(&'/').is_some() {
            return;
        }
    }
}

/// What stands before the closing quote. It may stand in there itself, doubled or after a backslash.
fn until(rest: &mut Peekable<Chars<'_>>, quote: char) -> Result<String, Refusal> {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            '\\' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('0') => text.push('\0'),
                Some(other) => text.push(other),
                None => break,
            },
            end if end == quote && rest.next_if_eq(&quote).is_none() => return Ok(text),
            other => text.push(other),
        }
    }
    Err(Refusal::syntax(&format!("{quote} is not closed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_escapes_and_comments_are_read_as_clickhouse_reads_them() {
        let read = words("SELECT `a b`, 'it''s \\'so\\'' -- why\n/* not */ FROM t1 != 2;").unwrap();
        let sql: Vec<String> = read.iter().map(Word::sql).collect();
        assert_eq!(sql, ["SELECT", "\"a b\"", ",", "'it''s ''so'''", "FROM", "t1", "!=", "2", ";"]);
        assert!(read[0].is("select"));
        assert!(words("SELECT 'open").is_err());
    }
}
