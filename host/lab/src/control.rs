//! The lab's own controls: faults, other people's doings, status.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config;
use crate::deploy;
use crate::faults::Fault;
use crate::registry::Image;
use crate::state::{Mutation, Rights};
use crate::status::LabStatus;
use crate::strike;
use crate::twin::Twin;

/// One thing to do to a lab from outside Railway's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Control {
    /// Tell the status of every service.
    Status,
    /// Tell the mutations that were carried out.
    Mutations,
    /// Let something go wrong.
    Break {
        /// What.
        fault: Fault,
    },
    /// End all faults.
    Mend,
    /// Make a tag stand for another build; a new tag is published, which needs a version.
    MoveTag {
        /// `repository:tag`.
        image: String,
        /// The version that the new build holds; nothing means the same version, built again.
        version: Option<String>,
    },
    /// Take a tag, or one build by its digest, out of the registry.
    Vanish {
        /// `repository:tag` or `repository@digest`.
        image: String,
    },
    /// Stage a change as somebody else would in the dashboard.
    StageChange {
        /// An `EnvironmentConfig` patch.
        patch: Value,
    },
    /// Deploy a service as somebody else would in the dashboard.
    DeployService {
        /// The service's name.
        service: String,
    },
    /// Make a project token.
    Token {
        /// What it may do.
        rights: Rights,
    },
    /// Stop everything.
    Down,
}

/// Why a control was refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The lab has no such service.
    #[error("the lab has no service `{0}` with something to deploy")]
    NoService(String),
    /// The lab has no service of this name.
    #[error("the lab has no service `{0}`")]
    NoSuchService(String),
    /// The registry has no such image.
    #[error("the lab's registry has no `{0}`")]
    NoImage(String),
    /// The patch can't be applied.
    #[error("could not stage the change: {0}")]
    Patch(String),
}

/// Carries out `control` and returns what it tells.
pub(crate) fn carry_out(twin: &Arc<Twin>, control: Control) -> Result<Value, ControlError> {
    let now = twin.clock.stamp();
    match control {
        Control::Status => Ok(json!(status(twin))),
        Control::Mutations => Ok(json!(mutations(twin))),
        Control::Break { fault } => {
            if let Some(service) = unknown_service(twin, &fault) {
                return Err(ControlError::NoSuchService(service));
            }
            twin.faults(|faults| faults.add(fault));
            strike::strike(twin);
            Ok(Value::Null)
        }
        Control::Mend => {
            strike::mend(twin);
            Ok(Value::Null)
        }
        Control::MoveTag { image, version } => {
            let moved = twin
                .registry(|registry| registry.move_tag(&Image::parse(&image), version.as_deref()));
            moved.map(|digest| json!({ "digest": digest })).ok_or(ControlError::NoImage(image))
        }
        Control::Vanish { image } => {
            let gone = twin.registry(|registry| registry.vanish(&Image::parse(&image)));
            if gone { Ok(Value::Null) } else { Err(ControlError::NoImage(image)) }
        }
        Control::StageChange { patch } => twin.write(|state| {
            config::apply(state, &patch, now).map_err(ControlError::Patch)?;
            let id = state.id();
            crate::volume::stage(state, &patch, id, now);
            Ok(Value::Null)
        }),
        Control::DeployService { service } => twin.write(|state| {
            let id = state.named(&service).map(|found| found.id.clone());
            let made = id.and_then(|id| deploy::deploy(state, &id, now));
            made.map(|id| json!({ "deployment": id })).ok_or(ControlError::NoService(service))
        }),
        Control::Token { rights } => Ok(json!({ "token": twin.token(rights, now) })),
        Control::Down => {
            twin.down.send_replace(true);
            Ok(Value::Null)
        }
    }
}

/// Returns the service that a fault names and the lab does not have.
fn unknown_service(twin: &Arc<Twin>, fault: &Fault) -> Option<String> {
    let service = match fault {
        // Who does not reach a service may be one that comes later.
        Fault::Frozen { service }
        | Fault::Killed { service }
        | Fault::Unreachable { service, from: _ } => service,
        Fault::After { then, .. } => return unknown_service(twin, then),
        Fault::Unhealthy { .. }
        | Fault::Unauthorized { .. }
        | Fault::TooManyRequests { .. }
        | Fault::GatewayTimeout { .. }
        | Fault::DropReply { .. }
        | Fault::Slow { .. }
        | Fault::DropsForeign
        | Fault::LangfuseMigration { .. }
        | Fault::Down => return None,
    };
    twin.read(|state| state.named(service).is_none()).then(|| service.clone())
}

pub(crate) fn status(twin: &Arc<Twin>) -> LabStatus {
    let faults = twin.faults(|faults| faults.all().to_vec());
    twin.read(|state| LabStatus::of(state, &faults))
}

pub(crate) fn mutations(twin: &Arc<Twin>) -> Vec<Mutation> {
    twin.read(|state| state.mutations.clone())
}

/// Returns the route of the controls.
pub(crate) fn routes() -> Router<Arc<Twin>> {
    Router::new().route("/lab/control", post(control))
}

async fn control(State(twin): State<Arc<Twin>>, headers: HeaderMap, body: Bytes) -> Response {
    let token =
        headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let refused = |status: StatusCode, error: String| {
        (status, Json(json!({ "error": error }))).into_response()
    };
    if token != Some(twin.control_token.as_str()) {
        return refused(
            StatusCode::UNAUTHORIZED,
            "the control token is wrong or missing".to_owned(),
        );
    }
    match serde_json::from_slice::<Control>(&body) {
        Err(error) => {
            refused(StatusCode::BAD_REQUEST, format!("could not read the control: {error}"))
        }
        Ok(control) => match carry_out(&twin, control) {
            Ok(told) => Json(json!({ "ok": told })).into_response(),
            Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        },
    }
}
