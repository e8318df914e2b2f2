//! Langfuse's key: what it encrypts with it nobody can read with another one. Whoever plans a key decides by this.

use crate::VariableValue;

/// The variable that holds it.
pub const NAME: &str = "ENCRYPTION_KEY";

/// Its hexadecimal digits: with any other number Langfuse does not start.
pub const DIGITS: u32 = 64;

/// What the web service writes, among more, when it refuses its key.
pub const REFUSED: &str = "ENCRYPTION_KEY must be";

/// Whether anything may be encrypted with the key, or with one that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encrypted {
    /// Nothing is, and that is proven.
    Nothing,
    /// Something may be.
    Perhaps,
}

/// What becomes of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It stays as it is.
    Stays,
    /// There is none, and one is made.
    Made,
    /// It is one that Langfuse refuses, and another one is made.
    Replaced,
}

impl Key {
    /// Decides. `is_refused` says whether Langfuse has refused the one that it has.
    pub fn of(value: Option<&VariableValue>, is_refused: bool, encrypted: Encrypted) -> Self {
        use VariableValue::{Masked, Other, Shown, Unreadable};
        match (encrypted, value) {
            (Encrypted::Nothing, None) => Self::Made,
            (Encrypted::Nothing, Some(Masked(_))) if is_refused => Self::Replaced,
            // A reference leads to a value that others may use, and what is sealed can't be put back.
            (Encrypted::Nothing, Some(Masked(_) | Shown(_) | Unreadable | Other(_)))
            | (Encrypted::Perhaps, _) => Self::Stays,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_only_where_nothing_is_encrypted_with_another_one() {
        let masked = VariableValue::Masked("f".to_owned());
        let shown = VariableValue::Shown("${{shared.KEY}}".to_owned());
        let all = [None, Some(&masked), Some(&shown), Some(&VariableValue::Unreadable)];
        for value in all {
            for is_refused in [false, true] {
                assert_eq!(Key::of(value, is_refused, Encrypted::Perhaps), Key::Stays);
            }
        }
        let of = |value, is_refused| Key::of(value, is_refused, Encrypted::Nothing);
        assert_eq!((of(None, false), of(None, true)), (Key::Made, Key::Made));
        assert_eq!(
            (of(Some(&masked), false), of(Some(&masked), true)),
            (Key::Stays, Key::Replaced)
        );
        assert_eq!(of(Some(&shown), true), Key::Stays);
        assert_eq!(of(Some(&VariableValue::Unreadable), true), Key::Stays);
    }
}
