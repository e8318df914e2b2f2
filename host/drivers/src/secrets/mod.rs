//! Telling secrets from other values, and keeping them inside the host.

mod encodings;
mod mask;
mod redact;
mod scrub;

pub use mask::keeper;
pub(crate) use mask::{KEPT, fingerprint, hex, keyed_bytes, looks_secret, without_references};
pub use redact::Redactor;
pub(crate) use redact::secrets_of;
