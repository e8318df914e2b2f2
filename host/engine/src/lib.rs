//! What a plan is, what an effect may do, and the whole life of a run.
//!
//! Everything that could lose a database is decided here, and nothing here touches the outside: no WebAssembly, no
//! network, no file, no clock and no runtime of its own. [`run::World`], [`run::Guest`], [`run::Journal`],
//! [`run::Clock`] and [`run::Reporter`] are the ports; the real ones and the simulated ones run the same code.

pub mod journal;
pub mod model;
pub mod policy;
pub mod run;
