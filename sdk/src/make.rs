//! Declaring services that the plan itself makes. The name of one is its alias too.

use crate::bindings::lockstep::plugin::railway_effects;
use crate::{Assignment, Failure, Live, Piece, ServiceRef};

/// How a secret that nobody sees looks, with the number of its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Hexadecimal digits.
    Hex(u32),
    /// Letters and digits, which mean nothing in a URL.
    Alphanumeric(u32),
}

/// Declares services, and secrets that the host makes up. A trait of its own, so that a plugin which makes none does not ask
/// for it.
pub trait DeclareMade {
    /// Declares that a service is made with this image, which names a digest, and with these variables, and not deployed.
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares that a volume is made for it.
    fn create_volume(&self, label: &str, name: &str, mount: &str) -> Result<(), Failure>;
    /// Declares that a variable of it gets a fresh value that only the host knows.
    fn generate_made(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure>;
    /// Declares that a variable of a service that is there gets such a value, unless it has one.
    fn generate(
        &self,
        label: &str,
        service: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure>;
    /// Declares that settings of a service that is made are set.
    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure>;
    /// Declares that variables of it are set, without a deploy.
    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares a deployment of what is configured of it.
    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares that its running deployment is removed.
    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure>;
}

impl DeclareMade for Live {
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        railway_effects::create_service(label, name, name, image, &assignments(variables))
    }

    fn create_volume(&self, label: &str, name: &str, mount: &str) -> Result<(), Failure> {
        railway_effects::create_volume(label, &made(name), mount)
    }

    fn generate_made(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure> {
        railway_effects::generate_variable(label, &made(name), variable, &by(recipe))
    }

    fn generate(
        &self,
        label: &str,
        service: &str,
        variable: &str,
        recipe: Recipe,
    ) -> Result<(), Failure> {
        let service = ServiceRef::Named(service.to_owned());
        railway_effects::generate_variable(label, &service, variable, &by(recipe))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings: Vec<_> = settings.iter().map(own).collect();
        railway_effects::set_settings(label, &made(name), &settings)
    }

    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        railway_effects::set_variables(label, &made(name), &assignments(variables))
    }

    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        let configured = railway_effects::DeploySource::Configured;
        railway_effects::deploy(label, &made(name), &configured)
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::stop(label, &made(name))
    }
}

fn assignments(variables: &[(&str, &str)]) -> Vec<Assignment> {
    let one = |(name, value): &(&str, &str)| Assignment {
        name: (*name).to_owned(),
        value: vec![Piece::Text((*value).to_owned())],
    };
    variables.iter().map(one).collect()
}

const fn by(recipe: Recipe) -> railway_effects::Recipe {
    match recipe {
        Recipe::Hex(length) => railway_effects::Recipe::Hex(length),
        Recipe::Alphanumeric(length) => railway_effects::Recipe::Alphanumeric(length),
    }
}

fn made(name: &str) -> ServiceRef {
    ServiceRef::Made(name.to_owned())
}
