//! Parts that the plans of several components share. Each is one or more visible steps: what it declares, what its
//! `observe` records and what its `check` demands stand in one file.
//!
//! A block knows nothing of the component. It is given the outside, the names that it works on and the facts of the call.

pub mod canary;
pub mod close;
pub mod encryption_key;
pub mod grace;
pub mod keep;
pub mod keys;
pub mod owner;
pub mod pin;
pub mod prisma;
pub mod proof;
pub mod releases;
pub mod smoke;
pub mod soak;
pub mod up;

mod block;

pub use block::{Block, slug, soon};
