//! The plugin's logic against a stack that answers from memory.

mod declared;
mod found;
mod guide;
mod plans;
mod stack;
mod steps;
