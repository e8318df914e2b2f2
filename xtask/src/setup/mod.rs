//! `cargo xtask setup`: what building and testing need, found or installed.
//!
//! Programs that the system lacks go to `target/programs`, unpacked and never started; nothing there needs root.
//! Only what must be part of the system (PostgreSQL's and OpenSSH's users) is installed into it, as root.

mod apt;
mod found;
mod install;
mod litellm;
mod need;
mod rust;
mod sources;
mod unpack;
mod wheel;

pub(crate) use self::{
    install::{check, install},
    litellm::install as litellm,
};
