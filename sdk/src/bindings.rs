//! The contract as generated from `wit/`: every type, every function that a plugin may call, and the trait it implements.
#![expect(
    missing_docs,
    reason = "generated items carry the contract's own documentation, where it has any"
)]
#![expect(
    clippy::same_length_and_capacity,
    reason = "the generator's way of taking over a list from the host"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "upgrader",
    pub_export_macro: true,
    export_macro_name: "export_upgrader",
    default_bindings_module: "lockstep_sdk::bindings",
    additional_derives: [PartialEq],
});
