//! What the promises in `it` and the measures in `bench` share: data, and writers of it that never stop.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "it is used by tests and measurements only, which fail by panicking and read the clock"
)]

pub mod tables;
pub mod writers;

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Dials a database.
///
/// # Errors
/// It can't be reached, or does not let us in.
pub async fn dial(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    drop(tokio::spawn(connection));
    Ok(client)
}
