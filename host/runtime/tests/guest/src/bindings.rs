//! The contract.

wit_bindgen::generate!({
    path: "../../../../wit",
    world: "upgrader",
});
