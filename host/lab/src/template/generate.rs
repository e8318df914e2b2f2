//! The functions that a template's variables may call: `secret` and `randomInt`.

use crate::identity;

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const USUAL_LENGTH: u64 = 32;
const LONGEST: u64 = 1024;
const USUAL_RANGE: (u64, u64) = (0, 100);

/// What the call inside `${{…}}` generates, or nothing where it is no call; `what` makes it a value of its own.
pub(super) fn generated(inside: &str, seed: u64, what: &str) -> Option<Result<String, String>> {
    let (function, arguments) = inside.trim().strip_suffix(')')?.split_once('(')?;
    let arguments = arguments.trim();
    Some(match function.trim() {
        "secret" => secret(arguments, seed, what),
        "randomInt" => random_int(arguments, seed, what),
        other => Err(format!("there is no function `{other}` for a variable")),
    })
}

fn secret(arguments: &str, seed: u64, what: &str) -> Result<String, String> {
    let (length, alphabet) = match arguments.split_once(',') {
        Some((length, alphabet)) => (length, alphabet.trim().trim_matches(['"', '\''])),
        None => (arguments, ALPHABET),
    };
    let length = number(length, USUAL_LENGTH)?;
    let alphabet: Vec<char> = alphabet.chars().collect();
    if alphabet.is_empty() || length > LONGEST {
        return Err(format!("`secret({arguments})` can't be generated"));
    }
    let letters = (0..length).filter_map(|at| {
        let drawn = usize::try_from(draw(seed, what, at)).unwrap_or_default();
        alphabet.get(drawn % alphabet.len())
    });
    Ok(letters.collect())
}

fn random_int(arguments: &str, seed: u64, what: &str) -> Result<String, String> {
    let (least, most) = match arguments.split_once(',') {
        Some((least, most)) => (number(least, USUAL_RANGE.0)?, number(most, USUAL_RANGE.1)?),
        None => USUAL_RANGE,
    };
    let range = most.checked_sub(least).ok_or_else(|| format!("{least} is above {most}"))?;
    Ok((least + draw(seed, what, 0) % range.saturating_add(1)).to_string())
}

fn number(text: &str, usual: u64) -> Result<u64, String> {
    match text.trim() {
        "" => Ok(usual),
        text => text.parse().map_err(|error| format!("`{text}`: {error}")),
    }
}

/// The number at position `at` of a row that depends on `seed` and `what` alone.
fn draw(seed: u64, what: &str, at: u64) -> u64 {
    let digits = identity::hex(&["generated", &seed.to_string(), what, &at.to_string()]);
    digits.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(inside: &str, what: &str) -> String {
        generated(inside, 1, what).unwrap().unwrap()
    }

    #[test]
    fn secrets_have_their_length_and_alphabet_and_differ() {
        assert_eq!(made("secret(40)", "a").len(), 40);
        assert_eq!(made(" secret() ", "a").len(), 32);
        assert_ne!(made("secret(32)", "a"), made("secret(32)", "b"));
        assert!(
            made("secret(64, \"abcdef0123456789\")", "a").chars().all(|c| c.is_ascii_hexdigit())
        );
    }

    #[test]
    fn a_random_number_lies_in_its_range() {
        let number: u64 = made("randomInt(5, 7)", "a").parse().unwrap();
        assert!((5..=7).contains(&number));
    }

    #[test]
    fn a_reference_is_no_call_and_an_unknown_function_is_refused() {
        assert!(generated("pg-0.DATABASE_URL", 1, "a").is_none());
        assert!(generated("uuid()", 1, "a").unwrap().is_err());
    }
}
