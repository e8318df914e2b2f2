//! Which values look secret, and the fingerprints that stand for them.

use hmac::{Hmac, Mac as _};
use lockstep_engine::model::Hex;
use sha2::Sha256;

/// The prefix of variables that keep a value for [`lockstep_engine::model::Kind::RestoreVariables`], until
/// [`lockstep_engine::model::Kind::ForgetVariables`].
pub(crate) const KEPT: &str = "LOCKSTEP_BEFORE_";

/// Returns the variable that keeps the newest value of `name` from before `run`.
pub fn keeper(run: &str, name: &str) -> String {
    format!("{KEPT}{}_{name}", run.to_ascii_uppercase().replace('-', "_"))
}

/// Words of a variable's name that say its value is secret.
const SECRET_WORDS: [&str; 19] = [
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PWD",
    "PASSPHRASE",
    "SECRET",
    "SECRETS",
    "KEY",
    "KEYS",
    "APIKEY",
    "TOKEN",
    "SALT",
    "AUTH",
    "CREDENTIAL",
    "CREDENTIALS",
    "WEBHOOK",
    "DSN",
    "COOKIE",
    "JWT",
];

/// Parts of a variable's name that say so wherever they stand.
const SECRET_PARTS: [&str; 4] = ["PASSWORD", "SECRET", "APIKEY", "PRIVATEKEY"];

/// Values that no name makes a secret.
const HARMLESS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "0", "1", "none", "null"];

/// Beginnings that well-known services give to their keys.
const KEY_PREFIXES: [&str; 10] =
    ["sk-", "pk-lf-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "eyJ", "-----BEGIN"];

/// A text of this length, made of letters and digits only, is rather a key than a word.
const KEY_LENGTH: usize = 20;

/// Hexadecimal text of this length is 128 bits.
const HEX_KEY_LENGTH: usize = 32;

/// Bits per character above which a text is rather random than written.
const RANDOM: f64 = 3.5;

/// Returns whether the variable `name` with this value, references unrendered, looks secret.
///
/// A value made of references alone holds no secret, whatever its name.
pub(crate) fn looks_secret(name: &str, value: &str) -> bool {
    let literal = without_references(value);
    if literal.trim().is_empty() || HARMLESS.contains(&literal.to_ascii_lowercase().as_str()) {
        return false;
    }
    if name.starts_with(KEPT) {
        return true;
    }
    let whole = literal.len() == value.len();
    (whole && name_is_secret(name))
        || password_in_url(value).is_some_and(|password| !without_references(&password).is_empty())
        || (whole && content_is_secret(name, value))
}

fn name_is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split(['_', '-', '.']).any(|word| SECRET_WORDS.contains(&word))
        || SECRET_PARTS.iter().any(|part| name.contains(part))
}

fn content_is_secret(name: &str, value: &str) -> bool {
    if KEY_PREFIXES.iter().any(|prefix| value.starts_with(prefix) && value.len() >= KEY_LENGTH) {
        return true;
    }
    // Railway's own ids are random, and everybody may know them.
    if name.starts_with("RAILWAY_") || value.chars().any(char::is_whitespace) {
        return false;
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || "+/=_-".contains(character);
    if value.len() >= HEX_KEY_LENGTH && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return true;
    }
    value.len() >= KEY_LENGTH
        && value.chars().all(plain)
        && value.chars().any(|character| character.is_ascii_uppercase())
        && value.chars().any(|character| character.is_ascii_lowercase())
        && value.chars().any(|character| character.is_ascii_digit())
        && entropy(value) >= RANDOM
}

fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)).max(1.0);
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Returns `value` without its `${{…}}` references.
pub(crate) fn without_references(value: &str) -> String {
    let mut left = String::new();
    let mut rest = value;
    while let Some((before, inside)) = rest.split_once("${{") {
        left.push_str(before);
        rest = inside.split_once("}}").map_or("", |(_, after)| after);
    }
    left.push_str(rest);
    left
}

/// Returns the password that a URL holds, as it is written there.
pub(crate) fn password_in_url(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

/// Returns the keyed fingerprint of a value: equal for equal values of the same variable only.
pub(crate) fn fingerprint(key: &[u8; 32], service: &str, name: &str, value: &str) -> String {
    let mut digits =
        hex(&keyed_bytes(key, &[service.as_bytes(), name.as_bytes(), value.as_bytes()]));
    // Sixteen digits are enough to tell values apart, and too few to be worth a search for the value.
    digits.truncate(16);
    digits
}

/// Returns HMAC-SHA256 over `parts`, each with its length.
pub(crate) fn keyed_bytes(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Returns bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    match serde_json::to_value(Hex(bytes.to_vec())) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_settings_by_name_and_by_content() {
        for (name, value) in [
            ("REDIS_PASSWORD", "hunter2!"),
            ("LITELLM_MASTER_KEY", "sk-1234"),
            ("REDIS_AUTH", "abc"),
            ("DATABASE_URL", "postgresql://u:p4ss@postgres.railway.internal:5432/db"),
            ("OTHER", "postgresql://u:p4ss@${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432/db"),
            ("SOMETHING", "0123456789abcdef0123456789abcdef"),
            ("SOMETHING", "aB3dE5fG7hI9jK1lM3nO5"),
            ("LOCKSTEP_BEFORE_HOST", "x"),
        ] {
            assert!(looks_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("REDIS_PASSWORD", "${{redis.REDIS_PASSWORD}}"),
            (
                "DATABASE_URL",
                "postgresql://u:${{postgres.PGPASSWORD}}@${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432/db",
            ),
            ("DATABASE_URL", "${{postgres.DATABASE_URL}}"),
            ("PORT", "4000"),
            ("AUTH_DISABLED", "true"),
            ("CLICKHOUSE_URL", "http://clickhouse.railway.internal:8123"),
            ("PGDATA", "/var/lib/postgresql/data/pgdata"),
            ("RAILWAY_SERVICE_ID", "0a1B2c3D4e5F6a7B8c9D0e1F2a3B4c5D"),
            ("EMPTY_PASSWORD", ""),
        ] {
            assert!(!looks_secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_key_service_name_and_value() {
        let one = fingerprint(&[1; 32], "redis", "P", "x");
        assert_eq!(one, fingerprint(&[1; 32], "redis", "P", "x"));
        for other in [
            fingerprint(&[2; 32], "redis", "P", "x"),
            fingerprint(&[1; 32], "redi", "sP", "x"),
            fingerprint(&[1; 32], "redis", "P", "y"),
        ] {
            assert_ne!(one, other);
        }
    }
}
