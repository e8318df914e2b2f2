//! Why a plugin could not be loaded.

use std::io;
use std::path::PathBuf;

/// Why the runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// This machine can't run WebAssembly as configured.
    #[error("could not set up the WebAssembly engine: {0}")]
    Engine(String),
    /// The folder for compiled plugins can't be used.
    #[error("could not use the folder for compiled plugins `{}`", path.display())]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The folder for compiled plugins belongs to somebody else, who could put code into it.
    #[error("the folder for compiled plugins `{}` {why}; name another one, or remove it", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system gave no random key for the cache.
    #[error("could not make a key for the folder of compiled plugins: {0}")]
    Key(String),
    /// The thread that counts time did not start.
    #[error("could not start the thread that limits how long a plugin runs")]
    Ticker(#[source] io::Error),
}

/// Why bytes could not be read as a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// The bytes are a core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for `wasm32-wasip2`, or with componentize-js or componentize-py"
    )]
    CoreModule,
    /// The bytes are not valid WebAssembly.
    #[error("this is not a valid WebAssembly component: {0}")]
    Invalid(String),
}

/// Why bytes did not become a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a component.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The component is larger than allowed.
    #[error("the component has {size} bytes, and {limit} are allowed")]
    Size {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The component needs something that no plugin gets.
    #[error("the plugin imports `{import}`, which Lockstep gives to no plugin: {advice}")]
    Import {
        /// The import's full name.
        import: String,
        /// What its author should do.
        advice: &'static str,
    },
    /// The component was built against another contract.
    #[error(
        "the plugin was built for contract {wanted} (`{interface}`), and this Lockstep has contract {offered}: use {advice}"
    )]
    Contract {
        /// The import or export that says so.
        interface: String,
        /// The contract's version that it needs.
        wanted: String,
        /// The contract's version here.
        offered: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The component calls a function that this contract does not have yet.
    #[error(
        "the plugin imports `{function}` of `{interface}`, which contract {offered} does not have: use a newer Lockstep"
    )]
    Function {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// The contract's version here.
        offered: &'static str,
    },
    /// The component does not export what a plugin must.
    #[error("the component is not a plugin: it does not export {missing}")]
    Export {
        /// What is missing.
        missing: String,
    },
    /// The component could not be compiled.
    #[error("could not compile the plugin: {0}")]
    Compile(String),
    /// A function that the component uses has other types than the contract.
    #[error("the plugin does not fit contract {offered}: {message}")]
    Types {
        /// The contract's version here.
        offered: &'static str,
        /// Which function, and how it differs.
        message: String,
    },
}
