//! The state that is folded from records: what may follow what, and that nothing written is lost or misread.

mod events;
mod illegal;
mod properties;
