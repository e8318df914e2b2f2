//! The job `pg-migrate-ha`: what it is, which URLs it can take apart, and what its log says.
//!
//! It dumps every database of the old server and restores each at the cluster. It lists them first, and a list that it can't
//! get is an empty one to it: then it copies nothing and ends well. Its end is therefore never believed alone.

use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::{Failure, Location};

use crate::account::{self, Password, URL};
use crate::answer;
use crate::names::OLD;
use crate::service::Running;

/// The service, and its alias in plans: what is granted by name covers both.
pub(crate) const SERVICE: &str = "pg-migrate-ha";
/// Where it is built from.
pub(crate) const REPOSITORY: &str = "railwayapp-templates/pg-migrate-ha";
/// The commit that is built: the one that was read.
pub(crate) const COMMIT: &str = "2a538d4a41dc042eba0aec0ac13e99244afc2d86";
/// The folder in it that is built.
pub(crate) const FOLDER: &str = "script";
/// The major version of its `pg_dump`, which refuses a newer server.
pub(crate) const MAJOR: u64 = 16;

/// The variable from which it copies.
pub(crate) const FROM: &str = "STANDALONE_URL";
/// The variable to which it copies.
pub(crate) const TO: &str = "PRIMARY_URL";
/// The database that every server has.
pub(crate) const MAINTENANCE: &str = "postgres";

/// Databases of the old server, as the job lists them.
pub(crate) const DATABASES: &str =
    "SELECT d.datname::text FROM pg_database d WHERE NOT d.datistemplate ORDER BY 1";

/// Asks for the databases that the job copies.
pub(crate) fn databases<O: Sql>(outside: &O) -> Result<Vec<String>, Failure> {
    answer::texts(outside, OLD, DATABASES, &[])
}

/// Returns whether the job's shell takes a database's name as one word.
pub(crate) fn takes(database: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !database.is_empty() && database.bytes().all(plain)
}

/// Returns whether a line of its log says that a database was restored.
pub(crate) fn says_restored(line: &str, database: &str) -> bool {
    line.trim_end().ends_with(&format!("Database {database} restored successfully"))
}

/// Returns why the job can't take a URL apart, if it can't: it does so by a pattern of its own, and not as a URL.
pub(crate) fn unfit(location: &Location) -> Option<String> {
    let why = match account::form(location) {
        None => "it names no password",
        Some("plain" | "escaped") => "",
        Some(_) => "its password has characters that must be escaped in a URL",
    };
    if location.scheme != "postgresql" {
        Some(format!("its scheme is `{}`, and the job knows only `postgresql`", location.scheme))
    } else if location.user.is_none() {
        Some("it names no user".to_owned())
    } else if !why.is_empty() {
        Some(why.to_owned())
    } else if location.host.is_empty() || location.host.contains(':') {
        Some("its host is no name and no IPv4 address".to_owned())
    } else if location.port.is_none() {
        Some("it writes no port out".to_owned())
    } else if location.path.trim_start_matches('/').is_empty() {
        Some("it names no database".to_owned())
    } else {
        None
    }
}

/// What a plan that uses the job reads beside everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobSeen {
    /// The databases that it would copy; none where they can't be read.
    pub(crate) databases: Vec<String>,
    /// Why it could not take a URL apart, by the service that has it.
    pub(crate) unfit: Vec<(String, String)>,
    /// Whether a service of its name is there.
    pub(crate) taken: bool,
}

impl JobSeen {
    /// Reads it. The job is led to the node that leads by a URL that is put together from references, so the password at the
    /// cluster's side must stand in it as it is; it is only seen where PgPool's service has a whole URL.
    pub(crate) fn read<O: Railway + Sql>(
        outside: &O,
        all: &[Running],
        (old, front): (&Running, (&Running, &Password)),
    ) -> Result<Self, Failure> {
        let why = match outside.destination(old.name(), URL) {
            Ok(Some(location)) => unfit(&location),
            Ok(None) => Some("it renders to nothing".to_owned()),
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            Err(failure) => Some(failure.line()),
        };
        let mut unfit: Vec<_> = why.map(|why| (old.name().to_owned(), why)).into_iter().collect();
        let (front, password) = front;
        let why = match password {
            Password::Plain | Password::Unseen => None,
            Password::Escaped => Some(
                "its password must be escaped in a URL, and the job is led to a node, by a URL that has it as it is".to_owned(),
            ),
            Password::Unfit(why) => Some(why.clone()),
        };
        unfit.extend(why.map(|why| (front.name().to_owned(), why)));
        let databases = match databases(outside) {
            Ok(databases) => databases,
            Err(failure) if failure.is_denied() => return Err(failure),
            Err(_) => Vec::new(),
        };
        let taken = all.iter().any(|running| running.name() == SERVICE);
        Ok(Self { databases, unfit, taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(change: impl FnOnce(&mut Location)) -> Location {
        let mut location = Location {
            scheme: "postgresql".to_owned(),
            host: "postgres.railway.internal".to_owned(),
            port: Some(5432),
            user: Some("postgres".to_owned()),
            path: "/litellm_langfuse".to_owned(),
            extra: vec![("password".to_owned(), "plain".to_owned())],
        };
        change(&mut location);
        location
    }

    #[track_caller]
    fn breaks(change: impl FnOnce(&mut Location), part: &str) {
        let why = unfit(&location(change)).expect("it must not fit");
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn what_its_pattern_breaks_on_is_told() {
        assert_eq!(unfit(&location(|_| {})), None);
        assert_eq!(unfit(&location(|it| it.extra[0].1 = "escaped".to_owned())), None);
        breaks(|it| it.extra[0].1 = "raw".to_owned(), "must be escaped");
        breaks(|it| it.extra.clear(), "no password");
        breaks(|it| it.scheme = "postgres".to_owned(), "`postgres`");
        breaks(|it| it.port = None, "no port");
        breaks(|it| it.user = None, "no user");
        breaks(|it| it.host = "fd12::4".to_owned(), "IPv4");
        breaks(|it| it.path = "/".to_owned(), "no database");
    }

    #[test]
    fn a_line_speaks_of_one_database_only() {
        assert!(says_restored("[ OK ] Database a_b restored successfully", "a_b"));
        assert!(!says_restored("[ OK ] Database a_b restored successfully", "b"));
        assert!(!says_restored("[ OK ] Database a dumped successfully", "a"));
        assert!(takes("litellm_langfuse") && !takes("my db") && !takes("a*"));
    }
}
