//! What a plan tells its own steps.
//!
//! A step's functions are given a step's name and facts, not the target or the options that the plan was made for. What they
//! must know beyond what they can read, the plan writes into the name of its first step, where it is approved and hashed
//! with everything else; that step's `observe` reads it and records it as facts, which every later step asks for.
//!
//! A name of a step is 1 to 64 lowercase letters, digits and hyphens. A carrying name is a kind, then values, each after two
//! hyphens and led by one letter that says what it is: `keep--f6-2-14--t7-0-15`.

/// Longest name that a step may have.
const MAX_NAME: usize = 64;

/// Puts values into a step's name. None where one does not fit: too long, or with characters that a name has not.
pub fn pack(kind: &str, values: &[(char, &str)]) -> Option<String> {
    let mut name = kind.to_owned();
    for (key, value) in values {
        let plain = value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !plain
            || value.is_empty()
            || value.contains("--")
            || value.ends_with('-')
            || !key.is_ascii_lowercase()
        {
            return None;
        }
        name.push_str("--");
        name.push(*key);
        name.push_str(value);
    }
    (name.len() <= MAX_NAME).then_some(name)
}

/// Returns the kind of a step's name: what stands before its first value.
pub fn kind(name: &str) -> &str {
    name.split_once("--").map_or(name, |(kind, _)| kind)
}

/// Returns the value under `key` in a step's name.
pub fn value(name: &str, key: char) -> Option<&str> {
    name.split("--").skip(1).find_map(|part| part.strip_prefix(key))
}

/// Returns eight hexadecimal digits that stand for a text of any length and characters, for finding it again among a few.
///
/// FNV-1a: enough to tell the services of one environment apart, and nothing rests on it being hard to forge.
pub fn mark(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let name =
            pack("keep", &[('f', "6-2-14"), ('t', "7-0-15"), ('d', "0a1b2c3d4e5f")]).unwrap();
        assert_eq!(name, "keep--f6-2-14--t7-0-15--d0a1b2c3d4e5f");
        assert_eq!(kind(&name), "keep");
        assert_eq!(
            (value(&name, 'f'), value(&name, 't'), value(&name, 's')),
            (Some("6-2-14"), Some("7-0-15"), None)
        );
        assert_eq!(kind("upgrade"), "upgrade");
    }

    #[test]
    fn what_does_not_fit_is_not_packed() {
        for bad in ["", "A", "a--b", "a-", "a.b", &"x".repeat(64)] {
            assert_eq!(pack("keep", &[('s', bad)]), None, "{bad}");
        }
        assert_ne!(mark("redis"), mark("redis-next"));
    }
}
