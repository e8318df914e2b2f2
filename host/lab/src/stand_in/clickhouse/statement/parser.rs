//! Reading a statement word by word.

use super::{Action, Column, Refusal, Replacing, Rows, Statement, Table, Word, sql};

/// Ends what a column's type or default is made of.
const CLAUSES: [&str; 7] = ["DEFAULT", "MATERIALIZED", "ALIAS", "CODEC", "COMMENT", "TTL", "AFTER"];
/// Ends what a table's key is made of.
const AFTER_KEY: [&str; 6] = ["PARTITION", "PRIMARY", "ORDER", "TTL", "SETTINGS", "SAMPLE"];

pub(super) struct Parser<'d> {
    words: std::iter::Peekable<std::vec::IntoIter<Word>>,
    database: &'d str,
}

impl<'d> Parser<'d> {
    pub(super) fn new(words: Vec<Word>, database: &'d str) -> Self {
        Self { words: words.into_iter().peekable(), database }
    }

    pub(super) fn statement(mut self) -> Result<Statement, Refusal> {
        let Some(first) = self.words.peek().cloned() else {
            return Err(Refusal::syntax("Empty query"));
        };
        if first.is("SELECT") || first.is("WITH") {
            return Ok(self.read());
        }
        self.words.next();
        match first.name().unwrap_or_default().to_ascii_uppercase().as_str() {
            "SHOW" => {
                self.expect("TABLES")?;
                let text = "SELECT name FROM \"system.tables\" ORDER BY name";
                Ok(Statement::Read { sql: text.to_owned(), format: self.format() })
            }
            "EXISTS" => {
                self.skip("TABLE");
                let name = Word::Text(self.table()?).sql();
                let text =
                    format!("SELECT count(*) AS result FROM \"system.tables\" WHERE name = {name}");
                Ok(Statement::Read { sql: text, format: self.format() })
            }
            "CREATE" => self.create(),
            "DROP" => {
                if !self.skip("TABLE") {
                    self.expect("VIEW")?;
                }
                let if_exists = self.skip_all(&["IF", "EXISTS"]);
                Ok(Statement::Drop { name: self.table()?, if_exists })
            }
            "TRUNCATE" => {
                self.skip("TABLE");
                let if_exists = self.skip_all(&["IF", "EXISTS"]);
                Ok(Statement::Truncate { name: self.table()?, if_exists })
            }
            "INSERT" => {
                self.words = std::iter::once(first)
                    .chain(self.words)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .peekable();
                let (table, columns) = self.insert_into()?;
                let values: Vec<Word> = self.words.collect();
                Ok(Statement::Insert {
                    table,
                    columns,
                    rows: Rows::Sql(sql(&values, self.database)),
                })
            }
            "DELETE" => {
                self.expect("FROM")?;
                let table = self.table()?;
                Ok(Statement::Delete { table, condition: self.condition()? })
            }
            "ALTER" => self.alter(),
            "OPTIMIZE" => Ok(Statement::Nothing),
            _ => Err(Refusal::unknown("this statement")),
        }
    }

    /// Reads up to where the rows begin.
    pub(super) fn insert_into(&mut self) -> Result<(String, Option<Vec<String>>), Refusal> {
        self.expect("INSERT")?;
        self.expect("INTO")?;
        self.skip("TABLE");
        let table = self.table()?;
        if !self.skip_sign('(') {
            return Ok((table, None));
        }
        let mut columns = Vec::new();
        loop {
            columns.push(self.name()?);
            if !self.skip_sign(',') {
                break;
            }
        }
        self.expect_sign(')')?;
        Ok((table, Some(columns)))
    }

    fn read(self) -> Statement {
        let mut words: Vec<Word> = self.words.collect();
        if let Some(settings) = words.iter().position(|word| word.is("SETTINGS")) {
            let after = words.split_off(settings);
            words.extend(after.into_iter().skip_while(|word| !word.is("FORMAT")));
        }
        let format = match words.as_slice() {
            [.., before, Word::Bare(format)] if before.is("FORMAT") => Some(format.clone()),
            _ => None,
        };
        if format.is_some() {
            words.truncate(words.len().saturating_sub(2));
        }
        Statement::Read { sql: sql(&words, self.database), format }
    }

    fn format(&mut self) -> Option<String> {
        self.skip("FORMAT").then(|| self.name().ok()).flatten()
    }

    fn create(&mut self) -> Result<Statement, Refusal> {
        let is_view = self.skip("MATERIALIZED") | self.skip("VIEW");
        if is_view {
            self.skip("VIEW");
        } else {
            self.expect("TABLE")?;
        }
        let if_not_exists = self.skip_all(&["IF", "NOT", "EXISTS"]);
        let name = self.table()?;
        if is_view {
            let table = Table {
                name,
                columns: Vec::new(),
                engine: "View".to_owned(),
                replacing: None,
                key: String::new(),
                indices: Vec::new(),
            };
            return Ok(Statement::Create { table, if_not_exists });
        }
        self.expect_sign('(')?;
        let (mut columns, mut indices) = (Vec::new(), Vec::new());
        loop {
            if self.skip("INDEX") {
                indices.push(index_kind(&self.until(&[])));
            } else {
                columns.push(self.column()?);
            }
            if !self.skip_sign(',') {
                break;
            }
        }
        self.expect_sign(')')?;
        self.expect("ENGINE")?;
        self.skip_sign('=');
        let engine = self.name()?;
        let mut names = self.arguments().into_iter();
        let replacing = (engine == "ReplacingMergeTree")
            .then(|| Replacing { version: names.next(), deleted: names.next() });
        let mut key = String::new();
        while self.words.peek().is_some() {
            let is_key = self.skip_all(&["ORDER", "BY"]);
            if !is_key {
                self.words.next();
            }
            let words = self.until(&AFTER_KEY);
            if is_key {
                let inner = match words.as_slice() {
                    [Word::Sign('('), inner @ .., Word::Sign(')')] => inner,
                    all => all,
                };
                key = sql(inner, self.database);
            }
        }
        let table = Table { name, columns, engine, replacing, key, indices };
        Ok(Statement::Create { table, if_not_exists })
    }

    /// The names in brackets, if there are brackets.
    fn arguments(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let mut more = self.skip_sign('(');
        while more {
            names.extend(self.until(&[]).first().and_then(Word::name).map(str::to_owned));
            more = self.skip_sign(',');
        }
        self.skip_sign(')');
        names
    }

    fn column(&mut self) -> Result<Column, Refusal> {
        let name = self.name()?;
        let mut kind = String::new();
        for word in self.until(&CLAUSES) {
            kind.push_str(&word.sql());
            if word.is_sign(',') {
                kind.push(' ');
            }
        }
        let mut default = None;
        while self.words.peek().is_some_and(|word| CLAUSES.iter().any(|clause| word.is(clause))) {
            let is_default = self.skip("DEFAULT");
            if !is_default {
                self.words.next();
            }
            let words = self.until(&CLAUSES);
            if is_default {
                let text = sql(&words, self.database);
                // A call is computed for each row, which SQLite wants in brackets.
                default = Some(if words.len() > 1 { format!("({text})") } else { text });
            }
        }
        Ok(Column { name, kind, default })
    }

    fn alter(&mut self) -> Result<Statement, Refusal> {
        self.expect("TABLE")?;
        let table = self.table()?;
        let mut actions = Vec::new();
        loop {
            actions.push(self.action()?);
            if !self.skip_sign(',') {
                break;
            }
        }
        Ok(Statement::Alter { table, actions })
    }

    fn action(&mut self) -> Result<Action, Refusal> {
        if self.skip("DELETE") {
            return Ok(Action::Delete(self.condition()?));
        }
        let verb = self.name()?.to_ascii_uppercase();
        let what = self.name()?.to_ascii_uppercase();
        let exists = self.skip_all(&["IF", "NOT", "EXISTS"]) | self.skip_all(&["IF", "EXISTS"]);
        match (verb.as_str(), what.as_str()) {
            ("ADD", "COLUMN") => {
                Ok(Action::AddColumn { column: self.column()?, if_not_exists: exists })
            }
            ("DROP", "COLUMN") => Ok(Action::DropColumn { name: self.name()?, if_exists: exists }),
            ("MODIFY", "COLUMN") => Ok(Action::ModifyColumn(self.column()?)),
            ("ADD", "INDEX") => Ok(Action::AddIndex(index_kind(&self.until(&[])))),
            ("DROP" | "MATERIALIZE", "INDEX") => {
                self.until(&[]);
                Ok(Action::Nothing)
            }
            _ => Err(Refusal::unknown("this change of a table")),
        }
    }

    fn condition(&mut self) -> Result<String, Refusal> {
        self.expect("WHERE")?;
        let words: Vec<Word> = self.words.by_ref().collect();
        Ok(sql(&words, self.database))
    }

    /// The words before one of these keywords, a comma or a closing bracket that was not opened among them.
    fn until(&mut self, keywords: &[&str]) -> Vec<Word> {
        let (mut taken, mut depth) = (Vec::new(), 0_u32);
        while let Some(word) = self.words.next_if(|word| {
            depth > 0
                || !(word.is_sign(',')
                    || word.is_sign(')')
                    || keywords.iter().any(|keyword| word.is(keyword)))
        }) {
            if word.is_sign('(') {
                depth += 1;
            } else if word.is_sign(')') {
                depth = depth.saturating_sub(1);
            }
            taken.push(word);
        }
        taken
    }

    /// A table's name, of this database.
    fn table(&mut self) -> Result<String, Refusal> {
        let name = self.name()?;
        if name != self.database || !self.skip_sign('.') {
            return Ok(name);
        }
        self.name()
    }

    fn name(&mut self) -> Result<String, Refusal> {
        let word = self.words.next();
        let name = word.as_ref().and_then(Word::name).map(str::to_owned);
        name.ok_or_else(|| {
            Refusal::syntax(&format!("a name is expected at {}", said(word.as_ref())))
        })
    }

    fn expect(&mut self, keyword: &str) -> Result<(), Refusal> {
        if self.skip(keyword) {
            return Ok(());
        }
        Err(Refusal::syntax(&format!("{keyword} is expected at {}", said(self.words.peek()))))
    }

    fn expect_sign(&mut self, sign: char) -> Result<(), Refusal> {
        if self.skip_sign(sign) {
            return Ok(());
        }
        Err(Refusal::syntax(&format!("`{sign}` is expected at {}", said(self.words.peek()))))
    }

    fn skip(&mut self, keyword: &str) -> bool {
        self.words.next_if(|word| word.is(keyword)).is_some()
    }

    /// Skips all these keywords, or none.
    fn skip_all(&mut self, keywords: &[&str]) -> bool {
        let kept = self.words.clone();
        if keywords.iter().all(|keyword| self.skip(keyword)) {
            return true;
        }
        self.words = kept;
        false
    }

    fn skip_sign(&mut self, sign: char) -> bool {
        self.words.next_if(|word| word.is_sign(sign)).is_some()
    }
}

/// What follows `TYPE` in an index.
fn index_kind(words: &[Word]) -> String {
    let mut after = words.iter().skip_while(|word| !word.is("TYPE")).skip(1);
    after.next().and_then(Word::name).unwrap_or_default().to_ascii_lowercase()
}

fn said(word: Option<&Word>) -> String {
    word.map_or_else(|| "the end".to_owned(), |word| format!("`{}`", word.sql()))
}
