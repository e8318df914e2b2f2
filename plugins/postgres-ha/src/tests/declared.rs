//! What only this plugin declares, written down.

use lockstep_sdk::testing::{Access, Declared};
use lockstep_sdk::{Failure, MovedVariable, Template};

use crate::beside::Secret;
use crate::declare::{DeclareMade, DeclareMore};
use crate::in_place::{DeclareConversion, Order, PATRONI};

impl DeclareMore for Declared {
    fn again(&self, label: &str, connection: &str, statement: &str) -> Result<(), Failure> {
        self.add(
            label,
            [Access::sql("execute", connection)],
            format!("again {connection} {statement}"),
        )
    }

    fn restart(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("restart", service)], format!("restart {service}"))
    }

    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", service)], format!("deploy-same {service}"))
    }

    fn delete(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("delete-service", service)], format!("delete {service}"))
    }
}

impl DeclareMade for Declared {
    fn create_built(
        &self,
        label: &str,
        name: &str,
        repository: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("create-built-service", name)],
            format!("create-built {name} {repository} {variables:?}"),
        )
    }

    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("create-service", name)],
            format!("create {name} {image} {variables:?}"),
        )
    }

    fn create_volume(&self, label: &str, name: &str, mount: &str) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("create-volume", name)],
            format!("create-volume {name} {mount}"),
        )
    }

    fn generate(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        secret: Secret,
    ) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("generate-variable", name)],
            format!("generate {name} {variable} {secret:?}"),
        )
    }

    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("set-variables", name)],
            format!("set-made-variables {name} {variables:?}"),
        )
    }

    fn deploy_configured(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", name)], format!("deploy-configured {name}"))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("set-settings", name)],
            format!("set-made {name} {settings:?}"),
        )
    }

    fn deploy_made(&self, label: &str, name: &str, commit: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", name)], format!("deploy-made {name} {commit}"))
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("stop", name)], format!("stop-made {name}"))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("delete-service", name)], format!("delete-made {name}"))
    }
}

impl DeclareConversion for Declared {
    fn stage_conversion(
        &self,
        label: &str,
        root: &str,
        wanted: &Template,
        moved: &[MovedVariable],
    ) -> Result<(), Failure> {
        let services: Vec<String> = wanted
            .services
            .iter()
            .map(|it| format!("{}={}", it.name, it.image.as_deref().unwrap_or_default()))
            .collect();
        let moved: Vec<String> =
            moved.iter().map(|it| format!("{} {}={}", it.service, it.name, it.after)).collect();
        self.add(
            label,
            [Access::railway("stage-conversion", root)],
            format!("stage-conversion {root} {services:?} {moved:?}"),
        )
    }

    fn stage_revert(&self, label: &str, converted_by: &str) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway_of("stage-revert", converted_by)],
            format!("stage-revert {converted_by}"),
        )
    }

    fn discard_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway_of("discard-staged", staged_by)],
            format!("discard-staged {staged_by}"),
        )
    }

    fn set_image_made(&self, label: &str, name: &str, image: &str) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("set-image", name)],
            format!("set-image-made {name} {image}"),
        )
    }

    fn set_variable_made(
        &self,
        label: &str,
        name: &str,
        (variable, value): (&str, &str),
    ) -> Result<(), Failure> {
        self.add(
            label,
            [Access::railway("set-variables", name)],
            format!("set-variable-made {name} {variable}={value}"),
        )
    }

    fn deploy_cluster(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", name)], format!("deploy-made {name}"))
    }

    fn order(&self, label: &str, order: Order<'_>) -> Result<(), Failure> {
        self.add(label, [Access::http("send", PATRONI)], format!("order {order:?}"))
    }
}
