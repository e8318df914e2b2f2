//! What the registry promises, against a real registry and against servers that lie.
