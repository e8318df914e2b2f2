//! The two ways of a conversion.

use std::str::FromStr;

use lockstep_engine::model::NameError;

use crate::bindings::lockstep::plugin::types::Extra;

/// Something from a plugin that the engine has no word for: what, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl Refused {
    /// Says where it stands.
    pub(crate) fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// From a plugin to the engine.
pub(crate) trait Inward {
    /// The engine's type.
    type Inside;
    /// Returns the engine's form, if there is one.
    fn inward(self) -> Result<Self::Inside, Refused>;
}

/// From the engine to a plugin.
pub(crate) trait Outward {
    /// The contract's type.
    type Outside;
    /// Returns the contract's form.
    fn outward(self) -> Self::Outside;
}

impl<T: Inward> Inward for Vec<T> {
    type Inside = Vec<T::Inside>;
    fn inward(self) -> Result<Self::Inside, Refused> {
        self.into_iter().map(Inward::inward).collect()
    }
}

impl<T: Inward> Inward for Option<T> {
    type Inside = Option<T::Inside>;
    fn inward(self) -> Result<Self::Inside, Refused> {
        self.map(Inward::inward).transpose()
    }
}

impl<T: Inward, E: Inward> Inward for Result<T, E> {
    type Inside = Result<T::Inside, E::Inside>;
    fn inward(self) -> Result<Self::Inside, Refused> {
        Ok(match self {
            Ok(value) => Ok(value.inward()?),
            Err(error) => Err(error.inward()?),
        })
    }
}

impl<T: Outward> Outward for Vec<T> {
    type Outside = Vec<T::Outside>;
    fn outward(self) -> Self::Outside {
        self.into_iter().map(Outward::outward).collect()
    }
}

impl<T: Outward> Outward for Option<T> {
    type Outside = Option<T::Outside>;
    fn outward(self) -> Self::Outside {
        self.map(Outward::outward)
    }
}

impl Outward for String {
    type Outside = Self;
    fn outward(self) -> Self {
        self
    }
}

/// Returns the refusal of a variant's case `other`.
pub(crate) fn unknown(variant: &str, case: &str) -> Refused {
    Refused(format!("`{variant}` has no case {case:?} in this contract"))
}

/// Refuses every key of `extra` but those in `known`.
pub(crate) fn closed(record: &str, extra: Extra, known: &[&str]) -> Result<Extra, Refused> {
    match extra.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(Refused(format!(
            "`extra` of `{record}` holds the key {key:?}, which this contract does not know"
        ))),
        None => Ok(extra),
    }
}

/// Returns `text` as a label or a step's id.
pub(crate) fn name<T: FromStr<Err = NameError>>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|error: NameError| Refused(error.to_string()))
}
