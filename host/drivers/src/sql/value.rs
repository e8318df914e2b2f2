//! Values as text: what goes to the server and what comes back.

use std::error::Error;

use jiff::Timestamp;
use lockstep_engine::model::{Failure, Hex, Moment, Value};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A parameter that the server reads as it reads text, whatever its type.
#[derive(Debug)]
pub(super) struct Parameter(Option<String>);

impl Parameter {
    /// Returns the parameter for a value.
    pub(super) fn of(value: &Value) -> Result<Self, Failure> {
        Ok(Self(match value {
            Value::Null => None,
            Value::Boolean(truth) => Some(truth.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            Value::Decimal(text) | Value::Text(text) | Value::Other(_, text) => Some(text.clone()),
            Value::Bytes(bytes) => Some(format!("\\x{}", crate::secrets::hex(&bytes.0))),
            Value::Moment(moment) => Some(written(*moment)?),
            Value::Sealed(_) => {
                return Err(Failure::denied(
                    "sql:secret",
                    "a secret is never bound to a statement",
                ));
            }
        }))
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn written(moment: Moment) -> Result<String, Failure> {
    let out =
        || Failure::permanent("sql:moment", format!("{} ms since 1970 is out of range", moment.0));
    let milliseconds = i64::try_from(moment.0).ok().ok_or_else(out)?;
    Ok(Timestamp::from_millisecond(milliseconds).ok().ok_or_else(out)?.to_string())
}

/// Returns the value that the server printed as `text` for a column of this type.
pub(super) fn value(kind: &Type, text: Option<String>) -> Value {
    let Some(text) = text else { return Value::Null };
    let other = |text: String| Value::Other(kind.name().to_owned(), text);
    match kind.name() {
        "bool" => Value::Boolean(text.starts_with('t')),
        "int2" | "int4" | "int8" | "oid" => {
            text.parse().map_or_else(|_| other(text.clone()), Value::Integer)
        }
        "float4" | "float8" => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Real(number),
            Ok(_) | Err(_) => other(text),
        },
        "numeric" => Value::Decimal(text),
        "text" | "varchar" | "bpchar" | "name" | "char" | "unknown" => Value::Text(text),
        "bytea" => match text.strip_prefix("\\x").and_then(|digits| {
            serde_json::from_value::<Hex>(serde_json::Value::String(digits.to_owned())).ok()
        }) {
            Some(bytes) => Value::Bytes(bytes),
            None => other(text),
        },
        "timestamptz" => moment(&text).map_or_else(|| other(text.clone()), Value::Moment),
        _ => other(text),
    }
}

/// Reads `2026-11-22 16:00:00.5+00`, as the server prints it in UTC.
fn moment(text: &str) -> Option<Moment> {
    let time = text.strip_suffix("+00")?.replacen(' ', "T", 1);
    let stamp: Timestamp = format!("{time}Z").parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let check = |kind: &Type, text: &str, wanted: Value| {
            assert_eq!(value(kind, Some(text.to_owned())), wanted);
        };
        check(&Type::BOOL, "true", Value::Boolean(true));
        check(&Type::INT8, "-5", Value::Integer(-5));
        check(&Type::NUMERIC, "1.50", Value::Decimal("1.50".to_owned()));
        check(&Type::FLOAT8, "NaN", Value::Other("float8".to_owned(), "NaN".to_owned()));
        check(&Type::BYTEA, "\\x00ff", Value::Bytes(Hex(vec![0, 255])));
        check(&Type::TIMESTAMPTZ, "1970-01-01 00:00:01.5+00", Value::Moment(Moment(1500)));
        check(
            &Type::PG_LSN,
            "0/16B3748",
            Value::Other("pg_lsn".to_owned(), "0/16B3748".to_owned()),
        );
        assert_eq!(value(&Type::TEXT, None), Value::Null);
    }
}
