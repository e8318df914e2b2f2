//! What can go wrong with the store, whoever uses it.

/// The store could not be read or written.
///
/// It is data rather than a chain of causes, because one failed commit is the answer to everybody in its group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room is left.
    #[error("the disk that holds the store is full, or the store has reached its size limit")]
    Full,
    /// Another process holds a lock for too long.
    #[error("another process keeps the store locked")]
    Busy,
    /// The file, its folder or the server can't be written.
    #[error("the store can't be written: it is read-only")]
    ReadOnly,
    /// What is kept is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The file that this handle opened no longer stands at its path, so what is written would be lost.
    #[error("the store's file was removed or replaced while it was open")]
    Replaced,
    /// The writer has ended.
    #[error("the store's writer has ended")]
    Closed,
    /// The server can't be reached, or did not answer to the end. A change that was sent may be durable after all.
    #[error("the store's server can't be reached: {0}")]
    Unreachable(String),
    /// The database does not let the store's role do something, in the server's words.
    #[error("the store's role may not do this: {0}")]
    Denied(String),
    /// Anything else that the database or the system reports.
    #[error("the store failed: {0}")]
    Failed(String),
}
