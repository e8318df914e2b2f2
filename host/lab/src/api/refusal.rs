//! Why a field was not answered, as Railway would say it.

/// An execution error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A dead token and a forbidden thing look the same on Railway.
    #[error("Not Authorized")]
    NotAuthorized,
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{0}")]
    BadInput(String),
    #[error("{0}")]
    Failed(String),
    /// Valid on Railway, not served here.
    #[error("the lab does not serve {0}")]
    NotServed(String),
}

impl Refusal {
    /// Returns `extensions.code`; the last one is the lab's own, so that nobody takes it for Railway's.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotAuthorized | Self::NotFound(_) | Self::Failed(_) => "INTERNAL_SERVER_ERROR",
            Self::BadInput(_) => "BAD_USER_INPUT",
            Self::NotServed(_) => "LAB_NOT_SERVED",
        }
    }
}
