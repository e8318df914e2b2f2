//! Ids, tokens and generated secrets, all derived from the lab's seed.

use sha2::{Digest as _, Sha256};

/// Returns the digest of `parts` as lowercase hexadecimal digits.
pub(crate) fn hex(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    digits(&hash.finalize())
}

/// Returns `bytes` as lowercase hexadecimal digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Returns a UUID of version 4 that depends on `seed` and `what` alone.
pub(crate) fn uuid(seed: u64, what: &str) -> String {
    let hex = hex(&["uuid", &seed.to_string(), what]);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// Returns 32 letters and digits, as Railway's `${{secret(32)}}` does.
pub(crate) fn secret(seed: u64, what: &str) -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut hash = Sha256::new();
    hash.update(format!("secret {seed} {what}"));
    hash.finalize()
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        assert_eq!(uuid(1, "project"), uuid(1, "project"));
        assert_ne!(uuid(1, "project"), uuid(2, "project"));
        assert_eq!(uuid(1, "project").len(), 36);
        assert_eq!(secret(1, "x").len(), 32);
    }
}
