//! What can go wrong with the file, whoever uses it.

use rusqlite::ErrorCode;

/// The store could not be read or written.
///
/// It is data rather than a chain of causes, because one failed commit is the answer to everybody in its group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room is left.
    #[error("the disk that holds the store is full, or the store has reached its size limit")]
    Full,
    /// Another process holds the file's write lock for too long.
    #[error("another process keeps the store locked")]
    Busy,
    /// The file or its folder can't be written.
    #[error("the store can't be written: its file or folder is read-only")]
    ReadOnly,
    /// The file's content is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The file that this handle opened no longer stands at its path, so what is written would be lost.
    #[error("the store's file was removed or replaced while it was open")]
    Replaced,
    /// The writer has ended.
    #[error("the store's writer has ended")]
    Closed,
    /// Anything else that SQLite or the system reports.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let is = |codes: &[ErrorCode]| code.is_some_and(|code| codes.contains(&code));
        if is(&[ErrorCode::DiskFull]) {
            Self::Full
        } else if is(&[ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked]) {
            Self::Busy
        } else if is(&[ErrorCode::ReadOnly]) {
            Self::ReadOnly
        } else if is(&[ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase]) {
            Self::Damaged(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}
