//! Reading a stack whose environment answers from memory.

use super::environment::Environment;
use crate::outside::{Effects, Railway};
use crate::{
    Backup, Deployment, Failure, Job, Location, LogLine, Publication, Service, Tally, Variable,
    VariableValue,
};

/// A stack of a plugin's tests. Whoever says where its [`Environment`] is has [`Railway`] and [`Effects`] from there; how its
/// databases, servers and endpoints answer it says by itself.
pub trait Scripted {
    /// Returns its environment.
    fn environment(&self) -> &Environment;
}

impl Scripted for Environment {
    fn environment(&self) -> &Environment {
        self
    }
}

impl<S: Scripted> Railway for S {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        Ok(self.environment().services.clone())
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        let variables = self.environment().variables.get(service).into_iter().flatten();
        let seen = |value: &str| match value.strip_prefix("***") {
            Some(print) => VariableValue::Masked(print.to_owned()),
            None => VariableValue::Shown(value.to_owned()),
        };
        Ok(variables
            .map(|(name, value)| Variable { name: name.clone(), value: seen(value) })
            .collect())
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        self.environment().destinations.get(&format!("{service}.{name}")).cloned().transpose()
    }

    fn deployments(&self, service: &str, limit: u32) -> Result<Vec<Deployment>, Failure> {
        let all = self.environment().deployments.get(service).into_iter().flatten();
        Ok(all.take(limit as usize).cloned().collect())
    }

    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure> {
        Ok(self.environment().made.get(label).cloned())
    }

    fn logs(
        &self,
        service: &str,
        _: u64,
        filter: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure> {
        let written = self.environment().logs.get(service);
        let written = written.unwrap_or_else(|| panic!("what `{service}` wrote is not scripted"));
        let lines = written.iter().filter(|line| line.contains(filter));
        let line = |line: &String| LogLine { at: 0, severity: None, message: line.clone() };
        Ok(lines.take(limit as usize).map(line).collect())
    }

    fn traffic(&self, service: &str, _: u64, _: u64) -> Result<Tally, Failure> {
        let none = Tally { requests: 0, failed: 0, extra: Vec::new() };
        Ok(self.environment().traffic.get(service).cloned().unwrap_or(none))
    }

    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure> {
        Ok(self.environment().backups.get(service).cloned().unwrap_or_default())
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        Ok(self.environment().staged.clone())
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        let digest = self.environment().registry.resolve(image);
        Ok(digest.map(|digest| Publication { digest, extra: Vec::new() }))
    }
}

impl<S: Scripted> Effects for S {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        self.environment().effects.get(label).cloned().transpose()
    }
}
