//! Templates.

use serde_json::{Value, json};

use super::super::answer::{Answered, Arguments, flag, input, leaf, required, text};
use super::super::refusal::Refusal;
use crate::state::{State, Work};
use crate::template::{Template, Unfit, Wanted};

/// Starts the workflow that deploys a template into the lab's one environment.
pub(super) fn deploy(state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    if text(input, "existingRootServiceId").is_some() {
        return Err(unserved("existingRootServiceId"));
    }
    if flag(input, "stageOnly") {
        return Err(unserved("stageOnly"));
    }
    // Without these Railway makes a project or an environment, and the lab has one of each.
    for name in ["projectId", "environmentId"] {
        if text(input, name).is_none() {
            return Err(Refusal::NotServed(format!("`TemplateDeployV2Input` without `{name}`")));
        }
    }
    if text(input, "workspaceId").is_some_and(|id| id != state.workspace_id) {
        return Err(Refusal::NotAuthorized);
    }
    Template::of_id(required(input, "templateId")?).ok_or(Refusal::NotFound("Template"))?;
    let config = input.get("serializedConfig").unwrap_or(&Value::Null);
    let services = Wanted::read(config).map_err(|unfit| match unfit {
        Unfit::Wrong(reason) => Refusal::BadInput(reason),
        Unfit::NotServed(what) => Refusal::NotServed(what),
    })?;
    let workflow = state.id();
    state.work.push(Work::DeployTemplate { workflow: workflow.clone(), services });
    leaf(json!({ "projectId": state.project_id, "workflowId": workflow }))
}

fn unserved(field: &str) -> Refusal {
    Refusal::NotServed(format!("`TemplateDeployV2Input.{field}`"))
}
