//! Start commands: what they tell the server, changing one flag of them, and making the one of the official image.

use crate::server::Server;

/// Returns the value that a start command gives a flag, if it gives one.
pub(crate) fn flag<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    span(command, name).and_then(|(from, to)| command.get(from..to)).map(unquoted)
}

/// Returns the start command with another value for a flag that it gives.
pub(crate) fn with_flag(command: &str, name: &str, value: &str) -> Option<String> {
    let (from, to) = span(command, name)?;
    Some(format!("{}{value}{}", command.get(..from)?, command.get(to..)?))
}

/// Returns whether a start command names a file of settings, whose content nobody outside the container sees.
pub(crate) fn names_a_file(command: &str) -> bool {
    command
        .split_whitespace()
        .any(|word| word.trim_matches(['\'', '"']).to_ascii_lowercase().contains(".conf"))
}

/// Returns the names of the flags in a start command.
pub(crate) fn flags(command: &str) -> impl Iterator<Item = &str> {
    command
        .split([' ', '\t', '\n', '\'', '"', '='])
        .filter_map(|word| word.strip_prefix("--").filter(|name| !name.is_empty()))
}

/// Where the value of a flag stands.
fn span(command: &str, name: &str) -> Option<(usize, usize)> {
    let mut searched = 0;
    loop {
        let found = searched + command.get(searched..)?.find(&format!("--{name}"))?;
        let after = found + 2 + name.len();
        let rest = command.get(after..)?;
        let gap = rest.len() - rest.trim_start().len();
        searched = after;
        // `--appendonly` is also the beginning of a longer flag's name.
        if gap > 0 {
            let from = after + gap;
            let value = command.get(from..)?;
            let length = match value.chars().next()? {
                quote @ ('"' | '\'') => value.get(1..)?.find(quote)? + 2,
                _ => value.find([' ', '\t', '\'', '"']).unwrap_or(value.len()),
            };
            return Some((from, from + length));
        }
    }
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['\'', '"'])
}

/// A setting whose value can't be put into a start command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unspeakable(pub(crate) &'static str);

/// Returns the start command with which the official image serves the data of a Bitnami one, which it finds in `dir`.
///
/// A start command replaces the image's entry point and nothing expands variables in it, so a shell does, and hands over to
/// the entry point, which gives `/data` to the server's user. Every setting that differs from the image's own is passed on.
pub(crate) fn official(server: &Server, dir: &str) -> Result<String, Unspeakable> {
    const FIXED: [&str; 4] = ["appendfsync", "appendonly", "dir", "maxmemory-policy"];
    let sync = word("appendfsync", server.setting("appendfsync").unwrap_or("everysec"))?;
    let mut flags = vec![
        format!("--dir {} --requirepass \"$REDIS_PASSWORD\" --appendonly yes", word("dir", dir)?),
        format!("--appendfsync {sync}"),
        "--maxmemory-policy noeviction".to_owned(),
    ];
    for (name, value) in server.carried().filter(|(name, _)| !FIXED.contains(name)) {
        flags.extend(spoken(name, value)?);
    }
    Ok(format!("/bin/sh -c 'exec docker-entrypoint.sh redis-server {}'", flags.join(" ")))
}

/// Returns the flags that give a setting its value.
///
/// A setting of several values is told in groups of words. As one word, Redis 6.2 does not start with
/// `client-output-buffer-limit`, and takes `save` for "never" without an error.
fn spoken(name: &'static str, value: &str) -> Result<Vec<String>, Unspeakable> {
    let size = match name {
        "save" => 2,
        "client-output-buffer-limit" => 4,
        _ => return Ok(vec![format!("--{name} {}", word(name, value)?)]),
    };
    let words: Vec<_> =
        value.split_whitespace().map(|part| word(name, part)).collect::<Result<_, _>>()?;
    if words.len() % size != 0 {
        return Err(Unspeakable(name));
    }
    if words.is_empty() {
        return Ok(vec![format!("--{name} \"\"")]);
    }
    Ok(words.chunks(size).map(|group| format!("--{name} {}", group.join(" "))).collect())
}

/// Returns a value as one word inside the shell's single quotes.
fn word(name: &'static str, value: &str) -> Result<String, Unspeakable> {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '/');
    if !value.is_empty() && value.chars().all(plain) {
        Ok(value.to_owned())
    } else if value.chars().all(|letter| plain(letter) || letter == ' ') {
        Ok(format!("\"{value}\""))
    } else {
        Err(Unspeakable(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRAPPED: &str = "/bin/sh -c 'exec redis-server --appendonly-x 1 --appendonly yes --save \"60 1\" --maxmemory-policy allkeys-lru'";

    #[test]
    fn a_flag_is_read_and_changed_where_it_stands() {
        assert_eq!(flag(WRAPPED, "appendonly"), Some("yes"));
        assert_eq!(flag(WRAPPED, "save"), Some("60 1"));
        assert_eq!(flag(WRAPPED, "maxmemory-policy"), Some("allkeys-lru"));
        assert_eq!(flag(WRAPPED, "maxmemory"), None);
        let changed = with_flag(WRAPPED, "maxmemory-policy", "noeviction").unwrap();
        assert!(changed.ends_with("--maxmemory-policy noeviction'"), "{changed}");
        assert_eq!(with_flag(WRAPPED, "dir", "/x"), None);
    }

    #[test]
    fn a_file_of_settings_is_noticed() {
        assert!(names_a_file("redis-server /etc/redis.conf"));
        assert!(!names_a_file(WRAPPED));
    }

    #[test]
    fn a_value_that_a_shell_would_read_is_not_spoken() {
        assert_eq!(word("dbfilename", ""), Ok("\"\"".to_owned()));
        assert_eq!(word("dbfilename", "$(id)"), Err(Unspeakable("dbfilename")));
        assert_eq!(word("dbfilename", "a'b"), Err(Unspeakable("dbfilename")));
    }

    #[test]
    fn several_values_are_several_flags_because_6_2_reads_one_word_as_never() {
        assert_eq!(spoken("save", "900 1 300 10").unwrap(), ["--save 900 1", "--save 300 10"]);
        assert_eq!(spoken("save", "").unwrap(), ["--save \"\""]);
        assert!(spoken("save", "900 1 300").is_err());
        let limits = "normal 0 0 0 slave 1 2 3 pubsub 4 5 6";
        assert_eq!(
            spoken("client-output-buffer-limit", limits).unwrap().get(1).map(String::as_str),
            Some("--client-output-buffer-limit slave 1 2 3")
        );
    }
}
