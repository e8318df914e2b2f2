//! What the operator granted one plugin, and what each call of the plugin needs.

use crate::model::{Effect, Failure, Grantable, HttpMethod, Kind, Problem, Read, ServiceRef};

/// What the operator granted one plugin in one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    entries: Vec<Grantable>,
}

/// What a call needs.
struct Need<'a> {
    capability: &'static str,
    /// None where the call is about the environment as a whole.
    name: Option<&'a str>,
    access: &'a str,
}

impl Grant {
    /// Returns a grant of `entries`, in a stable order.
    pub fn new(mut entries: Vec<Grantable>) -> Self {
        entries.sort();
        entries.dedup();
        Self { entries }
    }

    /// Returns what was granted, in a stable order.
    pub fn entries(&self) -> &[Grantable] {
        &self.entries
    }

    /// Checks that the plugin may read this.
    ///
    /// # Errors
    /// Always [`Failure::Denied`], with the lines that would allow it.
    pub fn read(&self, read: &Read) -> Result<(), Failure> {
        let need = |capability, name| Need { capability, name, access: "read" };
        match read {
            Read::Services | Read::Staged | Read::Published(_) => {
                self.check(&need("railway", None))
            }
            Read::Deployment(_) => Ok(()),
            Read::Variables(service)
            | Read::Destination(service, _)
            | Read::Deployments(service, _)
            | Read::Logs(service, ..)
            | Read::Traffic(service, ..)
            | Read::Backups(service) => self.check(&need("railway", Some(name_of(service)))),
            Read::Redis(connection, _) | Read::Keyspace(connection, ..) => {
                self.check(&need("redis", Some(connection)))
            }
            Read::Sql(connection, ..) => self.check(&need("sql", Some(connection))),
            Read::Http(method, request) => {
                let (HttpMethod::Get | HttpMethod::Head) = method;
                self.check(&need("http", Some(&request.endpoint)))?;
                self.path(&request.endpoint, &request.path)
            }
        }
    }

    /// Checks that the plugin may declare this effect.
    ///
    /// # Errors
    /// Always [`Failure::Denied`], with the lines that would allow it.
    pub fn declare(&self, effect: &Effect) -> Result<(), Failure> {
        let (capability, name) = match &effect.kind {
            Kind::RestoreVariables { .. } => {
                return Err(Failure::denied(
                    "grant:host-only",
                    "only the host puts variables back",
                ));
            }
            Kind::RedisCommand { connection, .. } => ("redis", Some(connection.as_str())),
            Kind::SqlExecute { connection, .. } => ("sql", Some(connection.as_str())),
            Kind::HttpSend { endpoint, .. } => ("http", Some(endpoint.as_str())),
            Kind::CreateService { name, .. } => ("railway", Some(name.as_str())),
            Kind::LockBackup { .. }
            | Kind::DeleteBackup { .. }
            | Kind::CommitStaged { .. }
            | Kind::DiscardStaged { .. } => ("railway", None),
            Kind::SetVariables { service, .. }
            | Kind::GenerateVariable { service, .. }
            | Kind::DeleteVariables { service, .. }
            | Kind::SetImage { service, .. }
            | Kind::SetSettings { service, .. }
            | Kind::Deploy { service, .. }
            | Kind::Restart { service }
            | Kind::Stop { service }
            | Kind::DeleteService { service }
            | Kind::CreateVolume { service, .. }
            | Kind::SetMount { service, .. }
            | Kind::DeleteVolume { service }
            | Kind::BackupVolume { service }
            | Kind::RestoreVolume { service, .. } => ("railway", Some(name_of(service))),
        };
        self.check(&Need { capability, name, access: effect.kind.function() })
    }

    fn check(&self, need: &Need<'_>) -> Result<(), Failure> {
        let fits = |entry: &Grantable| {
            entry.capability == need.capability
                && entry.access == need.access
                && need.name.is_none_or(|name| entry.name == name || entry.name == "*")
        };
        if self.entries.iter().any(fits) { Ok(()) } else { Err(denied(need)) }
    }

    fn path(&self, endpoint: &str, path: &str) -> Result<(), Failure> {
        let mut entries = self.entries.iter().filter(|entry| {
            entry.capability == "http" && entry.access == "read" && entry.name == endpoint
        });
        if entries.any(|entry| entry.paths.iter().any(|pattern| admits_path(pattern, path))) {
            return Ok(());
        }
        let mut problem = Problem::new(
            "grant:path",
            format!(
                "`{path}` is not granted as a read of endpoint `{endpoint}`: a GET may cause effects"
            ),
        );
        problem.extra.push((
            "add".to_owned(),
            format!("paths = [\"{path}\"]  # to the read of `{endpoint}`"),
        ));
        Err(Failure::Denied(problem))
    }
}

/// Returns whether `path` is one that `pattern` lists: equal, or below a pattern that ends with `*`.
///
/// The query counts as part of the path. A path with a step upwards or a second slash never fits a pattern with `*`.
pub fn admits_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == path,
        Some(prefix) => {
            let lower = path.to_ascii_lowercase();
            path.starts_with(prefix)
                && !path.contains("..")
                && !path.contains("//")
                && !lower.contains("%2e")
                && !lower.contains("%2f")
                && !path.contains('\\')
        }
    }
}

fn name_of(service: &ServiceRef) -> &str {
    let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
    name
}

fn denied(need: &Need<'_>) -> Failure {
    let name = need.name.unwrap_or("*");
    let mut problem = Problem::new(
        "grant:missing",
        format!("the plugin was not granted `{}` of {} `{name}`", need.access, need.capability),
    );
    let line = format!(
        "{{ capability = \"{}\", name = \"{name}\", access = \"{}\" }}",
        need.capability, need.access
    );
    problem.extra.push(("add".to_owned(), line));
    Failure::Denied(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Request;

    fn grant(capability: &str, name: &str, access: &str, paths: &[&str]) -> Grant {
        Grant::new(vec![Grantable {
            capability: capability.to_owned(),
            name: name.to_owned(),
            access: access.to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            why: String::new(),
        }])
    }

    fn get(path: &str) -> Read {
        let request =
            Request { endpoint: "backup".to_owned(), path: path.to_owned(), headers: Vec::new() };
        Read::Http(HttpMethod::Get, request)
    }

    #[test]
    fn what_is_not_granted_is_denied_with_the_line_to_add() {
        let Err(Failure::Denied(problem)) =
            Grant::default().read(&Read::Keyspace("main".to_owned(), 1, false))
        else {
            panic!("must be denied");
        };
        assert_eq!(
            problem.extra[0].1,
            "{ capability = \"redis\", name = \"main\", access = \"read\" }"
        );
    }

    #[test]
    fn a_read_of_one_service_is_no_read_of_another_and_no_effect() {
        let grant = grant("railway", "redis", "read", &[]);
        assert!(grant.read(&Read::Backups(ServiceRef::Named("redis".to_owned()))).is_ok());
        assert!(grant.read(&Read::Backups(ServiceRef::Named("postgres".to_owned()))).is_err());
        let kind = Kind::Stop { service: ServiceRef::Named("redis".to_owned()) };
        assert!(grant.declare(&Effect::plain("stop".parse().unwrap(), kind)).is_err());
    }

    #[test]
    fn a_get_on_a_path_that_is_not_listed_is_denied() {
        let grant = grant("http", "backup", "read", &["/health", "/api/public/*"]);
        assert!(grant.read(&get("/health")).is_ok());
        assert!(grant.read(&get("/backup")).is_err());
        assert!(grant.read(&get("/health?x=1")).is_err());
        assert!(grant.read(&get("/api/public/ready")).is_ok());
        for path in ["/api/public/../../backup", "/api/public/%2e%2e/backup", "/api/public//backup"]
        {
            assert!(grant.read(&get(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn only_the_host_puts_variables_back() {
        let grant = grant("railway", "*", "restore-variables", &[]);
        let kind = Kind::RestoreVariables {
            service: ServiceRef::Named("redis".to_owned()),
            names: Vec::new(),
        };
        assert!(grant.declare(&Effect::plain("x".parse().unwrap(), kind)).is_err());
    }
}
