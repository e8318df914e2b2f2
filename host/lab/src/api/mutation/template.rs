//! Templates.

use serde_json::{Value, json};

use super::super::answer::{Answered, Arguments, flag, input, leaf, required, text};
use super::super::refusal::Refusal;
use crate::state::{State, Work};
use crate::template::{Task, Template, Unfit, Wanted, When};

/// Starts the workflow that deploys a template into the lab's one environment, or makes one of its services a cluster.
pub(super) fn deploy(state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let root = text(input, "existingRootServiceId").map(str::to_owned);
    if root.is_none() && flag(input, "stageOnly") {
        return Err(Refusal::NotServed(
            "`TemplateDeployV2Input.stageOnly` without `existingRootServiceId`".to_owned(),
        ));
    }
    if let Some(root) = root.as_deref().filter(|root| state.service(root).is_none()) {
        return Err(Refusal::BadInput(format!("existingRootServiceId: no service is `{root}`")));
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
    let wanted = Wanted::read(config).map_err(|unfit| match unfit {
        Unfit::Wrong(reason) => Refusal::BadInput(reason),
        Unfit::NotServed(what) => Refusal::NotServed(what),
    })?;
    let when = when(input);
    let task = match root {
        Some(root) => Task::Convert { root, wanted, when },
        None => Task::Deploy(wanted),
    };
    begin(state, task)
}

/// Starts the workflow that makes the root of a cluster a service of its own again.
pub(super) fn revert(state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    if text(input, "groupId").is_some() {
        return Err(Refusal::NotServed("`TemplateRevertInput.groupId`".to_owned()));
    }
    Template::of_code(required(input, "templateCode")?).ok_or(Refusal::NotFound("Template"))?;
    let root = required(input, "rootServiceId")?.to_owned();
    state.service(&root).ok_or(Refusal::NotFound("Service"))?;
    begin(state, Task::Revert { root, when: when(input) })
}

fn begin(state: &mut State, task: Task) -> Answered {
    let workflow = state.id();
    state.work.push(Work::Template { workflow: workflow.clone(), task });
    leaf(json!({ "projectId": state.project_id, "workflowId": workflow }))
}

fn when(input: &Arguments) -> When {
    if flag(input, "stageOnly") { When::Committed } else { When::Now }
}
