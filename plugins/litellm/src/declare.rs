//! Kinds of effects that the sdk's traits do not have, and everything that this plugin declares under one name.

use lockstep_sdk::bindings::lockstep::plugin::railway_effects;
use lockstep_sdk::{
    Assignment, Declare, DeclareHttp, DeclareSql, DeclareTransfers, Failure, Live, Piece,
    ServiceRef,
};

/// Variables and what they are set to.
pub(crate) type Variables<'a> = [(&'a str, Vec<Piece>)];

/// Declares what becomes of a service that migrates. Its name is its alias too.
pub(crate) trait DeclareJob {
    /// Declares that it is made with this image, which names a digest, and with these variables, and not deployed.
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &Variables<'_>,
    ) -> Result<(), Failure>;
    /// Declares that settings of it are set.
    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure>;
    /// Declares a deployment of what is configured.
    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares that its running deployment is removed.
    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares that it is deleted.
    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure>;
}

impl DeclareJob for Live {
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &Variables<'_>,
    ) -> Result<(), Failure> {
        railway_effects::create_service(label, name, name, image, &assignments(variables))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings: Vec<_> = settings.iter().map(own).collect();
        railway_effects::set_settings(label, &made(name), &settings)
    }

    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        let configured = railway_effects::DeploySource::Configured;
        railway_effects::deploy(label, &made(name), &configured)
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::stop(label, &made(name))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::delete_service(label, &made(name))
    }
}

fn assignments(variables: &Variables<'_>) -> Vec<Assignment> {
    let one = |(name, value): &(&str, Vec<Piece>)| Assignment {
        name: (*name).to_owned(),
        value: value.clone(),
    };
    variables.iter().map(one).collect()
}

fn made(name: &str) -> ServiceRef {
    ServiceRef::Made(name.to_owned())
}

/// Everything that a plan of this plugin declares.
pub(crate) trait Declares:
    Declare + DeclareHttp + DeclareJob + DeclareSql + DeclareTransfers
{
}

impl<D> Declares for D where D: Declare + DeclareHttp + DeclareJob + DeclareSql + DeclareTransfers {}
