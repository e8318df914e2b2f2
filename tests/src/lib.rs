//! Holds nothing: the promises are in `it`.
