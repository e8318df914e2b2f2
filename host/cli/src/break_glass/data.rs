//! What a person sends to the databases and endpoints instead of the host. Passwords come from the shell's environment.

use std::fmt::Write as _;

use lockstep_engine::model::{Composed, Kind, Message, Piece, SchemaPart, Statement, Transfer};

use super::shell::word;

/// Returns the command for an effect on a database or an endpoint; none for any other.
pub(super) fn of(kind: &Kind) -> Option<String> {
    match kind {
        Kind::RedisCommand { words, .. } => {
            let words: Vec<String> = words.iter().map(composed).collect();
            Some(format!("{} {}\n", redis(), words.join(" ")))
        }
        Kind::SqlExecute { statements, .. } => Some(statements.iter().map(sql).collect()),
        // By hand nobody blocks writes: the way back is to let them flow.
        Kind::HoldWrites { .. } | Kind::ReleaseWrites { .. } => Some(lift()),
        Kind::Transfer(transfer) => between(transfer),
        Kind::HttpSend { endpoint, message } => Some(http(endpoint, message)),
        Kind::SetVariables { .. }
        | Kind::GenerateVariable { .. }
        | Kind::DeleteVariables { .. }
        | Kind::RestoreVariables { .. }
        | Kind::ForgetVariables { .. }
        | Kind::SetImage { .. }
        | Kind::SetSettings { .. }
        | Kind::Deploy { .. }
        | Kind::Restart { .. }
        | Kind::Stop { .. }
        | Kind::CreateService { .. }
        | Kind::CreateBuiltService { .. }
        | Kind::DeleteService { .. }
        | Kind::CreateVolume { .. }
        | Kind::SetMount { .. }
        | Kind::DeleteVolume { .. }
        | Kind::BackupVolume { .. }
        | Kind::LockBackup { .. }
        | Kind::DeleteBackup { .. }
        | Kind::RestoreVolume { .. }
        | Kind::StageConversion { .. }
        | Kind::StageRevert { .. }
        | Kind::CommitStaged { .. }
        | Kind::DiscardStaged { .. } => None,
    }
}

/// Returns how `redis-cli` is called; it takes its password from `REDISCLI_AUTH`.
pub(super) const fn redis() -> &'static str {
    "redis-cli -h \"${REDIS_HOST:?}\" -p \"${REDIS_PORT:-6379}\""
}

/// What ends every session that blocks writes, of whichever run.
pub(super) const LIFT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lockstep-hold:%'";

/// Returns the command that lets writes flow at once.
pub(super) fn lift() -> String {
    format!("{} -c {}\n", psql(), word(LIFT))
}

/// Returns how `psql` is called.
pub(super) const fn psql() -> &'static str {
    "psql \"${DATABASE_URL:?}\" -v ON_ERROR_STOP=1"
}

/// What sets the sequences of one database as those of another stand, `@AHEAD@` further.
const SEQUENCES: &str = "SELECT format('SELECT setval(%L, %s, %L);', format('%I.%I', schemaname, sequencename), \
     coalesce(last_value + @AHEAD@ * increment_by, start_value), last_value IS NOT NULL) FROM pg_sequences";

/// Returns what a person does between two databases; none for what only compares them.
fn between(transfer: &Transfer) -> Option<String> {
    let [source, target] = transfer.connections().map(|name| format!("\"${{{}:?}}\"", base(name)));
    match transfer {
        Transfer::CopySchema { part, .. } => {
            let section = match part {
                SchemaPart::BeforeRows | SchemaPart::BeforeBulkLoad => "pre-data",
                SchemaPart::AfterRows => "post-data",
            };
            let dump = "pg_dump --schema-only --no-publications --no-subscriptions";
            Some(format!(
                "{dump} --section={section} {source} | psql {target} -1 -v ON_ERROR_STOP=1\n\
                 # Primary keys are among post-data here, so make both parts before any rows follow.\n"
            ))
        }
        Transfer::BuildIndexes { .. } => {
            Some("# Nothing by hand: they are among the post-data of the schema.\n".to_owned())
        }
        Transfer::CopySequences { ahead, .. } => {
            let query = SEQUENCES.replace("@AHEAD@", &ahead.to_string());
            Some(format!(
                "psql {source} -XAt -c {} | psql {target} -1 -v ON_ERROR_STOP=1\n",
                word(&query)
            ))
        }
        Transfer::HoldSnapshots { .. } | Transfer::Compare { .. } => None,
    }
}

fn sql(statement: &Statement) -> String {
    let mut command = format!("{} -1 -c {}\n", psql(), composed(&statement.text));
    if !statement.parameters.is_empty() {
        let parameters = statement.parameters.join(", ");
        // Writing to a string can't fail.
        let _written = writeln!(command, "# $1 and so on stand for {}", word(&parameters));
    }
    command
}

fn http(endpoint: &str, message: &Message) -> String {
    let mut command = format!("curl -sS -X {}", word(&message.method));
    for (name, value) in &message.headers {
        let header = [word(&format!("{name}: ")), composed(value)].concat();
        // Writing to a string can't fail.
        let _written = write!(command, " -H {header}");
    }
    if !message.body.is_empty() {
        let _written = write!(command, " --data-raw {}", composed(&message.body));
    }
    format!("{command} \"${{{}:?}}\"{}\n", base(endpoint), composed(&message.path))
}

/// Returns the variable of the shell that holds where an endpoint is.
pub(super) fn base(endpoint: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("{}_URL", endpoint.chars().map(plain).collect::<String>().to_ascii_uppercase())
}

/// Returns composed text as one word of bash: what is secret is a variable that the person sets.
fn composed(text: &Composed) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => word(text),
        Piece::Secret(_) | Piece::Conninfo(_) => "\"${SECRET:?}\"".to_owned(),
        Piece::Reference(_, name) => format!("\"${{{}:?}}\"", base(name)),
        Piece::Argument(_) => "\"${ARGUMENT:?}\"".to_owned(),
    };
    if text.is_empty() { "''".to_owned() } else { text.iter().map(piece).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_command_is_one_line_without_a_password() {
        let words = ["SET", "a key", "it's"].map(|text| vec![Piece::Text(text.to_owned())]);
        let kind = Kind::RedisCommand { connection: "redis".to_owned(), words: words.to_vec() };
        assert_eq!(
            of(&kind).unwrap(),
            "redis-cli -h \"${REDIS_HOST:?}\" -p \"${REDIS_PORT:-6379}\" SET 'a key' 'it'\\''s'\n"
        );
    }

    #[test]
    fn a_block_on_writes_is_lifted_by_one_command_that_needs_no_name() {
        let (connection, hold) = ("postgres".to_owned(), "hold".parse().unwrap());
        assert_eq!(
            of(&Kind::ReleaseWrites { connection, hold }).unwrap(),
            "psql \"${DATABASE_URL:?}\" -v ON_ERROR_STOP=1 -c 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name LIKE '\\''lockstep-hold:%'\\'''\n"
        );
    }

    #[test]
    fn a_statement_and_a_request_name_their_secrets_and_hold_none() {
        let text =
            vec![Piece::Text("ALTER ROLE a PASSWORD ".to_owned()), Piece::Secret("p".to_owned())];
        let statement = Statement { text, parameters: Vec::new(), affects: None };
        let kind = Kind::SqlExecute {
            connection: "postgres".to_owned(),
            statements: vec![statement],
            atomicity: lockstep_engine::model::Atomicity::Transaction,
        };
        assert_eq!(
            of(&kind).unwrap(),
            "psql \"${DATABASE_URL:?}\" -v ON_ERROR_STOP=1 -1 -c 'ALTER ROLE a PASSWORD '\"${SECRET:?}\"\n"
        );
        let message = Message {
            method: "POST".to_owned(),
            path: vec![Piece::Text("/key/delete?a=b c".to_owned())],
            headers: vec![("Authorization".to_owned(), vec![Piece::Secret("key".to_owned())])],
            body: vec![Piece::Text("{\"a\":1}".to_owned())],
            success: vec![200],
            captures: Vec::new(),
        };
        let kind = Kind::HttpSend { endpoint: "litellm".to_owned(), message };
        assert_eq!(
            of(&kind).unwrap(),
            "curl -sS -X POST -H 'Authorization: '\"${SECRET:?}\" --data-raw '{\"a\":1}' \"${LITELLM_URL:?}\"'/key/delete?a=b c'\n"
        );
    }
}
