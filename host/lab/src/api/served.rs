//! What of Railway's schema the lab answers.
//!
//! A document that asks for anything else is refused as a whole, naming the fields, before any of it is done.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};

/// Types and their served fields; connections, edges and pages are always served.
const SERVED: &[(&str, &str)] = &[
    (
        "Query",
        "projectToken apiToken project projectTokens environments environment service serviceInstance \
         serviceInstanceIsUpdatable deployment deployments deploymentEvents deploymentSnapshot variables \
         variablesForServiceDeployment deploymentLogs buildLogs environmentLogs httpLogs volumeInstance \
         volumeInstanceBackupList volumeInstanceBackupScheduleList workflowStatus environmentStagedChanges \
         environmentPatch environmentPatches tcpProxies domains privateNetworks privateNetworkEndpoint template",
    ),
    (
        "Mutation",
        "variableUpsert variableCollectionUpsert variableDelete serviceInstanceUpdate serviceCreate serviceUpdate \
         serviceConnect serviceDisconnect serviceDelete serviceInstanceDeployV2 serviceInstanceDeploy \
         serviceInstanceRedeploy deploymentRedeploy deploymentRollback deploymentRestart deploymentStop \
         deploymentRemove deploymentCancel volumeCreate volumeDelete volumeInstanceUpdate \
         volumeInstanceBackupCreate volumeInstanceBackupDelete volumeInstanceBackupLock \
         volumeInstanceBackupRestore environmentStageChanges environmentPatchCommitStaged environmentPatchCommit \
         projectTokenCreate projectTokenDelete templateDeployV2 templateRevert",
    ),
    ("ApiTokenContext", "workspaces"),
    ("ApiTokenWorkspace", "id name"),
    (
        "Project",
        "id name description workspaceId primaryEnvironmentId baseEnvironmentId subscriptionType isPublic \
         isTempProject prDeploys deletedAt expiredAt createdAt updatedAt environments services volumes",
    ),
    ("ProjectToken", "id name displayToken projectId environmentId createdAt project environment"),
    (
        "Environment",
        "id name projectId isEphemeral canAccess deletedAt createdAt updatedAt config configEtag \
         unmergedChangesCount serviceInstances volumeInstances deployments variables",
    ),
    (
        "Service",
        "id name projectId icon groupId templateId templateServiceId deletedAt createdAt updatedAt project",
    ),
    (
        "ServiceInstance",
        "id serviceId serviceName environmentId source startCommand preDeployCommand buildCommand builder \
         dockerfilePath rootDirectory watchPatterns healthcheckPath healthcheckTimeout restartPolicyType \
         restartPolicyMaxRetries numReplicas region overlapSeconds drainingSeconds sleepApplication cronSchedule \
         railwayConfigFile isUpdatable deletedAt createdAt updatedAt domains service latestDeployment \
         activeDeployments",
    ),
    ("ServiceSource", "image repo"),
    (
        "Deployment",
        "id status statusUpdatedAt createdAt updatedAt deploymentStopped canRollback canRedeploy serviceId \
         environmentId projectId snapshotId url staticUrl diagnosis suggestAddServiceDomain meta instances service \
         environment",
    ),
    ("DeploymentDeploymentInstance", "id status"),
    ("DeploymentEvent", "id step createdAt completedAt payload"),
    ("DeploymentEventPayload", "attempt detail durationMs error maxAttempts reason skipped"),
    ("DeploymentSnapshot", "id createdAt updatedAt variables"),
    (
        "Variable",
        "id name serviceId environmentId isSealed references createdAt updatedAt environment",
    ),
    ("Volume", "id name projectId createdAt project"),
    (
        "VolumeInstance",
        "id volumeId serviceId environmentId mountPath region sizeMB currentSizeMB state deletedAt \
         isPendingDeletion externalId createdAt volume service environment",
    ),
    (
        "VolumeInstanceBackup",
        "id name createdAt expiresAt externalId usedMB referencedMB volumeInstanceSizeMB scheduleId creatorId",
    ),
    ("VolumeInstanceBackupSchedule", "id kind name cron retentionSeconds createdAt"),
    ("Template", "id code name serializedConfig"),
    ("TemplateDeployPayload", "projectId workflowId"),
    ("WorkflowId", "workflowId"),
    ("WorkflowResult", "status error"),
    (
        "EnvironmentPatch",
        "id status message patch environmentId createdAt updatedAt appliedAt lastAppliedError environment",
    ),
    (
        "TCPProxy",
        "id domain proxyPort applicationPort environmentId serviceId syncStatus createdAt updatedAt deletedAt",
    ),
    ("AllDomains", "serviceDomains customDomains"),
    (
        "ServiceDomain",
        "id domain targetPort environmentId projectId serviceId syncStatus suffix createdAt updatedAt deletedAt",
    ),
    // There is none in the lab, so whatever is asked of one is answered.
    (
        "CustomDomain",
        "id domain targetPort environmentId projectId serviceId syncStatus status createdAt updatedAt deletedAt",
    ),
    ("CustomDomainStatus", "verified certificateStatus dnsRecords"),
    (
        "PrivateNetwork",
        "publicId name dnsName networkId environmentId projectId tags createdAt deletedAt",
    ),
    (
        "PrivateNetworkEndpoint",
        "publicId dnsName newDnsName privateIps serviceInstanceId syncStatus tags createdAt deletedAt",
    ),
    ("Log", "timestamp severity message attributes tags"),
    ("LogAttribute", "key value"),
    ("LogTags", "serviceId deploymentId deploymentInstanceId environmentId projectId snapshotId"),
    (
        "HttpLog",
        "timestamp method path httpStatus totalDuration upstreamRqDuration host srcIp deploymentId \
         deploymentInstanceId upstreamAddress",
    ),
];

/// Returns the fields of `operation` that the lab doesn't serve, as `Type.field`.
pub(super) fn missing(document: &ExecutableDocument, operation: &Operation) -> Vec<String> {
    if operation.operation_type == OperationType::Subscription {
        return vec!["subscriptions".to_owned()];
    }
    let mut missing = Vec::new();
    walk(document, &operation.selection_set, &mut missing);
    missing.sort();
    missing.dedup();
    missing
}

fn walk(document: &ExecutableDocument, set: &SelectionSet, missing: &mut Vec<String>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => {
                let name = field.name.as_str();
                if name.starts_with("__") {
                    continue;
                }
                if serves(&set.ty, name) {
                    walk(document, &field.selection_set, missing);
                } else {
                    missing.push(format!("`{}.{name}`", set.ty));
                }
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.fragment_name) {
                    walk(document, &fragment.selection_set, missing);
                }
            }
            Selection::InlineFragment(inline) => walk(document, &inline.selection_set, missing),
        }
    }
}

fn serves(type_name: &str, field: &str) -> bool {
    let fields = match SERVED.iter().find(|(served, _)| *served == type_name) {
        Some((_, fields)) => *fields,
        None if type_name == "PageInfo" => "hasNextPage hasPreviousPage startCursor endCursor",
        None if type_name.ends_with("Connection") => "edges pageInfo",
        None if type_name.ends_with("ConnectionEdge") => "cursor node",
        None => "",
    };
    fields.split_ascii_whitespace().any(|served| served == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_served_is_in_railways_schema() {
        let schema = crate::api::schema().unwrap();
        for (type_name, fields) in SERVED {
            for field in fields.split_ascii_whitespace() {
                assert!(schema.type_field(type_name, field).is_ok(), "{type_name}.{field}");
            }
        }
    }
}
