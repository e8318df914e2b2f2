//! The stacks that a lab can start with.

mod build;
mod changes;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use build::StackError;
pub(crate) use build::build;

/// A stack to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// The nine services with the repairs without which they would never have become healthy.
    AsRun,
    /// The nine services exactly as the upgrade guide's file has them; some can't become healthy.
    AsWritten,
    /// As [`Stack::AsRun`], with the official Redis 6.2.
    #[serde(rename = "redis-6")]
    Redis6,
    /// As [`Stack::AsRun`], with PostgreSQL 15 and, beside it, an empty cluster of PostgreSQL 16 behind `PgPool`.
    #[serde(rename = "beside-cluster")]
    BesideCluster,
    /// As [`Stack::AsRun`], with PostgreSQL 15 and `LiteLLM` 1.80.0, whose tables are in it.
    #[serde(rename = "litellm-1.80")]
    LiteLlm180,
    /// `LiteLLM` 1.80.0 alone with its PostgreSQL 15: itself where `cargo xtask setup --litellm` has installed it.
    #[serde(rename = "litellm-real")]
    LiteLlmReal,
    /// `LiteLLM` and Langfuse 2.95.11 on PostgreSQL 15, without what Langfuse 3 needs: no ClickHouse, Redis, S3 or worker.
    #[serde(rename = "langfuse-2.95")]
    Langfuse295,
    /// As [`Stack::AsRun`], with PostgreSQL 15 and Langfuse 3.50.0.
    #[serde(rename = "langfuse-3.50")]
    Langfuse350,
}

/// All of them.
const ALL: [Stack; 8] = [
    Stack::AsRun,
    Stack::AsWritten,
    Stack::Redis6,
    Stack::BesideCluster,
    Stack::LiteLlm180,
    Stack::LiteLlmReal,
    Stack::Langfuse295,
    Stack::Langfuse350,
];

/// A name that no stack has.
#[derive(Debug, thiserror::Error)]
#[error(
    "no stack is named `{0}`; there are `as-run`, `as-written`, `redis-6`, `beside-cluster`, `litellm-1.80`, \
     `litellm-real`, `langfuse-2.95` and `langfuse-3.50`"
)]
pub struct UnknownStack(String);

impl Stack {
    /// Returns the name that the command line knows the stack by.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsRun => "as-run",
            Self::AsWritten => "as-written",
            Self::Redis6 => "redis-6",
            Self::BesideCluster => "beside-cluster",
            Self::LiteLlm180 => "litellm-1.80",
            Self::LiteLlmReal => "litellm-real",
            Self::Langfuse295 => "langfuse-2.95",
            Self::Langfuse350 => "langfuse-3.50",
        }
    }
}

/// Whether Langfuse has tables of its own in the stack with this name, and migrates them.
///
/// In the others it shares its database with tables of `LiteLLM`'s, or with rows that are moved and counted.
pub(crate) fn has_langfuse_tables(name: &str) -> bool {
    [Stack::Langfuse295, Stack::Langfuse350].iter().any(|stack| stack.name() == name)
}

/// Whether `LiteLLM` itself runs in the stack with this name, where it is installed: it takes half a minute and 700 MB to start.
pub(crate) fn has_real_litellm(name: &str) -> bool {
    name == Stack::LiteLlmReal.name()
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stack {
    type Err = UnknownStack;

    fn from_str(text: &str) -> Result<Self, UnknownStack> {
        ALL.into_iter()
            .find(|stack| stack.name() == text)
            .ok_or_else(|| UnknownStack(text.to_owned()))
    }
}
