//! Railway's GraphQL API, served over the lab's state.

mod answer;
mod caller;
mod connection;
mod execute;
mod logs;
mod mutation;
mod object;
mod page;
mod query;
mod record;
mod refusal;
mod request;
mod schema;
mod served;

pub(crate) use connection::{Connections, Cut};
pub(crate) use request::routes;
pub(crate) use schema::schema;
