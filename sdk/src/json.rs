//! Reading JSON that a server answered. It decides nothing: what is not of its form is none, never a guess.

use std::iter::Peekable;
use std::str::Chars;

/// How deep values may lie in each other: what nests deeper was not written by a server that means well.
const DEEPEST: usize = 64;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// Nothing.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// Names and values, in their order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Reads one value; none where anything is wrong with it or follows it.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: std::str::from_utf8(bytes).ok()?.chars().peekable() };
        let value = reader.value(0)?;
        reader.space();
        reader.rest.next().is_none().then_some(value)
    }

    /// Returns what stands under a name; of two the later one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns the text, if it is text.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the truth value, if it is one.
    pub const fn truth(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// Returns the items of a list; none of anything else.
    pub fn items(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }
}

/// Returns a text as JSON writes it, quotes included.
pub fn quoted(text: &str) -> String {
    let letter = |letter: char| match letter {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        control if control.is_control() => format!("\\u{:04x}", u32::from(control)),
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(letter).collect::<String>())
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.rest.next_if(|next| matches!(next, ' ' | '\t' | '\r' | '\n')).is_some() {}
    }

    /// Takes this character, spaces before it aside.
    fn takes(&mut self, wanted: char) -> bool {
        self.space();
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        match *self.rest.peek()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' => self.text().map(Json::Text),
            't' => self.word("true", Json::Boolean(true)),
            'f' => self.word("false", Json::Boolean(false)),
            'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        word.chars().all(|letter| self.rest.next_if_eq(&letter).is_some()).then_some(value)
    }

    fn number(&mut self) -> Option<Json> {
        let mut text = String::new();
        let is_part = |next: &char| next.is_ascii_digit() || "+-.eE".contains(*next);
        while let Some(next) = self.rest.next_if(is_part) {
            text.push(next);
        }
        let starts = text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit());
        (starts && text.parse::<f64>().is_ok_and(f64::is_finite)).then_some(Json::Number(text))
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        let mut items = Vec::new();
        if !self.takes('[') {
            return None;
        }
        if self.takes(']') {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.takes(']') {
                return Some(Json::List(items));
            }
            if !self.takes(',') {
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut members = Vec::new();
        if !self.takes('{') {
            return None;
        }
        if self.takes('}') {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            if !self.takes(':') {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            if self.takes('}') {
                return Some(Json::Object(members));
            }
            if !self.takes(',') {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.rest.next_if_eq(&'"')?;
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                control if control < ' ' => return None,
                letter => text.push(letter),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            same @ ('"' | '\\' | '/') => same,
            'u' => return self.unit().and_then(|unit| self.letter(unit)),
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.rest.next()?.to_digit(16)?;
        }
        Some(unit)
    }

    /// A letter outside the first plane is written as two halves; half a letter is none.
    fn letter(&mut self, unit: u32) -> Option<char> {
        if !(0xd800..0xdc00).contains(&unit) {
            return char::from_u32(unit);
        }
        self.rest.next_if_eq(&'\\')?;
        self.rest.next_if_eq(&'u')?;
        let low = self.unit().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Json> {
        Json::parse(text.as_bytes())
    }

    #[test]
    fn what_servers_write_is_read() {
        let found = parse(
            r#" {"status": "healthy", "db":"connected", "n": -1.5e3, "list": [1, true, null, []],
                "text": "a\"\\\u00e9\ud83d\ude00\n", "o": {}} "#,
        )
        .unwrap();
        assert_eq!(found.get("status").and_then(Json::text), Some("healthy"));
        assert_eq!(found.get("n"), Some(&Json::Number("-1.5e3".to_owned())));
        assert_eq!(found.get("list").and_then(Json::items).map(<[Json]>::len), Some(4));
        assert_eq!(found.get("text").and_then(Json::text), Some("a\"\\é😀\n"));
        assert_eq!(found.get("absent"), None);
        assert_eq!(
            parse(r#"{"a":1,"a":2}"#).unwrap().get("a"),
            Some(&Json::Number("2".to_owned()))
        );
    }

    #[test]
    fn a_text_is_read_as_it_was_written() {
        for text in ["", "gpt-4", "a\"b\\c", "\n\u{1}\u{7f}", "é😀"] {
            assert_eq!(parse(&quoted(text)), Some(Json::Text(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_none() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{a:1}",
            "tru",
            "1 2",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"a\nb\"",
            "+1",
            "-",
            "[1 2]",
            "nul",
            ".5",
            "1e999",
            "\"open",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(Json::parse(&[b'"', 0xff, b'"']), None);
    }

    #[test]
    fn what_nests_too_deep_is_none() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(60)).is_some());
        assert_eq!(parse(&nested(10_000)), None);
    }
}
