//! What PostgreSQL's errors mean. The server's details are left out: they may hold what was sent.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            return Self::Unreachable(chain(&error));
        };
        let code = answer.code();
        let text = || format!("{} ({})", answer.message(), code.code());
        if *code == SqlState::DISK_FULL {
            Self::Full
        } else if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::T_R_DEADLOCK_DETECTED
        {
            Self::Busy
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            Self::ReadOnly
        } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            Self::Denied(text())
        } else if code.code().starts_with("XX00") {
            Self::Damaged(text())
        } else if ["08", "57P"].iter().any(|class| code.code().starts_with(class)) {
            Self::Unreachable(text())
        } else {
            Self::Failed(text())
        }
    }
}

/// Returns an error with its causes, on one line.
pub(super) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
