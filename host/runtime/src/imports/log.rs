//! `log`: what a plugin says to people.

use crate::bindings::lockstep::plugin::log::{Host, Level};
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log(level.inward()?, message).await
    }
}
