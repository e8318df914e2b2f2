//! Spans of what is asked and sent, for logs and traces: which command of which server, never with what.

use lockstep_engine::model::{HttpMethod, Read};
use tracing::{Span, debug_span, field};

use crate::order::Order;

/// Longest name of a command.
const LONGEST: usize = 24;

/// Returns the span of a read. What only asks Railway has one for each document that is sent instead.
pub(crate) fn read(read: &Read) -> Span {
    match read {
        Read::Redis(connection, words) => {
            let command = words.first().map(|word| command(&String::from_utf8_lossy(word)));
            debug_span!("redis", connection, command)
        }
        Read::Keyspace(connection, ..) => debug_span!("redis", connection, command = "keyspace"),
        Read::Sql(connection, statement, _) => {
            debug_span!("sql", connection, command = command(statement))
        }
        Read::Http(method, request) => {
            let method = match method {
                HttpMethod::Get => "GET",
                HttpMethod::Head => "HEAD",
            };
            debug_span!("http", endpoint = request.endpoint, method, status = field::Empty)
        }
        Read::Published(_) => debug_span!("registry"),
        Read::Services
        | Read::Variables(_)
        | Read::Destination(..)
        | Read::Deployments(..)
        | Read::Deployment(_)
        | Read::Logs(..)
        | Read::Traffic(..)
        | Read::Backups(_)
        | Read::Staged
        | Read::Template(_) => Span::none(),
    }
}

/// Returns the span of sending an effect.
pub(crate) fn send(order: &Order<'_>) -> Span {
    debug_span!("send", kind = order.effect.kind.function(), status = field::Empty)
}

/// Returns the first word of a statement, if it is one: anything else may be a value.
fn command(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_word = word.len() <= LONGEST && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_word { word.to_ascii_uppercase() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_word_and_nothing_else_of_a_statement() {
        assert_eq!(command("select 'p4ssword'"), "SELECT");
        assert_eq!(command("'p4ssword'"), "other");
        assert_eq!(command("(SELECT 1)"), "other");
        assert_eq!(command(&"a".repeat(40)), "other");
    }
}
