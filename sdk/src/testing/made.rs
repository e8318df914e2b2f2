//! What a plan declares of services that it makes, written down.

use super::access::Access;
use super::declared::Declared;
use crate::Failure;
use crate::make::{DeclareMade, Recipe};

impl DeclareMade for Declared {
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let takes = [Access::railway("create-service", name)];
        self.add(label, takes, format!("create {name} {image} {variables:?}"))
    }

    fn create_volume(&self, label: &str, name: &str, mount: &str) -> Result<(), Failure> {
        let takes = [Access::railway("create-volume", name)];
        self.add(label, takes, format!("create-volume {name} {mount}"))
    }

    fn generate_made(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure> {
        self.generate(label, name, variable, recipe)
    }

    fn generate(
        &self,
        label: &str,
        service: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure> {
        let takes = [Access::railway("generate-variable", service)];
        self.add(label, takes, format!("generate {service} {variable} {recipe:?}"))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        let takes = [Access::railway("set-settings", name)];
        self.add(label, takes, format!("set-made {name} {settings:?}"))
    }

    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let takes = [Access::railway("set-variables", name)];
        self.add(label, takes, format!("set-made-variables {name} {variables:?}"))
    }

    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", name)], format!("deploy-made {name}"))
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("stop", name)], format!("stop-made {name}"))
    }
}
