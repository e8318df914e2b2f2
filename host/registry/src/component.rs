//! What a component says of itself from the outside: the names of what it takes and gives.

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, Parser, Payload};

/// What a component takes and gives, as the configuration of an artifact states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interfaces {
    pub(crate) exports: Vec<String>,
    pub(crate) imports: Vec<String>,
    pub(crate) target: Option<String>,
}

impl Interfaces {
    /// Reads a component.
    ///
    /// # Errors
    /// The bytes are not a component, in words.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        let words = |error: wasmparser::BinaryReaderError| error.to_string();
        let mut found = Self { exports: Vec::new(), imports: Vec::new(), target: None };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(words)?;
            if let Payload::Version { encoding: Encoding::Module, .. } = payload
                && depth == 0
            {
                return Err("it is a core module".to_owned());
            } else if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } = payload
            {
                depth += 1;
            } else if let Payload::End(_) = payload {
                depth = depth.saturating_sub(1);
            } else if let Payload::ComponentImportSection(section) = &payload
                && depth == 0
            {
                for import in section.clone() {
                    found.imports.push(import.map_err(words)?.name.name.to_owned());
                }
            } else if let Payload::ComponentExportSection(section) = &payload
                && depth == 0
            {
                for export in section.clone() {
                    found.exports.push(export.map_err(words)?.name.name.to_owned());
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_from_one() {
        let empty = b"\0asm\x0d\0\x01\0";
        let none = Interfaces { exports: Vec::new(), imports: Vec::new(), target: None };
        assert_eq!(Interfaces::of(empty), Ok(none));
        assert_eq!(Interfaces::of(b"\0asm\x01\0\0\0"), Err("it is a core module".to_owned()));
        Interfaces::of(b"#!/bin/sh").unwrap_err();
        Interfaces::of(&empty[..6]).unwrap_err();
    }
}
