//! What effects are declared with.

use lockstep_engine::model::{
    Affects, Allowed, ArgumentRule, Assignment, Atomicity, Capture, DeploySource, Indexes, Message,
    Peer, Piece, Proof, Recipe, SchemaPart, Scope, ServiceRef, Statement, Times,
};

use super::{Inward, Refused, name, unknown};
use crate::bindings::lockstep::plugin::{http_effects, railway_effects, sql_effects, types};

impl Inward for types::ServiceRef {
    type Inside = ServiceRef;
    fn inward(self) -> Result<ServiceRef, Refused> {
        match self {
            Self::Named(name) => Ok(ServiceRef::Named(name)),
            Self::Made(alias) => Ok(ServiceRef::Made(alias)),
            Self::Other(case) => Err(unknown("service-ref", &case)),
        }
    }
}

impl Inward for types::Piece {
    type Inside = Piece;
    fn inward(self) -> Result<Piece, Refused> {
        Ok(match self {
            Self::Text(text) => Piece::Text(text),
            Self::Secret(name) => Piece::Secret(name),
            Self::Conninfo(peer) => Piece::Conninfo(Peer {
                connection: peer.connection,
                seen_by: peer.seen_by.inward()?,
            }),
            Self::Reference((service, variable)) => Piece::Reference(service.inward()?, variable),
            Self::Argument(name) => Piece::Argument(name),
            Self::Other(case) => return Err(unknown("piece", &case)),
        })
    }
}

impl Inward for types::Allowed {
    type Inside = Allowed;
    fn inward(self) -> Result<Allowed, Refused> {
        Ok(match self {
            Self::Among(values) => Allowed::Among(values.inward()?),
            Self::Between((low, high)) => Allowed::Between(low, high),
            Self::Observed((fact, column)) => Allowed::Observed(fact, column),
            Self::GivenBy((label, fact)) => Allowed::GivenBy(name(&label)?, fact),
            Self::Any => Allowed::Any,
            Self::Other(case) => return Err(unknown("allowed", &case)),
        })
    }
}

impl Inward for types::ArgumentRule {
    type Inside = ArgumentRule;
    fn inward(self) -> Result<ArgumentRule, Refused> {
        let allowed = self
            .allowed
            .inward()
            .map_err(|refused| refused.within(&format!("rule of argument {:?}", self.name)))?;
        Ok(ArgumentRule { name: self.name, allowed })
    }
}

impl Inward for types::Times {
    type Inside = Times;
    fn inward(self) -> Result<Times, Refused> {
        match self {
            Self::Once => Ok(Times::Once),
            Self::AtMost(count) => Ok(Times::AtMost(count)),
            Self::Other(case) => Err(unknown("times", &case)),
        }
    }
}

impl Inward for types::Proof {
    type Inside = Proof;
    fn inward(self) -> Result<Proof, Refused> {
        match self {
            Self::ByKind => Ok(Proof::ByKind),
            Self::Repeatable => Ok(Proof::Repeatable),
            Self::Read(statement) => Ok(Proof::Read(statement)),
            Self::Ask => Ok(Proof::Ask),
            Self::Other(case) => Err(unknown("proof", &case)),
        }
    }
}

impl Inward for railway_effects::Assignment {
    type Inside = Assignment;
    fn inward(self) -> Result<Assignment, Refused> {
        let value = self
            .value
            .inward()
            .map_err(|refused| refused.within(&format!("variable {:?}", self.name)))?;
        Ok(Assignment { name: self.name, value })
    }
}

impl Inward for railway_effects::Recipe {
    type Inside = Recipe;
    fn inward(self) -> Result<Recipe, Refused> {
        match self {
            Self::Hex(length) => Ok(Recipe::Hex(length)),
            Self::Alphanumeric(length) => Ok(Recipe::Alphanumeric(length)),
            Self::Base64(length) => Ok(Recipe::Base64(length)),
            Self::Other(case) => Err(unknown("recipe", &case)),
        }
    }
}

impl Inward for railway_effects::DeploySource {
    type Inside = DeploySource;
    fn inward(self) -> Result<DeploySource, Refused> {
        match self {
            Self::Configured => Ok(DeploySource::Configured),
            Self::SameImage => Ok(DeploySource::SameImage),
            Self::Commit(commit) => Ok(DeploySource::Commit(commit)),
            Self::Other(case) => Err(unknown("deploy-source", &case)),
        }
    }
}

impl Inward for sql_effects::Statement {
    type Inside = Statement;
    fn inward(self) -> Result<Statement, Refused> {
        let affects =
            self.affects.map(|rows| Affects { at_least: rows.at_least, at_most: rows.at_most });
        Ok(Statement { text: self.text.inward()?, parameters: self.parameters, affects })
    }
}

impl Inward for sql_effects::Atomicity {
    type Inside = Atomicity;
    fn inward(self) -> Result<Atomicity, Refused> {
        match self {
            Self::Transaction => Ok(Atomicity::Transaction),
            Self::Alone => Ok(Atomicity::Alone),
            Self::Other(case) => Err(unknown("atomicity", &case)),
        }
    }
}

impl Inward for sql_effects::Part {
    type Inside = SchemaPart;
    fn inward(self) -> Result<SchemaPart, Refused> {
        match self {
            Self::BeforeRows => Ok(SchemaPart::BeforeRows),
            Self::BeforeBulkLoad => Ok(SchemaPart::BeforeBulkLoad),
            Self::AfterRows => Ok(SchemaPart::AfterRows),
            Self::Other(case) => Err(unknown("part", &case)),
        }
    }
}

impl Inward for sql_effects::Indexes {
    type Inside = Indexes;
    fn inward(self) -> Result<Indexes, Refused> {
        match self {
            Self::Keys => Ok(Indexes::Keys),
            Self::Others => Ok(Indexes::Others),
            Self::Other(case) => Err(unknown("indexes", &case)),
        }
    }
}

impl Inward for sql_effects::Scope {
    type Inside = Scope;
    fn inward(self) -> Result<Scope, Refused> {
        match self {
            Self::Schema => Ok(Scope::Schema),
            Self::Rows => Ok(Scope::Rows),
            Self::Everything => Ok(Scope::Everything),
            Self::Other(case) => Err(unknown("scope", &case)),
        }
    }
}

impl Inward for http_effects::Message {
    type Inside = Message;
    fn inward(self) -> Result<Message, Refused> {
        let capture = |found: http_effects::Capture| Capture {
            fact: found.fact,
            pointer: found.pointer,
            secret: found.secret,
        };
        let headers = self.headers.into_iter().map(|(name, value)| Ok((name, value.inward()?)));
        Ok(Message {
            method: method(self.method).to_owned(),
            path: self.path.inward()?,
            headers: headers.collect::<Result<_, Refused>>()?,
            body: self.body.inward()?,
            success: self.success,
            captures: self.captures.into_iter().map(capture).collect(),
        })
    }
}

const fn method(method: http_effects::Method) -> &'static str {
    match method {
        http_effects::Method::Get => "GET",
        http_effects::Method::Post => "POST",
        http_effects::Method::Put => "PUT",
        http_effects::Method::Patch => "PATCH",
        http_effects::Method::Delete => "DELETE",
    }
}
