//! What still leads to a server whose service is to be deleted, in the variables of every service, whoever that is.
//!
//! A reference to a service that is gone renders to nothing, and what holds it does not come up again: a service that was no
//! client when the plan was made, or a node of the cluster that takes its password from there.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Variable, VariableValue};

use crate::references::{is_named, may_lead_anywhere, references, speaks_of_databases};
use crate::survey::hosts;

/// A service and one of its variables.
type Place = (String, String);

/// What leads to a server, or may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Variables that lead to it.
    pub(crate) leading: Vec<Place>,
    /// Variables whose names speak of databases, and of which nothing can be seen.
    pub(crate) unclear: Vec<Place>,
}

/// Where a variable leads.
enum Leads {
    There,
    Elsewhere,
    Unseen,
}

impl Left {
    /// Reads the variables of every service, and looks through them.
    pub(crate) fn read<O: Railway>(outside: &O, old: &str) -> Result<Self, Failure> {
        let hosts = hosts(outside, old, &outside.variables(old)?)?;
        let mut left = Self::default();
        for service in outside.services()?.iter().filter(|service| service.name != old) {
            let variables = outside.variables(&service.name)?;
            left.look(outside, (&service.name, &variables), (old, &hosts))?;
        }
        Ok(left)
    }

    /// Looks through the variables of one service.
    pub(crate) fn look<O: Railway>(
        &mut self,
        outside: &O,
        (service, variables): (&str, &[Variable]),
        (old, hosts): (&str, &[String]),
    ) -> Result<(), Failure> {
        // Railway's own lead where Railway says, and go with their service.
        for variable in variables.iter().filter(|it| !it.name.starts_with("RAILWAY_")) {
            let place = || (service.to_owned(), variable.name.clone());
            match leads(outside, service, variable, (old, hosts))? {
                Leads::There => self.leading.push(place()),
                Leads::Unseen if may_be_an_address(&variable.name) => self.unclear.push(place()),
                Leads::Elsewhere | Leads::Unseen => {}
            }
        }
        Ok(())
    }
}

/// Returns places in words.
pub(crate) fn listed(places: &[Place]) -> String {
    let words: Vec<String> =
        places.iter().map(|(service, variable)| format!("`{variable}` of `{service}`")).collect();
    words.join(", ")
}

fn leads<O: Railway>(
    outside: &O,
    service: &str,
    variable: &Variable,
    (old, hosts): (&str, &[String]),
) -> Result<Leads, Failure> {
    if let VariableValue::Shown(text) = &variable.value {
        let refers = references(text).any(|(owner, _)| owner == old);
        if refers || hosts.iter().any(|host| is_named(text, host)) {
            return Ok(Leads::There);
        }
        if !may_lead_anywhere(text) {
            return Ok(Leads::Elsewhere);
        }
    }
    match outside.destination(service, &variable.name) {
        Ok(Some(location)) => {
            let is_old = hosts.iter().any(|host| host.eq_ignore_ascii_case(&location.host));
            Ok(if is_old { Leads::There } else { Leads::Elsewhere })
        }
        Ok(None) => Ok(Leads::Elsewhere),
        Err(failure) if failure.is_denied() || failure.may_pass() => Err(failure),
        // What is no URL, or is sealed.
        Err(_) => Ok(Leads::Unseen),
    }
}

/// Returns whether a variable may say where a database is. A password says nothing of that.
fn may_be_an_address(name: &str) -> bool {
    speaks_of_databases(name) && !name.to_ascii_uppercase().contains("PASS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_not_taken_for_another_that_begins_or_ends_like_it() {
        let host = "postgres.railway.internal";
        for text in [
            host,
            "host=POSTGRES.railway.internal port=5432",
            "postgresql://u:p@postgres.railway.internal:5432/d",
            "redis.railway.internal,postgres.railway.internal",
        ] {
            assert!(is_named(text, host), "{text}");
        }
        for text in ["my-postgres.railway.internal", "postgres.railway.internal.example.com", ""] {
            assert!(!is_named(text, host), "{text}");
        }
        assert!(!is_named("127.77.0.41", "127.77.0.4"));
    }

    #[test]
    fn a_password_is_no_address() {
        assert!(may_be_an_address("DATABASE_URL") && may_be_an_address("pg_dsn"));
        assert!(!may_be_an_address("POSTGRES_PASSWORD") && !may_be_an_address("REDIS_URL"));
    }
}
