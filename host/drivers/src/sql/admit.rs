//! Which statements are reads, as far as their text tells. Fails closed: what is not known is denied.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use lockstep_engine::model::Failure;
use sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Query, SelectFlavor, SetExpr, Statement, TableFactor, Value, Visit as _,
    Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::harmless::{known_type, plain};
use super::names::{FUNCTIONS, OPERATORS, SECRET_SETTINGS};

/// The longest statement.
const LONGEST: usize = 64 << 10;

/// A statement that reads, as it will be sent: printed anew from what was checked.
pub(super) struct ReadStatement {
    /// The text.
    pub(super) text: String,
    /// Whether it is a `SHOW`, which can't be part of another query.
    pub(super) show: bool,
    /// Relations that it names.
    pub(super) relations: BTreeSet<String>,
    /// Functions that it calls.
    pub(super) functions: BTreeSet<String>,
    /// Names behind a dot. `t.f` calls a function `f` if `t` has no such column.
    pub(super) members: BTreeSet<String>,
    /// Operators that it uses.
    pub(super) operators: BTreeSet<String>,
}

/// Admits a statement as a read.
///
/// # Errors
/// [`Failure::Denied`] for what is no read that lockstep knows, [`Failure::Permanent`] for what does not parse.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever the parser knows or will know beside these is denied"
)]
pub(super) fn admit(statement: &str) -> Result<ReadStatement, Failure> {
    if statement.len() > LONGEST {
        return Err(Failure::permanent(
            "sql:too-large",
            format!("a statement has at most {LONGEST} bytes"),
        ));
    }
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, statement).map_err(|error| {
        Failure::permanent("sql:syntax", format!("could not read the statement: {error}"))
    })?;
    let [statement] = parsed.as_slice() else {
        return Err(denied("more or less than one statement"));
    };
    let mut admitted = ReadStatement {
        text: statement.to_string(),
        show: false,
        relations: BTreeSet::new(),
        functions: BTreeSet::new(),
        members: BTreeSet::new(),
        operators: BTreeSet::new(),
    };
    match statement {
        Statement::Query(_) => {
            if let ControlFlow::Break(why) = statement.visit(&mut Walk(&mut admitted)) {
                return Err(denied(&why));
            }
        }
        Statement::ShowVariable { variable } => {
            let name =
                variable.iter().map(|part| part.value.to_lowercase()).collect::<Vec<_>>().join(".");
            setting(&name).map_err(|why| denied(&why))?;
            admitted.show = true;
        }
        other => {
            let text = other.to_string();
            let word = text.split_whitespace().next().unwrap_or_default();
            return Err(denied(&format!("`{word}`")));
        }
    }
    Ok(admitted)
}

fn denied(what: &str) -> Failure {
    Failure::denied(
        "sql:statement",
        format!("a query is one `SELECT` or `SHOW`, and {what} is not allowed in it"),
    )
}

fn setting(name: &str) -> Result<(), String> {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    // A name with a dot belongs to an extension or an application, which may keep anything there.
    if !plain || SECRET_SETTINGS.contains(&name) {
        Err(format!("setting `{name}`"))
    } else {
        Ok(())
    }
}

struct Walk<'a>(&'a mut ReadStatement);

type Step = ControlFlow<String>;

fn known(data_type: &DataType) -> Step {
    match known_type(data_type) {
        Ok(()) => ControlFlow::Continue(()),
        Err(printed) => stop(format!("type `{printed}`")),
    }
}

fn stop(what: impl Into<String>) -> Step {
    ControlFlow::Break(what.into())
}

impl Visitor for Walk<'_> {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Step {
        if matches!(statement, Statement::Query(_)) {
            ControlFlow::Continue(())
        } else {
            stop("a statement that writes")
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> Step {
        if !query.locks.is_empty() {
            return stop("`FOR UPDATE` or another lock");
        }
        let foreign = query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if foreign { stop("a clause that PostgreSQL does not have") } else { body(&query.body) }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever the parser knows or will know beside these is denied"
    )]
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        match factor {
            TableFactor::Table {
                name,
                args,
                with_hints,
                version,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => {
                let foreign = !with_hints.is_empty()
                    || version.is_some()
                    || !partitions.is_empty()
                    || json_path.is_some()
                    || sample.is_some()
                    || !index_hints.is_empty();
                if foreign {
                    return stop("a clause on a table that lockstep does not know");
                }
                match args {
                    Some(args) => {
                        if args.settings.is_some() {
                            return stop("a clause on a function that lockstep does not know");
                        }
                        self.function(name, &args.args)
                    }
                    None => self.relation(name),
                }
            }
            TableFactor::Function { name, args, .. } => self.function(name, args),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::UNNEST { .. } => {
                self.0.functions.insert("unnest".to_owned());
                ControlFlow::Continue(())
            }
            _ => stop("a source of rows that lockstep does not know"),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever the parser knows or will know beside these is denied"
    )]
    fn pre_visit_expr(&mut self, expr: &Expr) -> Step {
        match expr {
            Expr::Function(function) => self.call(function),
            Expr::Cast { data_type, .. } => known(data_type),
            Expr::TypedString(typed) => known(&typed.data_type),
            Expr::BinaryOp { op, .. } => self.operator(&op.to_string()),
            Expr::AnyOp { compare_op, .. } | Expr::AllOp { compare_op, .. } => {
                self.operator(&compare_op.to_string())
            }
            Expr::UnaryOp { op, .. } => {
                let op = op.to_string();
                if ["+", "-", "NOT", "~"].contains(&op.as_str()) {
                    ControlFlow::Continue(())
                } else {
                    stop(format!("operator `{op}`"))
                }
            }
            Expr::CompoundIdentifier(parts) => {
                self.0.members.extend(parts.iter().skip(1).map(folded));
                ControlFlow::Continue(())
            }
            Expr::CompoundFieldAccess { .. } => {
                // What stands behind the dot is an expression of any kind, so its printed form is searched for names.
                let text = expr.to_string();
                let words = text
                    .split(|character: char| !(character.is_alphanumeric() || character == '_'));
                self.0.members.extend(words.filter(|word| !word.is_empty()).map(str::to_lowercase));
                ControlFlow::Continue(())
            }
            other if plain(other) => ControlFlow::Continue(()),
            other => {
                let text: String = other.to_string().chars().take(40).collect();
                stop(format!("expression `{text}`"))
            }
        }
    }

    fn pre_visit_value(&mut self, value: &Value) -> Step {
        let known = matches!(
            value,
            Value::Number(..)
                | Value::SingleQuotedString(_)
                | Value::DollarQuotedString(_)
                | Value::EscapedStringLiteral(_)
                | Value::Boolean(_)
                | Value::Null
                | Value::Placeholder(_)
        );
        if known {
            ControlFlow::Continue(())
        } else {
            stop("a literal of a kind that lockstep does not know")
        }
    }
}

fn body(body: &SetExpr) -> Step {
    match body {
        SetExpr::Select(select) => {
            if select.into.is_some() {
                return stop("`INTO`");
            }
            let foreign = select.top.is_some()
                || !select.lateral_views.is_empty()
                || select.prewhere.is_some()
                || !select.cluster_by.is_empty()
                || !select.distribute_by.is_empty()
                || !select.sort_by.is_empty()
                || select.qualify.is_some()
                || select.value_table_mode.is_some()
                || select.connect_by.is_some()
                || select.exclude.is_some()
                || select.flavor != SelectFlavor::Standard;
            if foreign {
                stop("a clause that PostgreSQL does not have")
            } else {
                ControlFlow::Continue(())
            }
        }
        SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => match body_of(left) {
            ControlFlow::Continue(()) => body_of(right),
            broken @ ControlFlow::Break(_) => broken,
        },
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            stop("a part that writes")
        }
        SetExpr::Table(_) => stop("`TABLE`"),
    }
}

fn body_of(part: &SetExpr) -> Step {
    body(part)
}

impl Walk<'_> {
    fn relation(&mut self, name: &ObjectName) -> Step {
        if name.0.len() > 2 || name.0.iter().any(|part| part.as_ident().is_none()) {
            return stop(format!("relation `{name}`"));
        }
        self.0.relations.insert(name.to_string());
        ControlFlow::Continue(())
    }

    fn call(&mut self, function: &Function) -> Step {
        if function.uses_odbc_syntax || !matches!(function.parameters, FunctionArguments::None) {
            return stop(format!("function `{}` in this form", function.name));
        }
        match &function.args {
            FunctionArguments::None => self.function(&function.name, &[]),
            FunctionArguments::Subquery(_) => {
                stop(format!("function `{}` of a query", function.name))
            }
            FunctionArguments::List(list) => self.function(&function.name, &list.args),
        }
    }

    fn function(&mut self, name: &ObjectName, args: &[FunctionArg]) -> Step {
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| match part {
                ObjectNamePart::Identifier(ident) => folded(ident),
                ObjectNamePart::Function(_) => String::new(),
            })
            .collect();
        let called = match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [called] | ["pg_catalog", called] => (*called).to_owned(),
            _ => return stop(format!("function `{name}`")),
        };
        if !FUNCTIONS.contains(&called.as_str()) {
            return stop(format!("function `{called}`"));
        }
        if called == "current_setting" {
            let named = match args.first() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => {
                    value.value.clone().into_string()
                }
                Some(_) | None => None,
            };
            let Some(named) = named else {
                return stop("`current_setting` of anything but a literal");
            };
            if let Err(why) = setting(&named.to_lowercase()) {
                return stop(why);
            }
        }
        self.0.functions.insert(called);
        ControlFlow::Continue(())
    }

    fn operator(&mut self, op: &str) -> Step {
        if !OPERATORS.contains(&op) {
            return stop(format!("operator `{op}`"));
        }
        self.0.operators.insert(op.to_owned());
        ControlFlow::Continue(())
    }
}

/// Returns an identifier as PostgreSQL looks it up.
fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
