//! A store in a SQLite file of this machine.

mod append;
mod blob;
mod chain;
mod detached;
mod error;
mod file;
mod folder;
mod lease;
mod memo;
mod open;
mod retention;
mod run;
mod schema;
mod writer;

pub(crate) use file::File;
pub use folder::{FILE_NAME, prepare_folder};
pub use open::{OpenError, OpenOptions};
