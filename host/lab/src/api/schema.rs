//! Railway's schema, parsed once for each lab.

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;

/// The schema as SDL.
const SDL: &str = include_str!("railway.graphql");

/// Parses Railway's schema.
///
/// It is taken as it is: Railway serves it although strict rules find fault with it (an interface's
/// field is not deprecated where a type's is).
pub(crate) fn schema() -> Result<Valid<Schema>, String> {
    match Schema::parse(SDL, "railway.graphql") {
        Ok(schema) => Ok(Valid::assume_valid(schema)),
        Err(broken) => Err(broken.errors.to_string()),
    }
}
