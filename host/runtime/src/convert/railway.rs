//! What reading a Railway environment answers.

use lockstep_engine::model::{
    Backup, Deployment, DeploymentStatus, Location, LogLine, MovedVariable, Published, Service,
    Tally, Template, TemplateService, Variable, VariableValue, Volume,
};

use super::{Inward, Outward, Refused, closed};
use crate::bindings::lockstep::plugin::{railway, railway_effects};

impl Outward for Volume {
    type Outside = railway::Volume;
    fn outward(self) -> railway::Volume {
        let Self { name, mount, size_mb, used_mb, extra } = self;
        railway::Volume { name, mount, size_mb, used_mb, extra }
    }
}

impl Outward for Service {
    type Outside = railway::Service;
    fn outward(self) -> railway::Service {
        let Self { name, image, repository, volume, settings, extra } = self;
        railway::Service { name, image, repository, volume: volume.outward(), settings, extra }
    }
}

impl Outward for Variable {
    type Outside = railway::Variable;
    fn outward(self) -> railway::Variable {
        let value = match self.value {
            VariableValue::Shown(text) => railway::VariableValue::Shown(text),
            VariableValue::Masked(fingerprint) => railway::VariableValue::Masked(fingerprint),
            VariableValue::Unreadable => railway::VariableValue::Unreadable,
        };
        railway::Variable { name: self.name, value }
    }
}

impl Outward for Location {
    type Outside = railway::Location;
    fn outward(self) -> railway::Location {
        let Self { scheme, host, port, user, path, extra } = self;
        railway::Location { scheme, host, port, user, path, extra }
    }
}

impl Outward for DeploymentStatus {
    type Outside = railway::DeploymentStatus;
    fn outward(self) -> railway::DeploymentStatus {
        match self {
            Self::InProgress(word) => railway::DeploymentStatus::InProgress(word),
            Self::Success => railway::DeploymentStatus::Success,
            Self::Stopped => railway::DeploymentStatus::Stopped,
            Self::Failed(reason) => railway::DeploymentStatus::Failed(reason),
            Self::Crashed => railway::DeploymentStatus::Crashed,
            Self::Removed => railway::DeploymentStatus::Removed,
            Self::Skipped => railway::DeploymentStatus::Skipped,
            Self::NeedsApproval => railway::DeploymentStatus::NeedsApproval,
            Self::Other(word) => railway::DeploymentStatus::Other(word),
        }
    }
}

impl Outward for Deployment {
    type Outside = railway::Deployment;
    fn outward(self) -> railway::Deployment {
        let Self { id, status, created, changed, image, digest, can_roll_back, extra } = self;
        let (status, created, changed) = (status.outward(), created.0, changed.0);
        railway::Deployment { id, status, created, changed, image, digest, can_roll_back, extra }
    }
}

impl Outward for LogLine {
    type Outside = railway::LogLine;
    fn outward(self) -> railway::LogLine {
        railway::LogLine { at: self.at.0, severity: self.severity, message: self.message }
    }
}

impl Outward for Tally {
    type Outside = railway::Tally;
    fn outward(self) -> railway::Tally {
        railway::Tally { requests: self.requests, failed: self.failed, extra: self.extra }
    }
}

impl Outward for Backup {
    type Outside = railway::Backup;
    fn outward(self) -> railway::Backup {
        let Self { name, created, size_mb, locked, extra } = self;
        railway::Backup { name, created: created.0, size_mb, locked, extra }
    }
}

impl Outward for Published {
    type Outside = railway::Publication;
    fn outward(self) -> railway::Publication {
        railway::Publication { digest: self.digest, extra: self.extra }
    }
}

impl Outward for TemplateService {
    type Outside = railway::TemplateService;
    fn outward(self) -> railway::TemplateService {
        let Self { name, role, image, mount, replicas, variables, extra } = self;
        railway::TemplateService { name, role, image, mount, replicas, variables, extra }
    }
}

impl Outward for Template {
    type Outside = railway::Template;
    fn outward(self) -> railway::Template {
        let Self { code, digest, services, extra } = self;
        railway::Template { code, digest, services: services.outward(), extra }
    }
}

impl Inward for railway::TemplateService {
    type Inside = TemplateService;
    fn inward(self) -> Result<TemplateService, Refused> {
        let Self { name, role, image, mount, replicas, variables, extra } = self;
        let extra = closed("template-service", extra, &[])?;
        Ok(TemplateService { name, role, image, mount, replicas, variables, extra })
    }
}

impl Inward for railway::Template {
    type Inside = Template;
    fn inward(self) -> Result<Template, Refused> {
        let Self { code, digest, services, extra } = self;
        let extra = closed("template", extra, &[])?;
        Ok(Template { code, digest, services: services.inward()?, extra })
    }
}

impl Inward for railway_effects::MovedVariable {
    type Inside = MovedVariable;
    fn inward(self) -> Result<MovedVariable, Refused> {
        let Self { service, name, before, after, extra } = self;
        let extra = closed("moved-variable", extra, &[])?;
        Ok(MovedVariable { service, name, before, after, extra })
    }
}
