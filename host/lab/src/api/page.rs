//! Relay's connections: `first`, `after`, `last`, `before`.

use serde_json::Value;

use super::answer::{Answer, Answered, Arguments, Node, Page, text};
use super::refusal::Refusal;

/// Cuts the page that `arguments` ask for out of `all`; a cursor is a node's key.
pub(crate) fn page(all: Vec<(String, Node)>, arguments: &Arguments) -> Answered {
    let position = |name: &str| -> Result<Option<usize>, Refusal> {
        let Some(cursor) = text(arguments, name) else { return Ok(None) };
        let found = all.iter().position(|(key, _)| key == cursor);
        found.map(Some).ok_or_else(|| {
            Refusal::BadInput(format!("`{name}` is not a cursor of this connection"))
        })
    };
    let count = |name: &str| -> Result<Option<usize>, Refusal> {
        match arguments.get(name).and_then(Value::as_i64) {
            None => Ok(None),
            Some(count) => match usize::try_from(count) {
                Ok(count) => Ok(Some(count)),
                Err(error) => Err(Refusal::BadInput(format!("`{name}` {count}: {error}"))),
            },
        }
    };
    let mut from = position("after")?.map_or(0, |after| after + 1);
    let mut to = position("before")?.unwrap_or(all.len()).max(from);
    if let Some(first) = count("first")? {
        to = to.min(from.saturating_add(first));
    }
    if let Some(last) = count("last")? {
        from = from.max(to.saturating_sub(last));
    }
    let (has_previous, has_next) = (from > 0, to < all.len());
    let edges = all.into_iter().skip(from).take(to.saturating_sub(from)).collect();
    Ok(Answer::Page(Page { edges, has_next, has_previous }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(arguments: &Value, expected: &[&str], has_next: bool) {
        let all = ["a", "b", "c", "d"].map(|key| (key.to_owned(), Node::Project)).to_vec();
        let Ok(Answer::Page(page)) = page(all, arguments.as_object().unwrap()) else {
            panic!("no page")
        };
        let keys: Vec<_> = page.edges.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!((keys.as_slice(), page.has_next), (expected, has_next));
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        check(&json!({ "first": 2 }), &["a", "b"], true);
        check(&json!({ "first": 2, "after": "b" }), &["c", "d"], false);
        check(&json!({ "last": 1 }), &["d"], false);
        check(&json!({ "before": "c" }), &["a", "b"], true);
        check(&json!({}), &["a", "b", "c", "d"], false);
    }
}
