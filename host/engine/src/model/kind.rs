//! The kinds of effect, one for each declaring function of the contract.

use serde::{Deserialize, Serialize};

use super::effect::{
    Assignment, Atomicity, Composed, DeploySource, Message, Recipe, ServiceRef, Statement,
};
use super::name::Label;
use super::railway::{MovedVariable, Template};
use super::time::Millis;
use super::transfer::Transfer;

/// What an effect does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Sets variables of one service in one call, without a deploy.
    SetVariables {
        /// Whose.
        service: ServiceRef,
        /// Which, and to what.
        assignments: Vec<Assignment>,
    },
    /// Sets a fresh random value if the variable is absent.
    GenerateVariable {
        /// Whose.
        service: ServiceRef,
        /// Which.
        name: String,
        /// How it looks.
        recipe: Recipe,
    },
    /// Deletes variables of one service, without a deploy.
    DeleteVariables {
        /// Whose.
        service: ServiceRef,
        /// Which.
        names: Vec<String>,
    },
    /// Puts back masked literals that a `SetVariables` kept on their service. Only the host makes these.
    RestoreVariables {
        /// Whose.
        service: ServiceRef,
        /// Which.
        names: Vec<String>,
    },
    /// Deletes the former values of these variables that the run kept, without a deploy. Only the host makes these.
    ForgetVariables {
        /// Whose.
        service: ServiceRef,
        /// Former values of which.
        names: Vec<String>,
    },
    /// Sets the image, without a deploy.
    SetImage {
        /// Whose.
        service: ServiceRef,
        /// To `repository:tag@sha256:…`; when it puts back a former image, to what stood there.
        image: String,
    },
    /// Sets settings, without a deploy; an empty value unsets one.
    SetSettings {
        /// Whose.
        service: ServiceRef,
        /// Which, and to what.
        settings: Vec<(String, String)>,
    },
    /// Deploys.
    Deploy {
        /// What.
        service: ServiceRef,
        /// From where.
        source: DeploySource,
    },
    /// Restarts the running container.
    Restart {
        /// Whose.
        service: ServiceRef,
    },
    /// Removes the running deployment.
    Stop {
        /// Whose.
        service: ServiceRef,
    },
    /// Creates a service, without a deploy.
    CreateService {
        /// Its alias in this plan.
        alias: String,
        /// Its name.
        name: String,
        /// Its image.
        image: String,
        /// Its variables.
        assignments: Vec<Assignment>,
    },
    /// Creates a service that is built from a repository, without a deploy.
    CreateBuiltService {
        /// Its alias in this plan.
        alias: String,
        /// Its name.
        name: String,
        /// Its repository: `owner/name`.
        repository: String,
        /// Its variables.
        assignments: Vec<Assignment>,
    },
    /// Deletes a service. A volume that is mounted to it is detached before, and stays.
    DeleteService {
        /// Which.
        service: ServiceRef,
    },
    /// Creates a volume for a service that has never been deployed.
    CreateVolume {
        /// Whose.
        service: ServiceRef,
        /// Mounted where.
        mount: String,
    },
    /// Mounts the service's volume at another path, without a deploy.
    SetMount {
        /// Whose.
        service: ServiceRef,
        /// Mounted where.
        mount: String,
    },
    /// Deletes the volume of a service.
    DeleteVolume {
        /// Whose.
        service: ServiceRef,
    },
    /// Backs up the service's volume, under a name made of the run and the label.
    BackupVolume {
        /// Whose.
        service: ServiceRef,
    },
    /// Keeps a backup from expiring.
    LockBackup {
        /// The effect that made it.
        backup_of: Label,
    },
    /// Deletes a backup.
    DeleteBackup {
        /// The effect that made it.
        backup_of: Label,
    },
    /// Restores a backup to a fresh volume and stages the exchange.
    RestoreVolume {
        /// Whose volume.
        service: ServiceRef,
        /// The effect that made the backup.
        backup_of: Label,
    },
    /// Stages that a service becomes the root of a template's cluster.
    StageConversion {
        /// Which.
        root: ServiceRef,
        /// The cluster. Each of its other services is known by its name here.
        wanted: Template,
        /// Variables of other services that Railway leads to the cluster.
        moved: Vec<MovedVariable>,
    },
    /// Stages that a conversion is taken back.
    StageRevert {
        /// The effect that staged it.
        converted_by: Label,
    },
    /// Commits what another effect staged, without a deploy.
    CommitStaged {
        /// The effect that staged it.
        staged_by: Label,
    },
    /// Discards what another effect staged.
    DiscardStaged {
        /// The effect that staged it.
        staged_by: Label,
    },
    /// Sends one Redis command.
    RedisCommand {
        /// To which connection.
        connection: String,
        /// The command and its arguments, each one binary-safe word.
        words: Vec<Composed>,
    },
    /// Runs SQL.
    SqlExecute {
        /// On which connection.
        connection: String,
        /// What.
        statements: Vec<Statement>,
        /// Held together how.
        atomicity: Atomicity,
    },
    /// Keeps writers of a database waiting, in a session of the host's own that the server ends by itself.
    HoldWrites {
        /// On which connection.
        connection: String,
        /// To every ordinary table of these schemas.
        schemas: Vec<String>,
        /// The longest that it lasts, whatever becomes of Lockstep.
        max_outage: Millis,
        /// How long one table is waited for.
        lock_timeout: Millis,
    },
    /// Lets writers go on that another effect keeps waiting.
    ReleaseWrites {
        /// On which connection.
        connection: String,
        /// The effect that keeps them waiting.
        hold: Label,
    },
    /// Works between two databases.
    Transfer(Transfer),
    /// Sends an HTTP request.
    HttpSend {
        /// To which endpoint.
        endpoint: String,
        /// What.
        message: Message,
    },
}

/// A service that an effect makes, whatever it is made from.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// Its alias in the plan.
    pub alias: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its variables.
    pub assignments: &'a [Assignment],
}

impl Kind {
    /// Returns the declaring function's name in the contract.
    pub const fn function(&self) -> &'static str {
        match self {
            Self::SetVariables { .. } => "set-variables",
            Self::GenerateVariable { .. } => "generate-variable",
            Self::DeleteVariables { .. } => "delete-variables",
            Self::RestoreVariables { .. } => "restore-variables",
            Self::ForgetVariables { .. } => "forget-variables",
            Self::SetImage { .. } => "set-image",
            Self::SetSettings { .. } => "set-settings",
            Self::Deploy { .. } => "deploy",
            Self::Restart { .. } => "restart",
            Self::Stop { .. } => "stop",
            Self::CreateService { .. } => "create-service",
            Self::CreateBuiltService { .. } => "create-built-service",
            Self::DeleteService { .. } => "delete-service",
            Self::CreateVolume { .. } => "create-volume",
            Self::SetMount { .. } => "set-mount",
            Self::DeleteVolume { .. } => "delete-volume",
            Self::BackupVolume { .. } => "backup-volume",
            Self::LockBackup { .. } => "lock-backup",
            Self::DeleteBackup { .. } => "delete-backup",
            Self::RestoreVolume { .. } => "restore-volume",
            Self::StageConversion { .. } => "stage-conversion",
            Self::StageRevert { .. } => "stage-revert",
            Self::CommitStaged { .. } => "commit-staged",
            Self::DiscardStaged { .. } => "discard-staged",
            Self::RedisCommand { .. } => "command",
            Self::SqlExecute { .. } => "execute",
            Self::HoldWrites { .. } => "hold-writes",
            Self::ReleaseWrites { .. } => "release-writes",
            Self::Transfer(transfer) => transfer.function(),
            Self::HttpSend { .. } => "send",
        }
    }

    /// Returns the service that the effect names, if it names one.
    pub const fn service(&self) -> Option<&ServiceRef> {
        match self {
            Self::SetVariables { service, .. }
            | Self::GenerateVariable { service, .. }
            | Self::DeleteVariables { service, .. }
            | Self::RestoreVariables { service, .. }
            | Self::ForgetVariables { service, .. }
            | Self::SetImage { service, .. }
            | Self::SetSettings { service, .. }
            | Self::Deploy { service, .. }
            | Self::Restart { service }
            | Self::Stop { service }
            | Self::DeleteService { service }
            | Self::CreateVolume { service, .. }
            | Self::SetMount { service, .. }
            | Self::DeleteVolume { service }
            | Self::BackupVolume { service }
            | Self::StageConversion { root: service, .. }
            | Self::RestoreVolume { service, .. } => Some(service),
            Self::CreateService { .. }
            | Self::CreateBuiltService { .. }
            | Self::LockBackup { .. }
            | Self::DeleteBackup { .. }
            | Self::StageRevert { .. }
            | Self::CommitStaged { .. }
            | Self::DiscardStaged { .. }
            | Self::RedisCommand { .. }
            | Self::SqlExecute { .. }
            | Self::HoldWrites { .. }
            | Self::ReleaseWrites { .. }
            | Self::Transfer(_)
            | Self::HttpSend { .. } => None,
        }
    }

    /// Returns the service that the effect makes by itself, if it makes one.
    pub fn makes(&self) -> Option<Made<'_>> {
        if let Self::CreateService { alias, name, assignments, .. }
        | Self::CreateBuiltService { alias, name, assignments, .. } = self
        {
            Some(Made { alias, name, assignments })
        } else {
            None
        }
    }

    /// Returns every service that there is because of the effect: the one that it makes, or those of the cluster that it
    /// stages, whose variables are the template's.
    pub fn brings(&self) -> Vec<Made<'_>> {
        if let Self::StageConversion { wanted, .. } = self {
            let made = wanted.others().map(|service| service.name.as_str());
            made.map(|name| Made { alias: name, name, assignments: &[] }).collect()
        } else {
            self.makes().into_iter().collect()
        }
    }

    /// Returns the effect of the same plan whose outcome this one needs.
    pub const fn rests_on(&self) -> Option<&Label> {
        match self {
            Self::LockBackup { backup_of }
            | Self::DeleteBackup { backup_of }
            | Self::RestoreVolume { backup_of, .. } => Some(backup_of),
            Self::StageRevert { converted_by } => Some(converted_by),
            Self::CommitStaged { staged_by } | Self::DiscardStaged { staged_by } => Some(staged_by),
            Self::ReleaseWrites { hold, .. } => Some(hold),
            Self::Transfer(Transfer::Compare { at, .. }) => at.as_ref(),
            Self::SetVariables { .. }
            | Self::GenerateVariable { .. }
            | Self::DeleteVariables { .. }
            | Self::RestoreVariables { .. }
            | Self::ForgetVariables { .. }
            | Self::SetImage { .. }
            | Self::SetSettings { .. }
            | Self::Deploy { .. }
            | Self::Restart { .. }
            | Self::Stop { .. }
            | Self::CreateService { .. }
            | Self::CreateBuiltService { .. }
            | Self::DeleteService { .. }
            | Self::CreateVolume { .. }
            | Self::SetMount { .. }
            | Self::DeleteVolume { .. }
            | Self::BackupVolume { .. }
            | Self::StageConversion { .. }
            | Self::RedisCommand { .. }
            | Self::SqlExecute { .. }
            | Self::HoldWrites { .. }
            | Self::Transfer(_)
            | Self::HttpSend { .. } => None,
        }
    }
}
