//! The account with which clients come in, and how its password may stand in a URL.
//!
//! A reference is rendered as it is: a password with characters that must be escaped in a URL breaks each URL that is put
//! together from its variable. Where the operator wrote a whole URL with the password escaped, that one can be referred to.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Location};

use crate::service::Running;

/// The variable of a database's or a front's service that holds its whole URL.
pub(crate) const URL: &str = "DATABASE_URL";

/// How a service's password may stand in a URL, as far as its own URL tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Password {
    /// As it is.
    Plain,
    /// Escaped alone, as the service's own URL has it.
    Escaped,
    /// Nothing is known: the service has no URL with a password.
    Unseen,
    /// In no way that could be referred to, and why.
    Unfit(String),
}

impl Password {
    /// Looks at a service's own URL, and returns where that leads too.
    pub(crate) fn of<O: Railway>(
        outside: &O,
        running: &Running,
    ) -> Result<(Self, Option<Location>), Failure> {
        if !running.variables.iter().any(|variable| variable.name == URL) {
            return Ok((Self::Unseen, None));
        }
        let location = match outside.destination(running.name(), URL) {
            Ok(location) => location,
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            Err(failure) => return Ok((Self::Unfit(failure.line()), None)),
        };
        let form = location.as_ref().and_then(form);
        let password = match form {
            None => Self::Unseen,
            Some("plain") => Self::Plain,
            // What is put together from references has the password as its variable does: a `%` in it is its own.
            Some("escaped") if running.hides(URL) => Self::Escaped,
            Some(_) => Self::Unfit(format!(
                "the password in `{URL}` of `{}` has characters that must be escaped in a URL",
                running.name()
            )),
        };
        Ok((password, location))
    }
}

/// Returns how the password of a URL is written, if it has one.
pub(crate) fn form(location: &Location) -> Option<&str> {
    let told = location.extra.iter().find(|(name, _)| name == "password");
    told.map(|(_, form)| form.as_str())
}

/// How clients come in at the cluster's front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it is reached: where its own URL leads, or else its usual private name.
    pub(crate) address: String,
    /// How its password may stand in a URL.
    pub(crate) password: Password,
}

impl Entry {
    /// Looks at the front's own URL. One that has the password escaped is of use only if it is the one that clients need.
    pub(crate) fn read<O: Railway>(
        outside: &O,
        front: &Running,
        (user, database): (&str, &str),
    ) -> Result<Self, Failure> {
        let (password, location) = Password::of(outside, front)?;
        let leads = |location: &Location| {
            let name = location.path.trim_start_matches('/').split(['?', '#']).next();
            ["postgres", "postgresql"].contains(&location.scheme.as_str())
                && location.user.as_deref() == Some(user)
                && name == Some(database)
        };
        let is_that = location.as_ref().is_some_and(leads);
        let is_the_users = location.as_ref().is_some_and(|it| it.user.as_deref() == Some(user));
        let password = match password {
            Password::Escaped if !is_that => Password::Unfit(format!(
                "its password must be escaped in a URL, and `{URL}`, where it is, is not that of `{database}` for `{user}`"
            )),
            // Another user's password says nothing of this one's.
            Password::Plain if !is_the_users => Password::Unseen,
            Password::Plain | Password::Escaped | Password::Unseen | Password::Unfit(_) => password,
        };
        let address = location
            .map_or_else(|| format!("{}.railway.internal", front.name()), |location| location.host);
        Ok(Self { address, password })
    }
}
