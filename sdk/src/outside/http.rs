//! Reading over HTTP.

use crate::{Failure, Response};

/// Reads over HTTP.
pub trait Http {
    /// Gets `path` of a granted endpoint.
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure>;
}
