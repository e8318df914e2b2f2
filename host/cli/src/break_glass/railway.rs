//! What a person sends to Railway instead of the host: the same documents, with the same variables.

use lockstep_drivers::{documents, keeper, settings_input};
use lockstep_engine::model::{
    Assignment, Authority, DeploySource, Kind, Label, Piece, RunId, ServiceRef,
};
use serde_json::{Map, Value, json};

use super::shell::{json as line, word};

/// What the commands of one run are about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commands<'a> {
    pub(super) authority: &'a Authority,
    pub(super) run: &'a RunId,
}

impl Commands<'_> {
    /// Returns the commands for an effect on Railway; none for any other.
    pub(super) fn of(&self, kind: &Kind) -> Option<String> {
        let environment = &self.authority.environment.environment_id;
        let project = &self.authority.environment.project_id;
        Some(match kind {
            Kind::SetImage { service, image } => {
                self.update(service, &json!({ "source": { "image": image } }))
            }
            Kind::SetSettings { service, settings } => self.settings(service, settings),
            Kind::SetMount { service, mount } => {
                let input = json!({ "mountPath": mount, "serviceId": self.id(service) });
                let variables =
                    json!({ "volume": "@VOLUME@", "environment": environment, "input": input });
                self.volume(service) + &request("LockstepUpdateVolume", &variables)
            }
            Kind::SetVariables { service, assignments } => self.assign(service, assignments),
            Kind::GenerateVariable { service, name, .. } => {
                let values = Map::from_iter([(name.clone(), json!("@SECRET@"))]);
                "SECRET=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \\n')\n".to_owned()
                    + &self.upsert(service, &values)
            }
            Kind::DeleteVariables { service, names } => {
                let nulls: Map<String, Value> =
                    names.iter().map(|name| (name.clone(), Value::Null)).collect();
                self.patch(service, &json!({ "variables": nulls }))
            }
            Kind::ForgetVariables { service, names } => {
                let kept = names.iter().map(|name| (self.keeper(name), Value::Null));
                self.patch(service, &json!({ "variables": kept.collect::<Map<_, _>>() }))
            }
            Kind::RestoreVariables { service, names } => {
                names.iter().map(|name| self.put_back(service, name)).collect()
            }
            Kind::Deploy { service, source: DeploySource::SameImage } => {
                self.each_deployment(service, "LockstepRedeploy")
            }
            Kind::Deploy { service, source: DeploySource::Configured } => {
                self.deploy(service, None)
            }
            Kind::Deploy { service, source: DeploySource::Commit(commit) } => {
                self.deploy(service, Some(commit))
            }
            Kind::Restart { service } => self.each_deployment(service, "LockstepRestart"),
            Kind::Stop { service } => {
                self.each_deployment(service, "LockstepRemove") + &self.wait_until_stopped(service)
            }
            Kind::CreateService { name, image, assignments, .. } => {
                self.create(name, assignments, &json!({ "image": image }))
            }
            Kind::CreateBuiltService { name, repository, assignments, .. } => {
                self.create(name, assignments, &json!({ "repo": repository }))
            }
            Kind::DeleteService { service } => {
                let variables = json!({ "id": self.id(service), "environment": environment });
                self.find(service) + &request("LockstepDeleteService", &variables)
            }
            Kind::CreateVolume { service, mount } => {
                let input = json!({
                    "projectId": project, "environmentId": environment, "serviceId": self.id(service),
                    "mountPath": mount,
                });
                self.find(service) + &request("LockstepCreateVolume", &json!({ "input": input }))
            }
            Kind::DeleteVolume { service } => {
                self.volume(service)
                    + &request("LockstepDeleteVolume", &json!({ "volume": "@VOLUME@" }))
            }
            Kind::BackupVolume { service } => {
                let name = format!("by-hand-{}", self.run);
                let variables = json!({ "volume": "@VOLUME@", "name": name });
                self.volume_instance(service) + &workflow("LockstepCreateBackup", &variables)
            }
            Kind::LockBackup { backup_of } => self.backup(backup_of) + &given("LockstepLockBackup"),
            Kind::DeleteBackup { backup_of } => {
                self.backup(backup_of) + &given("LockstepDeleteBackup")
            }
            Kind::RestoreVolume { backup_of, .. } => {
                let variables = json!({ "volume": "@VOLUME@", "backup": "@BACKUP@" });
                self.backup(backup_of) + &workflow("LockstepRestoreBackup", &variables)
            }
            Kind::StageConversion { root, .. } => self.stage_conversion(root),
            Kind::StageRevert { converted_by } => self.stage_revert(converted_by),
            Kind::CommitStaged { .. } => self.look_at_staged() + &self.commit(),
            Kind::DiscardStaged { .. } => {
                self.look_at_staged()
                    + &request("LockstepStage", &json!({ "environment": environment, "input": {} }))
            }
            Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. } => return None,
        })
    }

    /// Returns the id of a service, or what stands for it where only Railway knows it.
    pub(super) fn id(&self, service: &ServiceRef) -> String {
        match service {
            ServiceRef::Named(name) => self.authority.pins.get(name).map(|pin| &pin.service_id),
            ServiceRef::Made(_) => None,
        }
        .cloned()
        .unwrap_or_else(|| "@SERVICE@".to_owned())
    }

    /// Finds the id of a service that the plan can't know, because the run makes it.
    pub(super) fn find(&self, service: &ServiceRef) -> String {
        if self.id(service) != "@SERVICE@" {
            return String::new();
        }
        let name = match service {
            ServiceRef::Named(name) => name,
            ServiceRef::Made(alias) => self.made(alias).unwrap_or(alias),
        };
        let environment = &self.authority.environment.environment_id;
        let query = "query($environment: String!) { environment(id: $environment) { \
            serviceInstances(first: 100) { edges { node { serviceId serviceName } } } } }";
        let body = json!({ "query": query, "variables": { "environment": environment } });
        let line_of = format!("\"serviceName\":{}", json!(name));
        format!(
            "SERVICE=$(railway_api <<'JSON' | objects | grep -F {} | field serviceId\n{}\nJSON\n)\n",
            word(&line_of),
            line(&body)
        )
    }

    fn made(&self, wanted: &str) -> Option<&str> {
        let brought = self.authority.effects.values().flat_map(|effect| effect.kind.brings());
        brought.into_iter().find(|made| made.alias == wanted).map(|made| made.name)
    }

    /// Finds the volume of a service.
    fn volume(&self, service: &ServiceRef) -> String {
        self.volume_field(service, "volumeId")
    }

    /// Finds the volume instance of a service.
    fn volume_instance(&self, service: &ServiceRef) -> String {
        self.volume_field(service, "id")
    }

    fn volume_field(&self, service: &ServiceRef, wanted: &str) -> String {
        let environment = &self.authority.environment.environment_id;
        let query = "query($environment: String!) { environment(id: $environment) { \
            volumeInstances(first: 100) { edges { node { id volumeId serviceId } } } } }";
        let body = json!({ "query": query, "variables": { "environment": environment } });
        let id = match self.id(service).as_str() {
            "@SERVICE@" => "$SERVICE".to_owned(),
            known => known.to_owned(),
        };
        format!(
            "{}VOLUME=$(railway_api <<'JSON' | objects | grep -F \"\\\"serviceId\\\":\\\"{id}\\\"\" | field {wanted}\n{}\nJSON\n)\n",
            self.find(service),
            line(&body)
        )
    }

    /// Finds a backup that the run made, and the volume instance that it is of.
    fn backup(&self, backup_of: &Label) -> String {
        let made = self.authority.effects.get(backup_of).map(|effect| &effect.kind);
        let service = made.and_then(Kind::service);
        let pinned = service.and_then(|service| match service {
            ServiceRef::Named(name) => self.authority.pins.get(name)?.volume_instance_id.as_deref(),
            ServiceRef::Made(_) => None,
        });
        let volume = match (pinned, service) {
            (Some(id), _) => format!("VOLUME={}\n", word(id)),
            (None, Some(service)) => self.volume_instance(service),
            (None, None) => String::new(),
        };
        let name = format!("\"name\":\"lockstep-{}-{backup_of}\"", self.run);
        let body = body("LockstepBackups", &json!({ "volume": "@VOLUME@" }));
        format!(
            "{volume}BACKUP=$(railway_api <<'JSON' | objects | grep -F {} | field id | head -n 1\n{body}\nJSON\n)\necho \"backup: ${{BACKUP:?it is not there: look at the list of backups}}\"\n",
            word(&name)
        )
    }

    fn update(&self, service: &ServiceRef, input: &Value) -> String {
        let environment = &self.authority.environment.environment_id;
        let variables =
            json!({ "service": self.id(service), "environment": environment, "input": input });
        self.find(service) + &request("LockstepUpdateInstance", &variables)
    }

    fn settings(&self, service: &ServiceRef, settings: &[(String, String)]) -> String {
        let mut commands = match settings_input(settings) {
            Ok(input) if input.is_empty() => String::new(),
            Ok(input) => self.update(service, &Value::Object(input)),
            Err(failure) => format!("# {}\n", word(&failure.to_string())),
        };
        if let Some((_, value)) = settings.iter().find(|(name, _)| name == "auto-updates") {
            let kind = if value.is_empty() { "disabled" } else { value };
            commands +=
                &self.patch(service, &json!({ "source": { "autoUpdates": { "type": kind } } }));
        }
        commands
    }

    fn create(&self, name: &str, assignments: &[Assignment], source: &Value) -> String {
        let environment = &self.authority.environment;
        let input = json!({
            "projectId": environment.project_id, "environmentId": environment.environment_id, "name": name,
            "variables": values(assignments),
        });
        let made = ServiceRef::Named(name.to_owned());
        request("LockstepCreateService", &json!({ "input": input }))
            + &self.update(&made, &json!({ "source": source }))
    }

    fn assign(&self, service: &ServiceRef, assignments: &[Assignment]) -> String {
        let values = values(assignments);
        let secret = if values.values().any(|value| value.to_string().contains("@SECRET@")) {
            "# Where the plan has a secret, it is asked for here.\nread -rs SECRET\n"
        } else {
            ""
        };
        secret.to_owned() + &self.upsert(service, &values)
    }

    fn upsert(&self, service: &ServiceRef, values: &Map<String, Value>) -> String {
        let environment = &self.authority.environment;
        let input = json!({
            "projectId": environment.project_id, "environmentId": environment.environment_id,
            "serviceId": self.id(service), "variables": values, "replace": false, "skipDeploys": true,
        });
        self.find(service) + &request("LockstepSetVariables", &json!({ "input": input }))
    }

    /// Puts back what the host kept beside the variable, under another name.
    /// Returns the variable in which the run keeps what stood in `name`.
    fn keeper(&self, name: &str) -> String {
        keeper(self.run.as_str(), name)
    }

    fn put_back(&self, service: &ServiceRef, name: &str) -> String {
        let environment = &self.authority.environment;
        let variables = json!({
            "project": environment.project_id, "environment": environment.environment_id,
            "service": self.id(service), "unrendered": true,
        });
        let kept = format!("\"{}\":\"\\(\\\\.\\|[^\"\\\\]\\)*\"", self.keeper(name));
        let body = body("LockstepVariables", &variables);
        let values = Map::from_iter([(name.to_owned(), json!("@SECRET@"))]);
        format!(
            "{}SECRET=$(railway_api <<'JSON' | grep -o {} | sed 's/^[^:]*:\"//; s/\"$//'\n{body}\nJSON\n)\n: \"${{SECRET:?nothing is kept}}\"\n{}",
            self.find(service),
            word(&kept),
            self.upsert(service, &values)
        )
    }

    /// Stages a change of one service and commits it without a deploy.
    fn patch(&self, service: &ServiceRef, change: &Value) -> String {
        let environment = &self.authority.environment.environment_id;
        let services = Map::from_iter([(self.id(service), change.clone())]);
        let variables = json!({ "environment": environment, "input": { "services": services } });
        self.find(service)
            + &self.look_at_staged()
            + &request("LockstepStage", &variables)
            + &self.commit()
    }

    fn commit(&self) -> String {
        let environment = &self.authority.environment.environment_id;
        let message = format!("by hand, for lockstep run {}", self.run);
        request("LockstepCommit", &json!({ "environment": environment, "message": message }))
    }

    fn deploy(&self, service: &ServiceRef, commit: Option<&String>) -> String {
        let environment = &self.authority.environment.environment_id;
        let variables =
            json!({ "service": self.id(service), "environment": environment, "commit": commit });
        let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
        self.find(service)
            + &request("LockstepDeploy", &variables)
            + "# It is up when the newest deployment, with the image that was set, says SUCCESS:\n"
            + &self.look_at_deployments(name)
    }

    /// Waits until nothing of a service runs: no other deployment may come before.
    fn wait_until_stopped(&self, service: &ServiceRef) -> String {
        format!(
            "while railway_api <<'JSON' | grep -q '\"status\":'\n{}\nJSON\ndo sleep 2; done\n",
            self.active(service)
        )
    }

    /// Returns the body of the request for the deployments of a service that are active.
    fn active(&self, service: &ServiceRef) -> String {
        let environment = &self.authority.environment.environment_id;
        let query = "query($environment: String!, $service: String!) { \
            serviceInstance(environmentId: $environment, serviceId: $service) { activeDeployments { id status } } }";
        let variables = json!({ "environment": environment, "service": self.id(service) });
        line(&json!({ "query": query, "variables": variables }))
    }

    /// Does something to every deployment of a service that is active.
    fn each_deployment(&self, service: &ServiceRef, operation: &str) -> String {
        let active = self.active(service);
        let body = body(operation, &json!({ "id": "@DEPLOYMENT@" }));
        format!(
            "{}for DEPLOYMENT in $(railway_api <<'JSON' | field id\n{active}\nJSON\n); do railway_api <<'JSON'\n{body}\nJSON\ndone\n",
            self.find(service)
        )
    }
}

fn given(operation: &str) -> String {
    request(operation, &json!({ "volume": "@VOLUME@", "backup": "@BACKUP@" }))
}

pub(super) fn workflow(operation: &str, variables: &Value) -> String {
    format!(
        "WORKFLOW=$(railway_api <<'JSON' | field workflowId\n{}\nJSON\n)\nwait_for_workflow\n",
        body(operation, variables)
    )
}

pub(super) fn request(operation: &str, variables: &Value) -> String {
    format!("railway_api <<'JSON'\n{}\nJSON\n", body(operation, variables))
}

pub(super) fn piped(operation: &str, variables: &Value, into: &str) -> String {
    format!("railway_api <<'JSON' | {into}\n{}\nJSON\n", body(operation, variables))
}

/// Returns the body of a request with one of the documents that the host itself sends.
fn body(operation: &str, variables: &Value) -> String {
    let document = documents().into_iter().find(|(name, _)| *name == operation);
    // What is shown on a screen holds no secret.
    let text = document.map_or_else(String::new, |(_, text)| {
        text.replace("decryptVariables: true", "decryptVariables: false")
    });
    line(&json!({ "query": text, "variables": variables }))
}

/// Returns what variables are set to, with a gap for each secret.
fn values(assignments: &[Assignment]) -> Map<String, Value> {
    let text = |value: &[Piece]| -> String {
        value
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Secret(_) | Piece::Conninfo(_) | Piece::Argument(_) => "@SECRET@".to_owned(),
                Piece::Reference(ServiceRef::Named(service) | ServiceRef::Made(service), name) => {
                    format!("${{{{{service}.{name}}}}}")
                }
            })
            .collect()
    };
    assignments.iter().map(|one| (one.name.clone(), json!(text(&one.value)))).collect()
}
