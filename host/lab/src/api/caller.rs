//! Who sends a request, and what it may do.

use axum::http::HeaderMap;

use super::refusal::Refusal;
use crate::state::{Header, Rights, State, Token};

/// The token that a request came with.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) token: Token,
}

impl Caller {
    /// Finds the token of a request; a project token counts in its own header only, and so does a bearer.
    pub(crate) fn of(headers: &HeaderMap, state: &State) -> Result<Self, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let project = text("project-access-token").map(|value| (Header::ProjectAccessToken, value));
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let (header, value) = project
            .or_else(|| bearer.map(|value| (Header::Bearer, value)))
            .ok_or(Refusal::NotAuthorized)?;
        let token =
            state.tokens.iter().find(|token| token.header == header && token.value == value);
        token.cloned().map(|token| Self { token }).ok_or(Refusal::NotAuthorized)
    }

    pub(crate) fn may_change(&self) -> Result<(), Refusal> {
        match self.token.rights {
            Rights::Full => Ok(()),
            Rights::ReadOnly => Err(Refusal::NotAuthorized),
        }
    }

    /// Checks an id of the lab's one project.
    pub(crate) fn project(&self, state: &State, id: &str) -> Result<(), Refusal> {
        self.owns(id == state.project_id, "Project")
    }

    /// Checks an id of the lab's one environment.
    pub(crate) fn environment(&self, state: &State, id: &str) -> Result<(), Refusal> {
        self.owns(id == state.environment_id, "Environment")
    }

    fn owns(&self, own: bool, what: &'static str) -> Result<(), Refusal> {
        match (own, self.token.header) {
            (true, _) => Ok(()),
            (false, Header::ProjectAccessToken) => Err(Refusal::NotAuthorized),
            (false, Header::Bearer) => Err(Refusal::NotFound(what)),
        }
    }
}
