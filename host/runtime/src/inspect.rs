//! What a component says of itself before anything of it is compiled.

use lockstep_engine::model::Digest;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId,
};
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReaderError, ComponentExternalKind, ComponentTypeRef, Parser, Payload, Validator,
    WasmFeatures,
};

use crate::error::InspectError;

/// One interface that a component imports or exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its full name, such as `lockstep:plugin/redis@0.1.0`.
    pub name: String,
    /// The functions that the component really uses or offers.
    pub functions: Vec<String>,
}

/// What a component asks for and offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Everything that it imports, function by function.
    pub imports: Vec<Interface>,
    /// Everything that it exports.
    pub exports: Vec<Interface>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: usize,
}

impl Inspection {
    /// Returns the version of the contract that the component was built for; none where it exports nothing of it.
    pub fn contract(&self) -> Option<&str> {
        let is_own = |export: &&Interface| export.name.starts_with("lockstep:plugin/");
        self.exports.iter().find(is_own)?.name.split_once('@').map(|(_, version)| version)
    }
}

/// Reads what `wasm` imports and exports. Runs and compiles nothing of it.
///
/// # Errors
/// The bytes are a core module, or no valid WebAssembly.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, InspectError> {
    let invalid = |error: BinaryReaderError| InspectError::Invalid(error.to_string());
    if Parser::is_core_wasm(wasm) {
        return Err(InspectError::CoreModule);
    }
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut nested = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        validator.payload(&payload).map_err(invalid)?;
        if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
            nested += 1;
        } else if let Payload::End(_) = payload {
            nested = nested.saturating_sub(1);
        } else if nested > 0 {
            // Modules and components inside are the component's own affair.
        } else if let (Payload::ComponentImportSection(section), Some(types)) =
            (&payload, validator.types(0))
        {
            for import in section.clone() {
                let import = import.map_err(invalid)?;
                let functions = if let ComponentTypeRef::Instance(index) = import.ty
                    && let ComponentAnyTypeId::Instance(id) = types.component_any_type_at(index)
                {
                    functions(types, id)
                } else {
                    Vec::new()
                };
                imports.push(Interface { name: import.name.name.to_owned(), functions });
            }
        } else if let (Payload::ComponentExportSection(section), Some(types)) =
            (&payload, validator.types(0))
        {
            for export in section.clone() {
                let export = export.map_err(invalid)?;
                let functions = if export.kind == ComponentExternalKind::Instance {
                    functions(types, types.component_instance_at(export.index))
                } else {
                    Vec::new()
                };
                exports.push(Interface { name: export.name.name.to_owned(), functions });
            }
        }
    }
    Ok(Inspection { imports, exports, digest: Digest::of(wasm), size: wasm.len() })
}

fn functions(types: TypesRef<'_>, instance: ComponentInstanceTypeId) -> Vec<String> {
    let is_function = |item: &ComponentEntityType| matches!(item, ComponentEntityType::Func(_));
    let exports = types.get(instance).into_iter().flat_map(|instance| &instance.exports);
    exports.filter(|(_, item)| is_function(&item.ty)).map(|(name, _)| name.clone()).collect()
}
