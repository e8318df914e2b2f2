//! What the contract's WIT becomes in Rust. Nothing of it is public.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "upgrader",
    imports: { default: async | trappable },
    exports: { default: async },
});
