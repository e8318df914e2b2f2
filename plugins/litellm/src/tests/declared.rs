//! What only this plugin declares, written down.

use lockstep_sdk::Failure;
use lockstep_sdk::testing::{Access, Declared, shown};

use crate::declare::{DeclareJob, Variables};

fn variables(all: &Variables<'_>) -> String {
    let own: Vec<_> = all.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    own.join(" ")
}

impl DeclareJob for Declared {
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        own: &Variables<'_>,
    ) -> Result<(), Failure> {
        let takes = [Access::railway("create-service", name)];
        self.add(label, takes, format!("create {name} {image} {}", variables(own)))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        let takes = [Access::railway("set-settings", name)];
        self.add(label, takes, format!("set-made {name} {settings:?}"))
    }

    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", name)], format!("deploy-made {name}"))
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("stop", name)], format!("stop-made {name}"))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("delete-service", name)], format!("delete-made {name}"))
    }
}
