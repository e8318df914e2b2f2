//! Answers in ClickHouse's formats.

use rusqlite::types::Value as Kept;
use serde_json::{Map, Value, json};

use super::{
    column::{Kept as How, kept},
    engine::{Answer, series},
    statement::Refusal,
};

/// Up to here JSON has 64-bit numbers in quotes unless it is told otherwise.
const UNQUOTED_SINCE: [u64; 2] = [25, 8];

impl Answer {
    /// Writes it in a format, as a server of this version does.
    pub(super) fn written(&self, format: &str, version: &str) -> Result<String, Refusal> {
        let quotes = series(version).as_slice() < UNQUOTED_SINCE.as_slice();
        let names = || self.columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let kinds = || self.columns.iter().map(|(_, kind)| kind.clone()).collect::<Vec<_>>();
        let lists = || self.rows.iter().map(|row| self.list(row, quotes));
        let objects =
            || lists().map(|list| names().into_iter().zip(list).collect::<Map<String, Value>>());
        let document = |data: Vec<Value>| {
            let meta = self.columns.iter().map(|(name, kind)| json!({"name": name, "type": kind}));
            json!({ "meta": meta.collect::<Vec<_>>(), "data": data, "rows": self.rows.len() })
                .to_string()
        };
        Ok(match format {
            "TabSeparated" | "TSV" => self.lines(Vec::new()),
            "TabSeparatedWithNames" | "TSVWithNames" => self.lines(vec![names()]),
            "TabSeparatedWithNamesAndTypes" | "TSVWithNamesAndTypes" => {
                self.lines(vec![names(), kinds()])
            }
            "JSON" => document(objects().map(Value::Object).collect()),
            "JSONCompact" => document(lists().map(Value::Array).collect()),
            "JSONEachRow" => ended(objects().map(|row| Value::Object(row).to_string())),
            other => return Err(Refusal::unknown(&format!("the format `{other}`"))),
        })
    }

    fn lines(&self, mut lines: Vec<Vec<String>>) -> String {
        lines.extend(self.rows.iter().map(|row| row.iter().map(field).collect()));
        ended(lines.iter().map(|line| line.join("\t")))
    }

    fn list(&self, row: &[Kept], quotes: bool) -> Vec<Value> {
        row.iter().zip(&self.columns).map(|(value, (_, kind))| shown(value, kind, quotes)).collect()
    }
}

/// Ends each line.
fn ended(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

fn field(value: &Kept) -> String {
    match value {
        Kept::Null => "\\N".to_owned(),
        Kept::Integer(number) => number.to_string(),
        Kept::Real(number) => number.to_string(),
        Kept::Text(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
        Kept::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn shown(value: &Kept, kind: &str, quotes: bool) -> Value {
    match value {
        Kept::Null => Value::Null,
        Kept::Integer(number) if kind.contains("Bool") => json!(*number != 0),
        Kept::Integer(number) if quotes && kind.contains("Int64") => json!(number.to_string()),
        Kept::Integer(number) => json!(number),
        Kept::Real(number) => json!(number),
        Kept::Text(text) if kept(kind) == How::Json => {
            serde_json::from_str(text).unwrap_or_else(|_not_json| json!(text))
        }
        Kept::Text(text) => json!(text),
        Kept::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}
