//! OCI registries: the artifact that holds a plugin, its signatures, and the few requests that fetch and publish them.

mod auth;
mod conversation;
pub(crate) mod manifest;
mod pull;
mod push;
mod signatures;

pub(crate) use conversation::{Conversation, Purpose};
pub(crate) use pull::{fetch, fetch_manifest, manifest_at};
pub(crate) use push::{push_blob, push_manifest};
pub(crate) use signatures::{attach, find};
