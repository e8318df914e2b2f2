//! Work between two databases in words.

use lockstep_engine::model::{Indexes, SchemaPart, Scope, Transfer};

use super::text::{exactly, tame};

/// Returns what is done between two databases.
pub(super) fn transfer(transfer: &Transfer) -> String {
    let [from, to] = transfer.connections().map(tame);
    match transfer {
        Transfer::CopySchema { part, .. } => format!(
            "sql `{to}` in one transaction: make {} of the schema of `{from}`, as pg_dump tells it",
            match part {
                SchemaPart::BeforeRows => "what rows need (tables, primary keys, identity indexes)",
                SchemaPart::BeforeBulkLoad =>
                    "what rows need (tables, keys of tables up to 32 MiB)",
                SchemaPart::AfterRows => "the rest (other indexes, constraints, triggers)",
            }
        ),
        Transfer::BuildIndexes { which, .. } => format!(
            "sql `{to}`, each by itself and several at once: build {} of `{from}` that are missing",
            match which {
                Indexes::Keys =>
                    "primary keys and identity indexes, and meanwhile others of those tables,",
                Indexes::Others => "the other indexes",
            }
        ),
        Transfer::CopySequences { ahead, .. } => format!(
            "sql `{to}` in one transaction: set every sequence to where it stands in `{from}`, and {ahead} further"
        ),
        Transfer::HoldSnapshots { longest, .. } => format!(
            "sql `{from}` and `{to}`: keep both as they stand now to be compared, for at most {}",
            exactly(*longest)
        ),
        Transfer::Compare { scope, at, except, .. } => {
            let what = match scope {
                Scope::Schema => "every object",
                Scope::Rows => "every row of every table",
                Scope::Everything => "every object, every row of every table and every sequence",
            };
            let when = match at {
                Some(at) => format!("as `{at}` kept them"),
                None => "while both change".to_owned(),
            };
            let but = if except.is_empty() {
                String::new()
            } else {
                format!(", without {}", tame(&except.join(", ")))
            };
            format!("sql `{from}` and `{to}`: compare {what} {when}{but}; changes nothing")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_says_what_it_leaves_out() {
        let (left, right) = ("old".to_owned(), "new".to_owned());
        let except = vec!["public.big".to_owned()];
        let compare = Transfer::Compare { left, right, scope: Scope::Rows, at: None, except };
        assert_eq!(
            transfer(&compare),
            "sql `old` and `new`: compare every row of every table while both change, without public.big; changes nothing"
        );
    }
}
