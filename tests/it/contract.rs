//! The contract parses, and every item of it is documented.

use wit_parser::{Resolve, TypeDefKind};

use crate::stage::root;

#[test]
fn every_item_of_the_contract_is_documented() {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    let mut missing = Vec::new();
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.clone().unwrap_or_default();
        if interface.docs.is_empty() {
            missing.push(name.clone());
        }
        for (function, item) in &interface.functions {
            if item.docs.is_empty() {
                missing.push(format!("{name}.{function}"));
            }
        }
        for (kind, id) in &interface.types {
            let item = &resolve.types[*id];
            let used = matches!(item.kind, TypeDefKind::Type(wit_parser::Type::Id(_)));
            if item.docs.is_empty() && !used {
                missing.push(format!("{name}.{kind}"));
            }
        }
    }
    assert!(missing.is_empty(), "without documentation: {}", missing.join(", "));
}
