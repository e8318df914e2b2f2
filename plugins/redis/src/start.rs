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

/// Returns the start command with which the official image serves the data of a Bitnami one.
///
/// A start command replaces the image's entry point and nothing expands variables in it, so a shell does, and hands over to
/// the entry point, which gives `/data` to the server's user. Every setting that differs from the image's own is passed on.
pub(crate) fn official(server: &Server) -> Result<String, Unspeakable> {
    const FIXED: [&str; 4] = ["appendfsync", "appendonly", "dir", "maxmemory-policy"];
    let sync = word("appendfsync", server.setting("appendfsync").unwrap_or("everysec"))?;
    let mut flags = vec![
        "--dir /data --requirepass \"$REDIS_PASSWORD\" --appendonly yes".to_owned(),
        format!("--appendfsync {sync}"),
        "--maxmemory-policy noeviction".to_owned(),
    ];
    for (name, value) in server.unusual().filter(|(name, _)| !FIXED.contains(name)) {
        flags.push(format!("--{name} {}", word(name, value)?));
    }
    Ok(format!("/bin/sh -c 'exec docker-entrypoint.sh redis-server {}'", flags.join(" ")))
}

/// Returns a value as one word inside the shell's single quotes.
fn word(name: &'static str, value: &str) -> Result<String, Unspeakable> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
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
        assert_eq!(word("save", "900 1 300 10"), Ok("\"900 1 300 10\"".to_owned()));
        assert_eq!(word("save", ""), Ok("\"\"".to_owned()));
        assert_eq!(word("dbfilename", "$(id)"), Err(Unspeakable("dbfilename")));
        assert_eq!(word("dbfilename", "a'b"), Err(Unspeakable("dbfilename")));
    }
}
