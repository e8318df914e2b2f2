//! Project tokens.

use super::super::answer::{Answered, Arguments, input, leaf, required};
use super::super::object::World;
use super::super::refusal::Refusal;
use crate::identity;
use crate::state::{Header, Rights, State, Token};

/// Makes a project token with all rights; its value is shown this once.
pub(super) fn create(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let name = required(input(arguments)?, "name")?.to_owned();
    let id = state.id();
    let value = identity::uuid(state.seed, &format!("token {id}"));
    state.tokens.push(Token {
        id,
        name,
        value: value.clone(),
        header: Header::ProjectAccessToken,
        rights: Rights::Full,
        created_at: world.now,
    });
    leaf(value)
}

pub(super) fn delete(state: &mut State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "id")?;
    if !state.tokens.iter().any(|token| token.id == id) {
        return Err(Refusal::NotFound("ProjectToken"));
    }
    state.tokens.retain(|token| token.id != id);
    leaf(true)
}
