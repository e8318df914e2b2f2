//! `lockstep.toml`: the document as written, and what it means for one environment.

mod canaries;
mod dialled;
mod document;
mod endpoint;
mod notify;
#[cfg(test)]
mod readme;
mod resolve;
mod staging;
mod store;
mod watches;
mod windows;

pub(crate) use canaries::canaries;
pub(crate) use dialled::{Dialled, dialled};
pub(crate) use document::{Document, EnvironmentDocument, LAB};
pub(crate) use notify::{NotifyDocument, notice_secrets};
pub(crate) use resolve::{
    CLUSTER_FRONT, PATRONI, SCRATCH, choose, connections, endpoints, on_failure, settings, token,
};
pub(crate) use store::access;
pub(crate) use windows::{WindowDocument, window};
