//! HTTP: reads and messages to named endpoints. Redirects are answers and never followed, so no path is asked for that
//! was not admitted; addresses that are not public are refused unless they are a service of the environment.

mod client;
mod effect;
mod guard;

pub(crate) use client::Endpoints;
pub(crate) use effect::Ready;
pub(crate) use guard::is_public;
