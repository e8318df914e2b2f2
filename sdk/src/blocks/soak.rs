//! SOAK: how long a change is watched.

use crate::step::{HOUR, MINUTE, SECOND};

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLength(pub String);

/// Reads a length of time: seconds, or a number with `s`, `m` or `h`. Answers in milliseconds.
pub fn parse(text: &str) -> Result<u64, NoLength> {
    let unit = |suffix: char, length: u64| text.strip_suffix(suffix).map(|number| (number, length));
    let (number, length) = unit('s', SECOND)
        .or_else(|| unit('m', MINUTE))
        .or_else(|| unit('h', HOUR))
        .unwrap_or((text, SECOND));
    let number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(number)
        .and_then(|number| number.parse::<u64>().ok());
    number.and_then(|number| number.checked_mul(length)).ok_or_else(|| NoLength(text.to_owned()))
}

/// Returns a length of time in the largest unit that leaves no rest.
pub fn words(length: u64) -> String {
    match length {
        0 => "no time".to_owned(),
        hours if hours.is_multiple_of(HOUR) => format!("{} h", hours / HOUR),
        minutes if minutes.is_multiple_of(MINUTE) => format!("{} min", minutes / MINUTE),
        other => format!("{} s", other.div_ceil(SECOND)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units_and_nothing_else_passes() {
        assert_eq!(parse("90"), Ok(90 * SECOND));
        assert_eq!(parse("24h"), Ok(24 * HOUR));
        assert_eq!(parse("5m"), Ok(5 * MINUTE));
        for bad in ["", "h", "-1", "+1", "1d", "1.5h", "99999999999999999999"] {
            assert_eq!(parse(bad), Err(NoLength(bad.to_owned())), "{bad}");
        }
        assert_eq!((words(24 * HOUR), words(90 * SECOND)), ("24 h".to_owned(), "90 s".to_owned()));
    }
}
