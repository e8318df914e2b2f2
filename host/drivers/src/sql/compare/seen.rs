//! What a snapshot saw that is gone: the rows that nobody has written since can still be told from the others.

use crate::order::Order;
use crate::sql::snapshots::SEEN;

/// Which transactions a snapshot saw, as `pg_snapshot` is written: digits, colons and commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    text: String,
    /// The first transaction that it surely did not see.
    end: u64,
}

impl Seen {
    /// Returns what both snapshots saw on which a comparison rests, if that was recorded.
    pub(super) fn both(order: &Order<'_>) -> Option<[Self; 2]> {
        let [left, right] = SEEN;
        Some([Self::of(order.given_text(left)?)?, Self::of(order.given_text(right)?)?])
    }

    fn of(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_digit() || c == ':' || c == ',';
        let end = text.split(':').nth(1)?.parse().ok()?;
        text.chars().all(plain).then(|| Self { text: text.to_owned(), end })
    }

    /// Returns the condition that holds for rows which the snapshot saw and nobody has written since.
    ///
    /// A row knows only the lower half of its transaction's number, so it is counted from the snapshot's end, which is less
    /// than half a round away.
    pub(super) fn unchanged(&self) -> String {
        let Self { text, end } = self;
        let (half, round) = (1_u64 << 31, 1_u64 << 32);
        let low = end % round;
        format!(
            "pg_catalog.pg_visible_in_snapshot(greatest({end} - {half} + (xmin::text::bigint - {low} + {round} + {half}) % {round}, 1)\
             ::text::xid8, '{text}'::pg_snapshot)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_a_snapshot_is_taken_into_a_statement() {
        assert_eq!(Seen::of("10:20:10,14").unwrap().end, 20);
        for text in ["", "10", "10:x:", "10:20:'", "10:20:1 OR true"] {
            assert_eq!(Seen::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_rows_half_of_a_number_is_counted_from_the_snapshots_end() {
        let far = (7_u64 << 32) + 5;
        let text = Seen::of(&format!("{far}:{far}:")).unwrap().unchanged();
        assert!(text.contains("(xmin::text::bigint - 5 + 4294967296 + 2147483648) % 4294967296"));
        assert!(text.contains(&format!("greatest({far} - 2147483648 +")), "{text}");
    }
}
