//! The bundled plugins as bytes.
//!
//! The build script builds the second workspace where the target `wasm32-wasip2` is installed. Elsewhere, or with
//! `LOCKSTEP_NO_PLUGINS` set, nothing is embedded, and whoever uses this says so.

/// One plugin that came with this binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Its name.
    pub name: &'static str,
    /// Its component.
    pub bytes: &'static [u8],
}

/// Returns the bundled plugins, sorted by name.
pub fn bundled() -> &'static [Bundled] {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"))
}
