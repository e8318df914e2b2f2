//! Fetches plugins from where they are published, keeps them, tells who signed them, and publishes them.
//!
//! [`Registry`] is a handle on a cache folder of this machine and on the way to the sources. Bytes are known by the SHA-256 of the
//! component, which is computed here and never believed; a cached file is hashed on every load. Whether bytes may run is decided
//! by others, with what [`Fetched`] says of them: this crate knows neither environments nor consent.
//!
//! The protocol is spoken here over `reqwest`, because what is asked may lie: every answer is bounded in size and time, a
//! redirect is followed only where a digest or a person decides about what comes, and credentials never leave for another host.

mod access;
mod cache;
mod component;
mod credentials;
mod error;
mod fetched;
mod oci;
mod publish;
mod registry;
mod signature;
mod source;
mod web;

pub use access::{Access, Limits};
pub use credentials::{Credentials, CredentialsError};
pub use error::{Fault, RegistryError, Signing};
pub use fetched::Fetched;
pub use publish::{Annotations, Published};
pub use registry::Registry;
pub use signature::{
    Flaw, ParseKeyError, ParseSigningKeyError, PublicKey, Signature, SignatureError, SigningKey,
    UnsealError,
};
pub use source::{OciReference, OciSource, ParseSourceError, Source, WebAddress};
