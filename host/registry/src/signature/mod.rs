//! Who signed a plugin: keys, signatures as cosign writes them, and what they prove, all without asking anybody.

mod bundle;
mod public_key;
mod sealed;
mod signed;
mod signing_key;
mod simple;

pub use public_key::{ParseKeyError, PublicKey};
pub use sealed::UnsealError;
pub use signed::{Flaw, Signature, SignatureError};
pub use signing_key::{ParseSigningKeyError, SigningKey};

pub(crate) use bundle::{MEDIA_TYPE as BUNDLE, of_blob, of_manifest};
pub(crate) use signed::{Encoded, Form, signer};
pub(crate) use signing_key::SignError;
pub(crate) use simple::payload;
