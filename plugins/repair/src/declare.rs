//! The kinds of effects that the sdk's traits do not have.

use lockstep_sdk::bindings::lockstep::plugin::railway_effects::{self, DeploySource, Recipe};
use lockstep_sdk::{Declare, Failure, Live, ServiceRef};

/// Declares a secret that nobody sees, and a deployment of what is built from a repository.
pub(crate) trait DeclareMore {
    /// Declares that a variable which is absent gets so many random hexadecimal digits.
    fn generate_hex(
        &self,
        label: &str,
        service: &str,
        name: &str,
        digits: u32,
    ) -> Result<(), Failure>;
    /// Declares a deployment of the image that runs.
    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure>;
}

impl DeclareMore for Live {
    fn generate_hex(
        &self,
        label: &str,
        service: &str,
        name: &str,
        digits: u32,
    ) -> Result<(), Failure> {
        railway_effects::generate_variable(label, &named(service), name, &Recipe::Hex(digits))
    }

    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::deploy(label, &named(service), &DeploySource::SameImage)
    }
}

fn named(service: &str) -> ServiceRef {
    ServiceRef::Named(service.to_owned())
}

/// Everything that a plan of this plugin declares.
pub(crate) trait Declares: Declare + DeclareMore {}

impl<D> Declares for D where D: Declare + DeclareMore {}
