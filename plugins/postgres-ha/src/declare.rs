//! Kinds of effects that the sdk's traits do not have, and everything that this plugin declares under one name.

use lockstep_sdk::bindings::lockstep::plugin::{railway_effects, sql_effects};
use lockstep_sdk::{
    Declare, DeclareBlocks, DeclareSql, DeclareTransfers, Failure, Live, Piece, Proof, ServiceRef,
    Times,
};

use crate::beside::Secret;
use crate::in_place::DeclareConversion;

/// Declares what only this plugin needs.
pub(crate) trait DeclareMore {
    /// Declares one statement that no transaction may contain and that gives the same end when it is sent again.
    fn again(&self, label: &str, connection: &str, statement: &str) -> Result<(), Failure>;
    /// Declares that a service's container is restarted: same image, same variables.
    fn restart(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares a deployment of the image that runs, for a service that is built from a repository.
    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares that a service which was there before the run is deleted. Its volume stays.
    fn delete(&self, label: &str, service: &str) -> Result<(), Failure>;
}

/// Declares what becomes of a service that the plan makes. Its name is its alias too.
pub(crate) trait DeclareMade {
    /// Declares that it is made, built from a repository, with these variables, and not deployed.
    fn create_built(
        &self,
        label: &str,
        name: &str,
        repository: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares that it is made with this image, which names a digest, and with these variables, and not deployed.
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
    fn generate(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        secret: Secret,
    ) -> Result<(), Failure>;
    /// Declares that variables of it are set, without a deploy.
    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares a deployment of what is configured.
    fn deploy_configured(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares that settings of it are set.
    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure>;
    /// Declares a deployment of this commit.
    fn deploy_made(&self, label: &str, name: &str, commit: &str) -> Result<(), Failure>;
    /// Declares that its running deployment is removed.
    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares that it is deleted.
    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure>;
}

impl DeclareMore for Live {
    fn again(&self, label: &str, connection: &str, statement: &str) -> Result<(), Failure> {
        let statement = sql_effects::Statement {
            text: vec![text(statement)],
            parameters: Vec::new(),
            affects: None,
        };
        let (alone, once) = (sql_effects::Atomicity::Alone, Times::Once);
        sql_effects::execute(
            label,
            connection,
            &[statement],
            &alone,
            &[],
            &once,
            &Proof::Repeatable,
        )
    }

    fn restart(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::restart(label, &ServiceRef::Named(service.to_owned()))
    }

    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure> {
        let same = railway_effects::DeploySource::SameImage;
        railway_effects::deploy(label, &ServiceRef::Named(service.to_owned()), &same)
    }

    fn delete(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::delete_service(label, &ServiceRef::Named(service.to_owned()))
    }
}

impl DeclareMade for Live {
    fn create_built(
        &self,
        label: &str,
        name: &str,
        repository: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let assignments = assignments(variables);
        railway_effects::create_built_service(label, name, name, repository, &assignments)
    }

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

    fn generate(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        secret: Secret,
    ) -> Result<(), Failure> {
        let recipe = match secret {
            Secret::Alphanumeric(length) => railway_effects::Recipe::Alphanumeric(length),
            Secret::Hex(length) => railway_effects::Recipe::Hex(length),
        };
        railway_effects::generate_variable(label, &made(name), variable, &recipe)
    }

    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        railway_effects::set_variables(label, &made(name), &assignments(variables))
    }

    fn deploy_configured(&self, label: &str, name: &str) -> Result<(), Failure> {
        let configured = railway_effects::DeploySource::Configured;
        railway_effects::deploy(label, &made(name), &configured)
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings: Vec<_> = settings.iter().map(own).collect();
        railway_effects::set_settings(label, &made(name), &settings)
    }

    fn deploy_made(&self, label: &str, name: &str, commit: &str) -> Result<(), Failure> {
        let commit = railway_effects::DeploySource::Commit(commit.to_owned());
        railway_effects::deploy(label, &made(name), &commit)
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::stop(label, &made(name))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::delete_service(label, &made(name))
    }
}

fn assignments(variables: &[(&str, &str)]) -> Vec<railway_effects::Assignment> {
    let one = |(name, value): &(&str, &str)| railway_effects::Assignment {
        name: (*name).to_owned(),
        value: vec![text(*value)],
    };
    variables.iter().map(one).collect()
}

fn made(name: &str) -> ServiceRef {
    ServiceRef::Made(name.to_owned())
}

/// Everything that a plan of this plugin declares.
pub(crate) trait Declares:
    Declare
    + DeclareBlocks
    + DeclareConversion
    + DeclareMade
    + DeclareMore
    + DeclareSql
    + DeclareTransfers
{
}

impl<D> Declares for D where
    D: Declare
        + DeclareBlocks
        + DeclareConversion
        + DeclareMade
        + DeclareMore
        + DeclareSql
        + DeclareTransfers
{
}

/// Returns a piece of literal text.
pub(crate) fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

/// Makes a server read its settings again.
pub(crate) const RELOAD: &str = "SELECT pg_reload_conf()";

/// Returns a transaction of statements that are literal text.
pub(crate) fn statements<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<Piece>> {
    texts.into_iter().map(|one| vec![text(one)]).collect()
}
