//! The plugin against a scripted stack.
