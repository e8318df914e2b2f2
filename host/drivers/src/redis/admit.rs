//! Which commands are reads. Flags of the server are no help: it calls `EVAL_RO` and `KEYS` read-only.

use lockstep_engine::model::Failure;

use super::config::READABLE;

/// The most keys that one `EXISTS` may name, and the most names of one `COMMAND INFO`.
const MOST: usize = 100;

/// The largest `COUNT` of a `SCAN`: larger ones would hold the server up.
const MOST_COUNT: u64 = 1000;

/// What may follow a command's name.
#[derive(Clone, Copy)]
enum Form {
    /// So many words, both ends included.
    Words(usize, usize),
    /// One word of these after the name, and then so many more.
    Then(&'static [(&'static str, usize, usize)]),
    /// `SCAN`'s options.
    Scan,
    /// `CONFIG GET` of one readable name.
    Config,
}

/// Commands that read, block nobody and return no credential.
const TABLE: [(&str, Form); 26] = [
    ("PING", Form::Words(0, 1)),
    ("INFO", Form::Words(0, 1)),
    ("DBSIZE", Form::Words(0, 0)),
    ("TYPE", Form::Words(1, 1)),
    ("TTL", Form::Words(1, 1)),
    ("PTTL", Form::Words(1, 1)),
    ("EXISTS", Form::Words(1, MOST)),
    ("GET", Form::Words(1, 1)),
    ("STRLEN", Form::Words(1, 1)),
    ("LLEN", Form::Words(1, 1)),
    ("SCARD", Form::Words(1, 1)),
    ("HLEN", Form::Words(1, 1)),
    ("HEXISTS", Form::Words(2, 2)),
    ("SISMEMBER", Form::Words(2, 2)),
    ("ZCARD", Form::Words(1, 1)),
    ("XLEN", Form::Words(1, 1)),
    ("LASTSAVE", Form::Words(0, 0)),
    ("ROLE", Form::Words(0, 0)),
    ("TIME", Form::Words(0, 0)),
    ("SCAN", Form::Scan),
    ("CONFIG", Form::Config),
    ("MEMORY", Form::Then(&[("USAGE", 1, 1), ("STATS", 0, 0)])),
    ("CLIENT", Form::Then(&[("LIST", 0, 0), ("ID", 0, 0)])),
    ("COMMAND", Form::Then(&[("INFO", 1, MOST), ("COUNT", 0, 0)])),
    ("CLUSTER", Form::Then(&[("INFO", 0, 0)])),
    ("SENTINEL", Form::Then(&[("GET-MASTER-ADDR-BY-NAME", 1, 1), ("CKQUORUM", 1, 1)])),
];

/// A command that reads.
pub(super) struct ReadCommand<'a>(&'a [Vec<u8>]);

impl ReadCommand<'_> {
    /// Returns the words.
    pub(super) fn words(&self) -> &[Vec<u8>] {
        self.0
    }

    /// Returns the key of a command whose answer may be of any size.
    pub(super) fn unbounded_key(&self) -> Option<&[u8]> {
        match self.0 {
            [name, key] if name.eq_ignore_ascii_case(b"GET") => Some(key),
            _ => None,
        }
    }
}

/// Admits a command as a read.
///
/// # Errors
/// [`Failure::Denied`], naming the command; nothing was sent.
pub(super) fn admit(words: &[Vec<u8>]) -> Result<ReadCommand<'_>, Failure> {
    let upper: Vec<String> = words
        .iter()
        .take(3)
        .map(|word| String::from_utf8_lossy(word).to_ascii_uppercase())
        .collect();
    let name = upper.first().map(String::as_str).unwrap_or_default();
    let spoken: String = match upper.as_slice() {
        [command, next, ..]
            if ["CONFIG", "CLIENT", "MEMORY", "COMMAND", "CLUSTER", "SENTINEL", "ACL", "DEBUG"]
                .contains(&command.as_str()) =>
        {
            format!("{command} {next}")
        }
        _ => name.to_owned(),
    };
    let spoken: String =
        spoken.chars().take(64).filter(|character| !character.is_control()).collect();
    let denied = |why: &str| {
        Failure::denied(
            "redis:command",
            format!("Redis command `{spoken}` is no read that lockstep allows{why}"),
        )
    };
    let (_, form) = TABLE.iter().find(|(known, _)| *known == name).ok_or_else(|| denied(""))?;
    let rest = words.get(1..).unwrap_or_default();
    let fits = match form {
        Form::Words(least, most) => (*least..=*most).contains(&rest.len()),
        Form::Then(subs) => {
            let sub = upper.get(1).map(String::as_str).unwrap_or_default();
            subs.iter().any(|(known, least, most)| {
                *known == sub && (least + 1..=most + 1).contains(&rest.len())
            })
        }
        Form::Scan => scan(rest),
        Form::Config => match (upper.get(1).map(String::as_str), rest) {
            (Some("GET"), [_, setting]) => {
                let setting = String::from_utf8_lossy(setting).to_ascii_lowercase();
                if !READABLE.contains(&setting.as_str()) {
                    return Err(denied(&format!(
                        " for `{}`",
                        setting.chars().take(64).collect::<String>()
                    )));
                }
                true
            }
            _ => false,
        },
    };
    if fits { Ok(ReadCommand(words)) } else { Err(denied(" in this form")) }
}

fn scan(rest: &[Vec<u8>]) -> bool {
    let number =
        |word: &[u8]| std::str::from_utf8(word).ok().and_then(|text| text.parse::<u64>().ok());
    let Some((cursor, options)) = rest.split_first() else { return false };
    let option = |pair: &[Vec<u8>]| match pair {
        [name, value] if name.eq_ignore_ascii_case(b"COUNT") => {
            number(value).is_some_and(|count| (1..=MOST_COUNT).contains(&count))
        }
        [name, _] => name.eq_ignore_ascii_case(b"MATCH") || name.eq_ignore_ascii_case(b"TYPE"),
        _ => false,
    };
    number(cursor).is_some() && options.chunks(2).all(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_scripts_blocks_answers_all_keys_or_returns_a_credential_is_denied() {
        for line in [
            "EVAL_RO return 0",
            "eval_ro return 0",
            "FCALL_RO f 0",
            "XREAD BLOCK 0 STREAMS s 0",
            "KEYS *",
            "FLUSHALL",
            "flushdb",
            "CONFIG GET requirepass",
            "config get RequirePass",
            "CONFIG GET masterauth",
            "CONFIG GET *",
            "CONFIG GET require*",
            "CONFIG GET save requirepass",
            "CONFIG SET save x",
            "CONFIG REWRITE",
            "ACL LIST",
            "ACL GETUSER default",
            "SET a b",
            "GETDEL a",
            "DEBUG SLEEP 1",
            "CLIENT KILL x",
            "CLIENT PAUSE 1",
            "SCAN 0 COUNT 1000000",
            "SCAN x",
            "MEMORY PURGE",
            "SUBSCRIBE a",
            "MONITOR",
            "SORT_RO a",
            "INFO a b",
            "",
            "OBJECT FREQ k",
            "DUMP k",
            "WAIT 1 0",
            "SENTINEL MASTERS",
        ] {
            let words = words(line);
            match admit(&words) {
                Err(Failure::Denied(problem)) => {
                    let name = line.split(' ').next().unwrap().to_ascii_uppercase();
                    assert!(problem.message.contains(&name), "{line}: {}", problem.message);
                }
                Err(other) => panic!("{line}: {other}"),
                Ok(_) => panic!("{line} was admitted"),
            }
        }
    }

    #[test]
    fn plain_reads_are_admitted_in_any_case() {
        for line in [
            "PING",
            "info",
            "INFO keyspace",
            "DBSIZE",
            "TYPE k",
            "pttl k",
            "EXISTS a b",
            "GET k",
            "SCAN 0",
            "scan 12 match a* count 1000",
            "CONFIG GET maxmemory-policy",
            "config get APPENDONLY",
            "CLIENT LIST",
            "MEMORY USAGE k",
            "COMMAND INFO get",
            "CLUSTER INFO",
        ] {
            assert!(admit(&words(line)).is_ok(), "{line}");
        }
    }
}
