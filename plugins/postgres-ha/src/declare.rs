//! Kinds of effects that the sdk's traits do not have, and everything that this plugin declares under one name.

use lockstep_sdk::bindings::lockstep::plugin::{railway_effects, sql_effects};
use lockstep_sdk::{
    Declare, DeclareBlocks, DeclareSql, DeclareTransfers, Failure, Live, Piece, Proof, ServiceRef,
    Times,
};

/// Declares what only this plugin needs.
pub(crate) trait DeclareMore {
    /// Declares one statement that no transaction may contain and that gives the same end when it is sent again.
    fn again(&self, label: &str, connection: &str, statement: &str) -> Result<(), Failure>;
    /// Declares that a service's container is restarted: same image, same variables.
    fn restart(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares a deployment of the image that runs, for a service that is built from a repository.
    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure>;
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
}

/// Everything that a plan of this plugin declares.
pub(crate) trait Declares:
    Declare + DeclareBlocks + DeclareMore + DeclareSql + DeclareTransfers
{
}

impl<D: Declare + DeclareBlocks + DeclareMore + DeclareSql + DeclareTransfers> Declares for D {}

/// Returns a piece of literal text.
pub(crate) fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

/// Returns a transaction of statements that are literal text.
pub(crate) fn statements<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<Piece>> {
    texts.into_iter().map(|one| vec![text(one)]).collect()
}
