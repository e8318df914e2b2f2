//! Versions as images and servers write them, in an order that all of the stack's components share.

use lockstep_engine::model::Version;

/// How many numbers a version has that comes before or after the one that it names; those that are not written are zeros.
const NUMBERS: usize = 4;

/// What comes before a version in tags.
const PREFIXES: [&str; 3] = ["main-", "v", "RELEASE."];

/// What marks a version that comes before the one that it names, and its place among those.
const BEFORE: [(&str, u64); 5] = [("dev", 0), ("nightly", 0), ("alpha", 1), ("beta", 2), ("rc", 3)];

/// What marks one that comes after it.
const AFTER: [&str; 2] = ["post", "patch"];

/// Which version of Redis a Valkey behaves like, as it says itself.
const VALKEY: (&str, [u64; 3]) = ("Valkey ", [7, 2, 4]);

/// Reads what a server says of itself, or a figure of the matrix.
pub(crate) fn exact(text: &str) -> Version {
    let order = if text.starts_with(VALKEY.0) { VALKEY.1.to_vec() } else { order(&numbers(text)) };
    let floating = order.is_empty();
    Version { text: text.to_owned(), order, floating, digest: None }
}

/// Reads a tag. One that does not name a whole version moves, within the numbers that it names: `3`, `7.2`, `main-stable`.
pub(crate) fn tagged(tag: &str, digest: Option<String>) -> Version {
    let read = numbers(tag);
    let floating = read.0.len() < 3;
    let order = if floating { read.0 } else { order(&read) };
    Version { text: tag.to_owned(), floating, order, digest }
}

/// The numbers; a version that comes before the one that it names is after all that are before that.
fn order((numbers, rest): &(Vec<u64>, &str)) -> Vec<u64> {
    let marked = |word: &str| {
        let (_, which) = rest.split_once(word)?;
        let digits = which.chars().skip_while(|it| !it.is_ascii_digit());
        let digits: String = digits.take_while(char::is_ascii_digit).take(9).collect();
        Some(digits.parse::<u64>().unwrap_or_default())
    };
    let mut order: Vec<u64> = numbers.clone();
    if let Some((place, which)) =
        BEFORE.iter().find_map(|(word, place)| Some((*place, marked(word)?)))
    {
        let last = order.iter().rposition(|number| *number > 0).unwrap_or_default();
        if let Some(number) = order.get_mut(last) {
            *number = number.saturating_sub(1);
        }
        order.truncate(last + 1);
        order.resize(NUMBERS, u64::MAX);
        order.extend([place, which]);
    } else if let Some(which) = AFTER.iter().find_map(|word| marked(word)) {
        order.resize(NUMBERS, 0);
        order.extend([1, which]);
    }
    order
}

/// Returns the numbers at the beginning of a version, and what follows them.
fn numbers(text: &str) -> (Vec<u64>, &str) {
    let mut rest = text;
    for prefix in PREFIXES {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    // MinIO's are dates.
    let between = if text.starts_with("RELEASE.") { '-' } else { '.' };
    let mut numbers = Vec::new();
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).unwrap_or(("", rest));
        let Some(number) = number.parse().ok().filter(|_| digits <= 9) else { break };
        numbers.push(number);
        rest = after;
        let next = after
            .strip_prefix(between)
            .filter(|next| next.starts_with(|it: char| it.is_ascii_digit()));
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    (numbers, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_rise_as_their_makers_mean() {
        let rising = [
            "1.65.0",
            "main-v1.74.9-stable",
            "v1.83.3-stable",
            "v1.83.3-stable.patch.2",
            "v1.83.3-stable.patch.10",
            "1.84.0-dev.42",
            "1.84.0-rc.1",
            "1.84.0",
            "1.84.0.post1",
            "1.84.1",
            "2",
            "3.225.4",
            "24.8.4.13",
            "24.8.5.1",
            "RELEASE.2025-02-03T21-03-04Z",
            "RELEASE.2025-09-07T16-13-09Z",
        ];
        for pair in rising.windows(2) {
            assert!(exact(pair[0]).order < exact(pair[1]).order, "{pair:?}");
        }
        assert_eq!(exact("7.4.1-alpine").order, exact("7.4.1").order);
        assert_eq!(exact("Valkey 8.0.1").order, exact("7.2.4").order);
    }

    #[test]
    fn a_tag_that_names_no_whole_version_moves() {
        for tag in ["3", "7.2", "24", "main-stable", "latest", ""] {
            assert!(tagged(tag, None).floating, "{tag}");
        }
        assert_eq!(tagged("24", None).order, [24]);
        assert!(tagged("main-stable", None).order.is_empty());
        for tag in ["3.225.4", "main-v1.74.9-stable", "RELEASE.2025-09-07T16-13-09Z", "24.8.4.13"] {
            assert!(!tagged(tag, None).floating, "{tag}");
        }
    }
}
