//! KEYS: variables with which something is encrypted or signed, and which therefore no run may find changed.

use crate::outside::Railway;
use crate::running::fingerprint;
use crate::{Fact, Facts, Failure, Value};

/// The fact that holds what tells their values from others.
pub const FACT: &str = "fingerprints";

/// Records what tells the values of these variables from others, without telling them.
pub fn facts<O: Railway>(outside: &O, service: &str, names: &[&str]) -> Result<Fact, Failure> {
    let variables = outside.variables(service)?;
    let row = |name: &&str| vec![Value::from(*name), fingerprint(&variables, name).into()];
    Ok(Fact::table(FACT, names.iter().map(row)))
}

/// Returns the name of a variable that is another one than when it was recorded, if one is.
pub fn changed<O: Railway>(
    outside: &O,
    service: &str,
    names: &[&str],
    facts: Facts<'_>,
) -> Result<Option<String>, Failure> {
    let (before, now) = (facts.rows(FACT)?, self::facts(outside, service, names)?);
    let other = now.rows.iter().find(|row| !before.contains(row));
    Ok(other.and_then(|row| row.first()).and_then(Value::as_text).map(str::to_owned))
}
