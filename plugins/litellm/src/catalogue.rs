//! What a database consists of, object by object, and what a migration did to it.
//!
//! A migration that changes a table of somebody else is never wanted. One that takes something away which the former version
//! needs can't be gone back from by starting that version again.

use std::collections::BTreeMap;

use lockstep_sdk::Failure;
use lockstep_sdk::answer;
use lockstep_sdk::outside::Sql;

/// Every object of users: kind, schema, table or other owner, name, definition, and whether rows must have it (`strict`).
/// What Lockstep itself keeps there is left out.
pub(crate) const OBJECTS: &str = "\
    WITH s AS (SELECT n.oid, n.nspname FROM pg_namespace n \
      WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT starts_with(n.nspname, 'pg_') AND NOT starts_with(n.nspname, 'lockstep')), \
    t AS (SELECT c.oid, s.nspname, c.relname, c.relkind FROM pg_class c JOIN s ON s.oid = c.relnamespace \
      WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) \
    SELECT 'table', t.nspname::text, t.relname::text, '', t.relkind::text, false FROM t WHERE t.relkind IN ('r', 'p') \
    UNION ALL SELECT 'view', t.nspname::text, t.relname::text, '', md5(pg_get_viewdef(t.oid)), false FROM t WHERE t.relkind IN ('v', 'm') \
    UNION ALL SELECT 'column', t.nspname::text, t.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
      a.attnotnull AND d.adbin IS NULL AND a.attidentity = '' AND a.attgenerated = '' \
      FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum WHERE t.relkind IN ('r', 'p') \
    UNION ALL SELECT 'default', t.nspname::text, t.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid), false \
      FROM t JOIN pg_attrdef d ON d.adrelid = t.oid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.adnum \
    UNION ALL SELECT 'constraint', t.nspname::text, t.relname::text, c.conname::text, pg_get_constraintdef(c.oid), c.contype IN ('p', 'u', 'x') \
      FROM t JOIN pg_constraint c ON c.conrelid = t.oid WHERE c.contype <> 'n' \
    UNION ALL SELECT 'index', t.nspname::text, t.relname::text, i.relname::text, pg_get_indexdef(x.indexrelid), x.indisunique \
      FROM t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid \
    UNION ALL SELECT 'type', s.nspname::text, y.typname::text, '', string_agg(e.enumlabel::text, ',' ORDER BY e.enumsortorder), false \
      FROM pg_type y JOIN s ON s.oid = y.typnamespace JOIN pg_enum e ON e.enumtypid = y.oid GROUP BY 1, 2, 3 \
    ORDER BY 1, 2, 3, 4";

/// Views that LiteLLM makes and that do not bear its name.
const VIEWS: [&str; 7] = [
    "DailyTagSpend",
    "Last30dKeysBySpend",
    "Last30dModelsBySpend",
    "Last30dTopEndUsersSpend",
    "MonthlyGlobalSpend",
    "MonthlyGlobalSpendPerKey",
    "MonthlyGlobalSpendPerUserPerKey",
];

/// The type that LiteLLM makes and that does not bear its name.
const TYPE: &str = "JobStatus";

/// What tells an object from every other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: String,
    schema: String,
    owner: String,
    name: String,
}

impl Object {
    /// Returns whether it belongs to LiteLLM.
    fn is_ours(&self) -> bool {
        let by_kind = match self.kind.as_str() {
            "view" => VIEWS.contains(&self.owner.as_str()),
            "type" => self.owner == TYPE,
            _ => false,
        };
        by_kind || self.owner.starts_with("LiteLLM_")
    }

    /// Returns whether it is one of the views that a proxy makes when it starts, whatever a migration did.
    fn is_made_at_start(&self) -> bool {
        self.kind == "view" && self.is_ours()
    }

    /// Returns whether it belongs to a table and goes with it.
    fn is_part(&self) -> bool {
        ["column", "default", "constraint", "index"].contains(&self.kind.as_str())
    }

    fn words(&self) -> String {
        let Self { kind, owner, name, .. } = self;
        if name.is_empty() { format!("{kind} {owner}") } else { format!("{kind} {owner}.{name}") }
    }
}

/// What an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    definition: String,
    strict: bool,
}

/// A database's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue(BTreeMap<Object, Shape>);

impl Catalogue {
    /// Asks the database behind a connection. The views that a proxy makes are left out: it may make them at any time.
    pub(crate) fn read<O: Sql>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let rows = answer::rows(outside, connection, OBJECTS, &[])?;
        let own = |row: &answer::Row, index| row.text(index).map(str::to_owned);
        let object = |row: &answer::Row| {
            let (kind, schema) = (own(row, 0)?, own(row, 1)?);
            let name = Object { kind, schema, owner: own(row, 2)?, name: own(row, 3)? };
            let definition = row.maybe_text(4)?.unwrap_or_default().to_owned();
            Ok((name, Shape { definition, strict: row.truth(5)? }))
        };
        let mut objects = rows.iter().map(object).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        objects.retain(|name, _| !name.is_made_at_start());
        Ok(Self(objects))
    }

    fn has_table(&self, of: &Object) -> bool {
        self.0
            .keys()
            .any(|it| it.kind == "table" && (&it.schema, &it.owner) == (&of.schema, &of.owner))
    }

    /// Returns what became of this database in `after`.
    pub(crate) fn becoming(&self, after: &Self) -> Change {
        let mut change = Change::default();
        for (name, shape) in &self.0 {
            match after.0.get(name) {
                Some(now) if now == shape => {}
                Some(now) => {
                    let line = format!(
                        "{} is changed: {} becomes {}",
                        name.words(),
                        shape.definition,
                        now.definition
                    );
                    change.add(name, weight(name, shape, Some(now)), line);
                }
                // What was part of a table that is gone adds nothing to that.
                None if name.is_part() && self.has_table(name) && !after.has_table(name) => {}
                None => {
                    let line = format!("{} is gone", name.words());
                    change.add(name, weight(name, shape, None), line);
                }
            }
        }
        for (name, shape) in after.0.iter().filter(|(name, _)| !self.0.contains_key(*name)) {
            // A new table may be anybody's name, and hurts nobody.
            let in_new_table = !self.has_table(name);
            let breaks = name.kind == "column" && shape.strict && !in_new_table;
            let line = format!("{} is new", name.words());
            if breaks {
                let line = format!("{line}, and must be written by whoever writes a row");
                change.add(name, Weight::Breaking, line);
            } else if in_new_table || name.is_ours() {
                change.added.push(line);
            } else {
                change.foreign.push(line);
            }
        }
        change
    }
}

/// What a change of one of LiteLLM's objects is to the former version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Light,
    Straining,
    Breaking,
}

fn weight(name: &Object, before: &Shape, after: Option<&Shape>) -> Weight {
    let breaks = match (name.kind.as_str(), after) {
        ("table" | "column" | "type", None) => true,
        ("table", Some(now)) => before.definition != now.definition,
        ("column", Some(now)) => {
            before.definition != now.definition || now.strict && !before.strict
        }
        ("type", Some(now)) => {
            let labels: Vec<&str> = now.definition.split(',').collect();
            !before.definition.split(',').all(|label| labels.contains(&label))
        }
        _ => false,
    };
    // A statement that inserts or updates names what it goes by, and fails where nothing is unique by that.
    let strains = ["constraint", "index"].contains(&name.kind.as_str()) && before.strict;
    match (breaks, strains) {
        (true, _) => Weight::Breaking,
        (false, true) => Weight::Straining,
        (false, false) => Weight::Light,
    }
}

/// What a migration did, a line for each object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// What is new and hurts nobody.
    pub(crate) added: Vec<String>,
    /// What is other than before, and the former version can live with.
    pub(crate) altered: Vec<String>,
    /// What is unique in another way, so that the former version may write no spend while it serves. What is there already stays.
    pub(crate) strained: Vec<String>,
    /// What the former version can't live with.
    pub(crate) breaking: Vec<String>,
    /// What is not LiteLLM's.
    pub(crate) foreign: Vec<String>,
}

impl Change {
    fn add(&mut self, name: &Object, weight: Weight, line: String) {
        let lines = match weight {
            _ if !name.is_ours() => &mut self.foreign,
            Weight::Breaking => &mut self.breaking,
            Weight::Straining => &mut self.strained,
            Weight::Light => &mut self.altered,
        };
        lines.push(line);
    }

    /// Returns whether nothing is other than before.
    pub(crate) fn is_none(&self) -> bool {
        self.all().next().is_none()
    }

    /// Returns every line.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        let (heavy, light) = (&self.foreign, &self.altered);
        heavy.iter().chain(&self.breaking).chain(&self.strained).chain(light).chain(&self.added)
    }
}

/// Returns the first few of many lines, in one.
pub(crate) fn some<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    const SHOWN: usize = 8;
    let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
    let more = lines.len().saturating_sub(SHOWN);
    let shown = lines.iter().take(SHOWN).copied().collect::<Vec<_>>().join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Object = (&'static str, &'static str, &'static str, &'static str, bool);

    fn catalogue(objects: &[Object]) -> Catalogue {
        let own = |text: &str| text.to_owned();
        let one = |(kind, owner, name, definition, strict): &Object| {
            let name = super::Object {
                kind: own(kind),
                schema: own("public"),
                owner: own(owner),
                name: own(name),
            };
            (name, Shape { definition: own(definition), strict: *strict })
        };
        Catalogue(objects.iter().map(one).collect())
    }

    const BEFORE: [Object; 6] = [
        ("table", "LiteLLM_Keys", "", "r", false),
        ("column", "LiteLLM_Keys", "token", "text", true),
        ("index", "LiteLLM_Keys", "keys_by_token", "UNIQUE", true),
        ("table", "projects", "", "r", false),
        ("column", "projects", "id", "text", true),
        ("type", "JobStatus", "", "ACTIVE,INACTIVE", false),
    ];

    fn after(change: impl FnOnce(&mut Vec<Object>)) -> Change {
        let mut objects = BEFORE.to_vec();
        change(&mut objects);
        catalogue(&BEFORE).becoming(&catalogue(&objects))
    }

    #[test]
    fn what_is_new_hurts_nobody() {
        let change = after(|it| {
            it.push(("table", "LiteLLM_New", "", "r", false));
            it.push(("column", "LiteLLM_New", "id", "text", true));
            it.push(("column", "LiteLLM_Keys", "alias", "text", false));
            it.push(("index", "LiteLLM_Keys", "keys_by_alias", "btree", false));
            it[5].3 = "ACTIVE,PAUSED,INACTIVE";
        });
        assert_eq!((change.added.len(), change.altered.len()), (4, 1));
        assert!(change.breaking.is_empty() && change.foreign.is_empty(), "{change:?}");
        assert!(after(|_| {}).is_none());
    }

    #[test]
    fn a_table_that_is_gone_is_one_line_and_not_one_for_each_of_its_parts() {
        let change = after(|it| it.retain(|(_, owner, ..)| *owner != "projects"));
        assert_eq!(change.foreign, ["table projects is gone"]);
        let change =
            after(|it| it.retain(|(kind, owner, ..)| (*kind, *owner) != ("column", "projects")));
        assert_eq!(change.foreign, ["column projects.id is gone"]);
    }

    #[test]
    fn what_the_former_version_needs_is_missed() {
        #[track_caller]
        fn breaks(change: impl FnOnce(&mut Vec<Object>)) {
            let change = after(change);
            assert!(!change.breaking.is_empty() && change.foreign.is_empty(), "{change:?}");
        }
        breaks(|it| it.retain(|object| object.2 != "token"));
        breaks(|it| it[1].3 = "uuid");
        breaks(|it| it[5].3 = "ACTIVE");
        breaks(|it| it.push(("column", "LiteLLM_Keys", "owner", "text", true)));
    }

    #[test]
    fn what_is_unique_in_another_way_strains_the_former_version() {
        for change in [
            after(|it| it.retain(|object| object.0 != "index")),
            after(|it| it[2].3 = "UNIQUE (token, team)"),
        ] {
            assert_eq!(change.strained.len(), 1, "{change:?}");
            assert!(change.breaking.is_empty() && change.foreign.is_empty());
        }
    }

    #[test]
    fn whatever_becomes_of_others_objects_is_seen() {
        #[track_caller]
        fn foreign(change: impl FnOnce(&mut Vec<Object>)) {
            assert!(!after(change).foreign.is_empty());
        }
        foreign(|it| it.truncate(3));
        foreign(|it| it.retain(|object| object.2 != "id"));
        foreign(|it| it[4].3 = "uuid");
        foreign(|it| it.push(("column", "projects", "more", "text", false)));
        foreign(|it| it.push(("index", "projects", "more", "btree", false)));
        foreign(|it| it.push(("column", "projects", "must", "text", true)));
    }

    #[test]
    fn many_lines_are_told_as_a_few() {
        let lines: Vec<String> = (0..20).map(|it| it.to_string()).collect();
        assert!(some(&lines).ends_with("; and 12 more"));
        assert_eq!(some(&lines[..2]), "0; 1");
    }
}
