//! A variable as a template writes it: text with references, or a call of a function that generates it.

/// The lengths of secrets that the host generates.
const LENGTHS: std::ops::RangeInclusive<u32> = 16..=512;

/// How long a secret is where the template does not say.
const USUAL: u32 = 32;

/// What a service only has once the internet can reach it.
const PUBLIC: [&str; 2] = ["RAILWAY_TCP_PROXY_", "RAILWAY_PUBLIC_DOMAIN"];

/// A secret that the host generates, so that nobody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Letters and digits.
    Alphanumeric(u32),
    /// Hexadecimal digits.
    Hex(u32),
}

/// What a variable becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This text. References in it stay references.
    Text(String),
    /// A secret of its own.
    Secret(Secret),
    /// Nothing: it leads to a public endpoint, which is not made.
    Public,
}

impl Value {
    /// Reads a variable's text. What can't be made as the template means it is refused in words.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let inside: Vec<&str> = inside(text).collect();
        if inside.iter().any(|it| PUBLIC.iter().any(|name| it.contains(name))) {
            return Ok(Self::Public);
        }
        let Some(call) = inside.iter().find(|it| it.ends_with(')')) else {
            return Ok(Self::Text(text.to_owned()));
        };
        // A secret's variable is its only home, so there is no place for a text around it.
        if inside.len() > 1 || !text.starts_with("${{") || !text.ends_with("}}") {
            return Err(format!("`{call}` is only a part of it"));
        }
        secret(call).map(Self::Secret)
    }
}

/// Returns what stands inside each `${{…}}`.
fn inside(text: &str) -> impl Iterator<Item = &str> {
    text.split("${{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()))
}

fn secret(call: &str) -> Result<Secret, String> {
    let unknown = || format!("`{call}` is no function that this version knows");
    let arguments = call.strip_prefix("secret(").and_then(|rest| rest.strip_suffix(')'));
    let arguments = arguments.ok_or_else(unknown)?;
    let (length, alphabet) = match arguments.split_once(',') {
        Some((length, alphabet)) => (length, Some(alphabet.trim().trim_matches(['"', '\'']))),
        None => (arguments, None),
    };
    let length = match length.trim() {
        "" => USUAL,
        digits => digits.parse().ok().ok_or_else(unknown)?,
    };
    if !LENGTHS.contains(&length) {
        let (least, most) = (LENGTHS.start(), LENGTHS.end());
        return Err(format!(
            "`{call}` has {length} characters, and {least} to {most} are possible"
        ));
    }
    match alphabet {
        None => Ok(Secret::Alphanumeric(length)),
        Some(alphabet) if is_of(alphabet, "0123456789abcdef") => Ok(Secret::Hex(length)),
        Some(alphabet)
            if alphabet.len() == 62 && alphabet.bytes().all(|it| it.is_ascii_alphanumeric()) =>
        {
            Ok(Secret::Alphanumeric(length))
        }
        Some(_) => Err(format!("`{call}` is of characters that the host does not generate")),
    }
}

/// Returns whether an alphabet is made of exactly these letters, in any order.
fn is_of(alphabet: &str, letters: &str) -> bool {
    alphabet.len() == letters.len() && letters.chars().all(|letter| alphabet.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_generated_and_everything_else_stays_as_it_is() {
        let secret = |text: &str| Value::of(text);
        let plain = |length| Ok(Value::Secret(Secret::Alphanumeric(length)));
        assert_eq!(secret("${{secret(40)}}"), plain(40));
        assert_eq!(secret("${{ secret() }}"), plain(32));
        let hex = Ok(Value::Secret(Secret::Hex(64)));
        assert_eq!(secret("${{secret(64, \"abcdef0123456789\")}}"), hex);
        let text = "0:${{pg-0.RAILWAY_PRIVATE_DOMAIN}}:5432,1:${{ pg-1.RAILWAY_PRIVATE_DOMAIN }}";
        assert_eq!(secret(text), Ok(Value::Text(text.to_owned())));
        assert_eq!(secret("x:${{RAILWAY_TCP_PROXY_PORT}}"), Ok(Value::Public));
        assert_eq!(secret("${{no end"), Ok(Value::Text("${{no end".to_owned())));
    }

    #[test]
    fn what_can_not_be_made_as_it_is_meant_is_refused() {
        for (text, why) in [
            ("a-${{secret(32)}}", "only a part"),
            ("${{secret(32)}}${{A}}", "only a part"),
            ("${{randomInt(1, 9)}}", "no function"),
            ("${{secret(x)}}", "no function"),
            ("${{secret(8)}}", "16 to 512"),
            ("${{secret(32, \"ab\")}}", "characters that the host"),
        ] {
            let refusal = Value::of(text).unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }
}
