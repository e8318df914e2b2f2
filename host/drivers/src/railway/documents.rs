//! Every GraphQL document that Lockstep sends, one operation each.

/// One operation and how its answer's field is named.
pub(super) struct Document {
    /// The operation's name.
    pub(super) name: &'static str,
    /// The document.
    pub(super) text: &'static str,
    /// The field of `data` that answers.
    pub(super) field: &'static str,
}

macro_rules! deployment {
    () => {
        "{ id status statusUpdatedAt createdAt deploymentStopped canRollback serviceId meta instances { id status } }"
    };
}

macro_rules! documents {
    ($($constant:ident = $name:literal, $field:literal: $($text:expr),+;)+) => {
        $(pub(super) const $constant: Document = Document { name: $name, field: $field, text: concat!($($text),+) };)+

        /// Returns every document by the name of its operation, for checking them against Railway's schema.
        pub fn documents() -> Vec<(&'static str, &'static str)> {
            vec![$(($constant.name, $constant.text)),+]
        }
    };
}

documents! {
    ESTATE = "LockstepEstate", "environment":
        "query LockstepEstate($environment: String!, $project: String, $services: String, $volumes: String) { ",
        "environment(id: $environment, projectId: $project) { id ",
        "serviceInstances(first: 100, after: $services) { pageInfo { hasNextPage endCursor } edges { node { ",
        "id serviceId serviceName source { image repo } startCommand healthcheckPath healthcheckTimeout ",
        "restartPolicyType restartPolicyMaxRetries numReplicas overlapSeconds drainingSeconds rootDirectory ",
        "latestDeployment ", deployment!(), " activeDeployments ", deployment!(), " } } } ",
        "volumeInstances(first: 100, after: $volumes) { pageInfo { hasNextPage endCursor } edges { node { ",
        "id volumeId serviceId mountPath sizeMB currentSizeMB state isPendingDeletion deletedAt volume { name } ",
        "} } } } }";
    CONFIG = "LockstepConfig", "environment":
        "query LockstepConfig($environment: String!) { ",
        "environment(id: $environment) { config(decryptVariables: false) } }";
    SEALED = "LockstepSealed", "environment":
        "query LockstepSealed($environment: String!, $after: String) { environment(id: $environment) { ",
        "variables(first: 500, after: $after) { pageInfo { hasNextPage endCursor } ",
        "edges { node { name isSealed serviceId } } } } }";
    VARIABLES = "LockstepVariables", "variables":
        "query LockstepVariables($project: String!, $environment: String!, $service: String, $unrendered: Boolean) { ",
        "variables(projectId: $project, environmentId: $environment, serviceId: $service, unrendered: $unrendered) }";
    DEPLOYMENTS = "LockstepDeployments", "deployments":
        "query LockstepDeployments($input: DeploymentListInput!, $first: Int) { ",
        "deployments(input: $input, first: $first) { edges { node ", deployment!(), " } } }";
    DEPLOYMENT = "LockstepDeployment", "deployment":
        "query LockstepDeployment($id: String!) { deployment(id: $id) ", deployment!(), " }";
    EVENTS = "LockstepEvents", "deploymentEvents":
        "query LockstepEvents($id: String!) { deploymentEvents(id: $id, first: 50) { edges { node { ",
        "step createdAt payload { error reason detail } } } } }";
    LOGS = "LockstepLogs", "deploymentLogs":
        "query LockstepLogs($deployment: String!, $filter: String, $limit: Int, $since: DateTime) { ",
        "deploymentLogs(deploymentId: $deployment, filter: $filter, limit: $limit, startDate: $since) { ",
        "timestamp severity message } }";
    TRAFFIC = "LockstepTraffic", "httpLogs":
        "query LockstepTraffic($deployment: String!, $until: String, $limit: Int) { ",
        "httpLogs(deploymentId: $deployment, anchorDate: $until, beforeLimit: $limit, limit: $limit) { ",
        "timestamp httpStatus } }";
    BACKUPS = "LockstepBackups", "volumeInstanceBackupList":
        "query LockstepBackups($volume: String!) { volumeInstanceBackupList(volumeInstanceId: $volume) { ",
        "id name createdAt expiresAt usedMB } }";
    WORKFLOW = "LockstepWorkflow", "workflowStatus":
        "query LockstepWorkflow($id: String!) { workflowStatus(workflowId: $id) { status error } }";
    STAGED = "LockstepStaged", "environmentStagedChanges":
        "query LockstepStaged($environment: String!) { ",
        "environmentStagedChanges(environmentId: $environment) { id patch(decryptVariables: true) } }";
    PATCHES = "LockstepPatches", "environmentPatches":
        "query LockstepPatches($environment: String!) { environmentPatches(environmentId: $environment, first: 20) { ",
        "edges { node { id status message } } } }";
    TEMPLATE = "LockstepTemplate", "template":
        "query LockstepTemplate($code: String!) { template(code: $code) { id code serializedConfig } }";
    STAGE_CONVERSION = "LockstepStageConversion", "templateDeployV2":
        "mutation LockstepStageConversion($input: TemplateDeployV2Input!) { ",
        "templateDeployV2(input: $input) { workflowId } }";
    STAGE_REVERT = "LockstepStageRevert", "templateRevert":
        "mutation LockstepStageRevert($input: TemplateRevertInput!) { templateRevert(input: $input) { workflowId } }";
    PROXIES = "LockstepProxies", "tcpProxies":
        "query LockstepProxies($environment: String!, $service: String!) { ",
        "tcpProxies(environmentId: $environment, serviceId: $service) { domain proxyPort applicationPort deletedAt } }";
    SET_VARIABLES = "LockstepSetVariables", "variableCollectionUpsert":
        "mutation LockstepSetVariables($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }";
    SET_SHARED = "LockstepSetShared", "variableUpsert":
        "mutation LockstepSetShared($input: VariableUpsertInput!) { variableUpsert(input: $input) }";
    UPDATE_INSTANCE = "LockstepUpdateInstance", "serviceInstanceUpdate":
        "mutation LockstepUpdateInstance($service: String!, $environment: String!, $input: ServiceInstanceUpdateInput!) { ",
        "serviceInstanceUpdate(serviceId: $service, environmentId: $environment, input: $input) }";
    DEPLOY = "LockstepDeploy", "serviceInstanceDeployV2":
        "mutation LockstepDeploy($service: String!, $environment: String!, $commit: String) { ",
        "serviceInstanceDeployV2(serviceId: $service, environmentId: $environment, commitSha: $commit) }";
    REDEPLOY = "LockstepRedeploy", "deploymentRedeploy":
        "mutation LockstepRedeploy($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id } }";
    RESTART = "LockstepRestart", "deploymentRestart":
        "mutation LockstepRestart($id: String!) { deploymentRestart(id: $id) }";
    REMOVE = "LockstepRemove", "deploymentRemove":
        "mutation LockstepRemove($id: String!) { deploymentRemove(id: $id) }";
    CREATE_SERVICE = "LockstepCreateService", "serviceCreate":
        "mutation LockstepCreateService($input: ServiceCreateInput!) { serviceCreate(input: $input) { id name } }";
    DELETE_SERVICE = "LockstepDeleteService", "serviceDelete":
        "mutation LockstepDeleteService($id: String!, $environment: String!) { ",
        "serviceDelete(id: $id, environmentId: $environment) }";
    CREATE_VOLUME = "LockstepCreateVolume", "volumeCreate":
        "mutation LockstepCreateVolume($input: VolumeCreateInput!) { volumeCreate(input: $input) { id name } }";
    UPDATE_VOLUME = "LockstepUpdateVolume", "volumeInstanceUpdate":
        "mutation LockstepUpdateVolume($volume: String!, $environment: String!, $input: VolumeInstanceUpdateInput!) { ",
        "volumeInstanceUpdate(volumeId: $volume, environmentId: $environment, input: $input) }";
    DELETE_VOLUME = "LockstepDeleteVolume", "volumeDelete":
        "mutation LockstepDeleteVolume($volume: String!) { volumeDelete(volumeId: $volume) }";
    CREATE_BACKUP = "LockstepCreateBackup", "volumeInstanceBackupCreate":
        "mutation LockstepCreateBackup($volume: String!, $name: String) { ",
        "volumeInstanceBackupCreate(volumeInstanceId: $volume, name: $name) { workflowId } }";
    LOCK_BACKUP = "LockstepLockBackup", "volumeInstanceBackupLock":
        "mutation LockstepLockBackup($volume: String!, $backup: String!) { ",
        "volumeInstanceBackupLock(volumeInstanceId: $volume, volumeInstanceBackupId: $backup) }";
    DELETE_BACKUP = "LockstepDeleteBackup", "volumeInstanceBackupDelete":
        "mutation LockstepDeleteBackup($volume: String!, $backup: String!) { ",
        "volumeInstanceBackupDelete(volumeInstanceId: $volume, volumeInstanceBackupId: $backup) { workflowId } }";
    RESTORE_BACKUP = "LockstepRestoreBackup", "volumeInstanceBackupRestore":
        "mutation LockstepRestoreBackup($volume: String!, $backup: String!) { ",
        "volumeInstanceBackupRestore(volumeInstanceId: $volume, volumeInstanceBackupId: $backup) { workflowId } }";
    STAGE = "LockstepStage", "environmentStageChanges":
        "mutation LockstepStage($environment: String!, $input: EnvironmentConfig!) { ",
        "environmentStageChanges(environmentId: $environment, input: $input, merge: false) { id } }";
    COMMIT = "LockstepCommit", "environmentPatchCommitStaged":
        "mutation LockstepCommit($environment: String!, $message: String) { ",
        "environmentPatchCommitStaged(environmentId: $environment, commitMessage: $message, skipDeploys: true) }";
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{ExecutableDocument, Schema};

    use super::*;

    const SCHEMAS: [&str; 2] =
        ["../lab/src/api/railway.graphql", "../../../shared/facts/railway-schema.graphql"];

    #[test]
    fn every_document_is_valid_by_itself_against_the_real_schema() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let Some(path) = SCHEMAS.iter().map(|path| here.join(path)).find(|path| path.exists())
        else {
            println!("no schema here: nothing was checked");
            return;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = match Schema::parse(text, &path) {
            Ok(schema) => schema,
            Err(partial) => partial.partial,
        };
        let schema = apollo_compiler::validation::Valid::assume_valid(schema);
        for (name, text) in documents() {
            if let Err(wrong) = ExecutableDocument::parse_and_validate(&schema, text, name) {
                panic!("{name} is not valid:\n{}", wrong.errors);
            }
        }
    }
}
