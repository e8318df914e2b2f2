//! Parts of a query that do nothing by themselves.

use sqlparser::ast::{DataType, Expr};

use super::names::TYPES;

/// Expressions that neither call, convert nor write by themselves; what is inside them is visited as well.
pub(super) fn plain(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..)
    )
}

/// Tells whether converting to a type runs only code of the system; an unknown type is returned as it is printed.
pub(super) fn known_type(data_type: &DataType) -> Result<(), String> {
    let printed = data_type.to_string().to_lowercase();
    let base: String =
        printed.split('(').next().unwrap_or_default().trim_end_matches("[]").trim().to_owned();
    let rest = printed.rsplit(')').next().filter(|_| printed.contains(')')).unwrap_or_default();
    let known = |name: &str| TYPES.contains(&name.strip_prefix("pg_catalog.").unwrap_or(name));
    if known(&base) || known(format!("{base}{rest}").trim_end_matches("[]").trim()) {
        return Ok(());
    }
    Err(printed)
}
