//! Findings about what is in the database: what a link does not carry, and what it can't follow.

use lockstep_sdk::Finding;

use super::{Seen, listed};
use crate::names::{DATABASE, IDENTITY};
use crate::tables::{Contents, Table};

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let contents = &seen.inside.contents;
    let mut findings = vec![tables(contents), locale(seen)];
    findings.extend(identity(contents));
    findings.extend(extensions(seen));
    findings.extend(not_carried(contents));
    findings.extend(row_security(contents));
    findings.extend(shared(contents));
    findings
}

fn tables(contents: &Contents) -> Finding {
    let carried = contents.carried().count();
    if carried == 0 {
        return Finding::refusal(
            "tables",
            "the database has no tables, so there is nothing to move",
        )
        .remedy("see that the connection `postgres` leads to the database that the services use");
    }
    Finding::note("tables", "what is moved")
        .evidence(format!("{carried} tables in {} schemas", contents.schemas().len()))
        .evidence(format!("{} MB", contents.size.div_ceil(1 << 20)))
}

/// A publication makes updates and deletes fail, at the live side, in each table whose rows nothing identifies.
fn identity(contents: &Contents) -> Vec<Finding> {
    let (mendable, others): (Vec<_>, Vec<_>) =
        contents.anonymous.iter().partition(|table| table.index.is_some());
    let mut findings = Vec::new();
    if !mendable.is_empty() {
        let title = "nothing identifies the rows of some tables, and updates of them would fail once they are published";
        let lines = mendable.iter().map(|table| {
            format!("{}: by the index {}", table.name, table.index.as_deref().unwrap_or_default())
        });
        findings.push(
            listed(Finding::note("identity", title), lines)
                .mended_by(IDENTITY)
                .source("domain.md A.4"),
        );
    }
    if !others.is_empty() {
        let title = "nothing identifies the rows of some tables, and no unique index of columns that are never null could";
        findings.push(
            listed(Finding::refusal("no-identity", title), others.iter().map(|table| &table.name))
                .remedy("give each a primary key; or, for a small one, ALTER TABLE … REPLICA IDENTITY FULL")
                .source("domain.md A.4"),
        );
    }
    findings
}

fn locale(seen: Seen<'_>) -> Finding {
    let contents = &seen.inside.contents;
    let evidence = format!("{}, {}, {}", contents.encoding, contents.collate, contents.ctype);
    if contents.provider != "c" {
        return Finding::refusal("locale", "the database's locale is not the operating system's, which this version can't make anew")
            .evidence(format!("provider: {}", contents.provider))
            .evidence(evidence);
    }
    let title = "the new database orders and stores text as the old one does";
    let finding = if seen.cluster.has_locale {
        Finding::note("locale", title)
    } else {
        Finding::refusal(
            "locale",
            "the cluster's system does not have the locale of the old database",
        )
        .remedy("move to a cluster whose image has it")
    };
    finding.evidence(evidence).mended_by(DATABASE).source("domain.md 0")
}

fn extensions(seen: Seen<'_>) -> Vec<Finding> {
    let (mut missing, mut other) = (Vec::new(), Vec::new());
    for (name, version) in &seen.inside.contents.extensions {
        match seen.cluster.available.iter().find(|(known, _)| known == name) {
            None => missing.push(format!("{name} {version}")),
            Some((_, default)) if default != version => {
                other.push(format!("{name}: {version}, and {default} at the cluster"));
            }
            Some(_) => {}
        }
    }
    let mut findings = Vec::new();
    if !missing.is_empty() {
        findings.push(
            listed(
                Finding::refusal("extensions", "extensions that the cluster does not have"),
                missing,
            )
            .remedy("move to a cluster whose image has them, or drop those that nobody uses")
            .source("domain.md A.5"),
        );
    }
    if !other.is_empty() {
        let title = "extensions that the cluster has in another version";
        findings.push(listed(Finding::warning("extension-versions", title), other));
    }
    findings
}

/// What no link carries must not be there, because nobody would notice what is missing.
fn not_carried(contents: &Contents) -> Vec<Finding> {
    let mut findings = Vec::new();
    if contents.large_objects > 0 {
        findings.push(
            Finding::refusal("large-objects", "large objects, which no link carries")
                .evidence(format!("pg_largeobject_metadata: {}", contents.large_objects))
                .remedy("remove those that nobody uses: `vacuumlo`")
                .source("domain.md A.3"),
        );
    }
    let of = |test: fn(&Table) -> bool| -> Vec<&Table> {
        contents.tables.iter().filter(|table| test(table)).collect()
    };
    let kinds = [
        (
            "unlogged",
            "tables that are not logged, which no link carries",
            of(|table| table.kind == "r" && !table.logged),
            "ALTER TABLE … SET LOGGED",
        ),
        (
            "foreign-tables",
            "foreign tables, whose servers and passwords this version does not carry",
            of(|table| table.kind == "f"),
            "drop those that nobody uses",
        ),
        (
            "materialized-views",
            "materialized views, which would be empty at the cluster",
            of(|table| table.kind == "m"),
            "drop them, and make them again at the cluster afterwards",
        ),
    ];
    for (id, title, tables, remedy) in kinds {
        if !tables.is_empty() {
            let finding = Finding::refusal(id, title).remedy(remedy).source("domain.md A.3");
            findings.push(listed(finding, tables.iter().map(|table| &table.name)));
        }
    }
    findings
}

fn row_security(contents: &Contents) -> Option<Finding> {
    let tables: Vec<_> = contents.tables.iter().filter(|table| table.row_security).collect();
    let title = "tables that hide rows from some: the copy is made by a superuser, from whom none is hidden";
    let finding = Finding::warning("row-security", title).source("domain.md A.5");
    (!tables.is_empty()).then(|| listed(finding, tables.iter().map(|table| &table.name)))
}

/// Both applications in one schema: a migration of one can drop what belongs to the other.
fn shared(contents: &Contents) -> Option<Finding> {
    let has = |test: fn(&str) -> bool| contents.tables.iter().any(|table| test(&table.name.table));
    let both = has(|name| name.starts_with("LiteLLM_")) && has(|name| name == "projects");
    both.then(|| {
        Finding::warning("shared-database", "LiteLLM and Langfuse share one database and one list of migrations")
            .evidence("tables `LiteLLM_…` stand beside `projects`")
            .remedy("nobody may migrate while the way back is armed; afterwards each had better have its own")
            .source("domain.md 0")
    })
}
