//! The macros that a plugin's crate calls.

/// Exports a type that implements [`Guest`](crate::Guest) as the plugin.
///
/// It expands to nothing outside WebAssembly, where a component's exports do not link, so that native tests of the
/// plugin's logic build.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        $crate::bindings::export_upgrader!($plugin with_types_in $crate::bindings);
    };
}

/// Makes the words of a Redis command, each of literal text.
///
/// ```
/// use lockstep_sdk::{Piece, words};
///
/// let words = words!["BGSAVE", "SCHEDULE"];
/// assert_eq!(words[1], [Piece::Text("SCHEDULE".to_owned())]);
/// ```
#[macro_export]
macro_rules! words {
    ($($word:expr),* $(,)?) => {
        [$(::std::vec![$crate::Piece::Text(::std::string::String::from($word))]),*]
    };
}
