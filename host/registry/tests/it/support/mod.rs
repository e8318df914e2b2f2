//! What the tests share: components, handles, real and lying servers.

mod artifact;
mod liar;
mod server;

use std::path::Path;
use std::time::Duration;

use lockstep_registry::{Access, Fault, Limits, Registry, RegistryError, Source};

pub(crate) use artifact::Artifact;
pub(crate) use liar::{Answer, Asked, Liar};
pub(crate) use server::{Server, program};

/// A component that does nothing and holds `text`, so that two of them differ.
pub(crate) fn component(text: &str) -> Vec<u8> {
    let name = b"test";
    let length = u8::try_from(1 + name.len() + text.len()).unwrap();
    assert!(length < 0x80, "the length must fit into one byte");
    let mut bytes = b"\0asm\x0d\0\x01\0\0".to_vec();
    bytes.push(length);
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A registry handle with small bounds.
pub(crate) fn registry(cache: &Path) -> Registry {
    Registry::open(cache, access()).unwrap()
}

/// The same, that asks nobody.
pub(crate) fn offline(cache: &Path) -> Registry {
    Registry::open(cache, Access { offline: true, ..access() }).unwrap()
}

pub(crate) fn access() -> Access {
    let limits = Limits { component: 1 << 20, ..Limits::default() };
    Access { limits, ..Access::default() }
}

/// The same with little patience.
pub(crate) fn impatient(cache: &Path) -> Registry {
    let answer = Duration::from_millis(200);
    let limits = Limits { answer, ..access().limits };
    Registry::open(cache, Access { limits, ..access() }).unwrap()
}

pub(crate) fn source(text: &str) -> Source {
    text.parse().unwrap()
}

/// What went wrong between the two sides when something was fetched.
pub(crate) fn fault(error: RegistryError) -> Fault {
    let text = format!("{error:?}");
    if let RegistryError::Fetch { fault, .. } = error { fault } else { panic!("{text}") }
}
