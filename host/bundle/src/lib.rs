//! The bundled plugins as bytes, and what others are written with.
//!
//! `build.rs` builds every folder of `plugins/` and embeds the components. Their bytes depend on the sources and the
//! compiler alone, not on where or by whom they were built, because lock files pin plugins by digest.

pub mod recipe;

/// One plugin that comes with Lockstep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Its name, which is its folder's in `plugins/`.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// One file that the author of a plugin is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path in Lockstep's own sources.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
include!(concat!(env!("OUT_DIR"), "/sources.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_every_plugin_is_a_component() {
        assert!(bundled().is_sorted_by_key(|plugin| plugin.name));
        for plugin in bundled() {
            assert!(plugin.bytes.starts_with(b"\0asm\x0d\0\x01\0"), "{}", plugin.name);
        }
    }

    #[test]
    fn no_path_of_the_machine_that_built_them_is_in_the_bytes() {
        let checkout = env!("CARGO_MANIFEST_DIR").trim_end_matches("/host/bundle");
        for plugin in bundled() {
            for path in [checkout, "/.cargo/", "/.rustup/"] {
                let found =
                    plugin.bytes.windows(path.len()).any(|window| window == path.as_bytes());
                assert!(!found, "{} holds {path}", plugin.name);
            }
        }
    }
}
