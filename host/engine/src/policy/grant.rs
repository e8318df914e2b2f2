//! What the operator granted one plugin, and what each call of the plugin needs.

use std::fmt::Write as _;

use crate::model::{Effect, Failure, Grantable, HttpMethod, Kind, Problem, Read, ServiceRef};

/// What the operator granted one plugin in one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    entries: Vec<Grantable>,
    /// The head of the table in `lockstep.toml` that grants more; empty where nothing can.
    table: String,
}

/// The extra of a denial that holds the lines which would grant what was denied.
const ADD: &str = "add";

/// The longest such lines, in bytes: a plugin chooses the names in them, and no real one comes near.
const LONGEST: usize = 4 * 1024;

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
        Self { entries, table: String::new() }
    }

    /// Says where `lockstep.toml` grants more, so that each denial holds the exact lines: under the operator's own name
    /// for the plugin.
    #[must_use]
    pub fn written_for(mut self, environment: &str, plugin: &str) -> Self {
        self.table = format!("[[environments.{}.grants.{}]]\n", key(environment), key(plugin));
        self
    }

    /// Returns what of `requests` is not granted.
    pub fn missing<'a>(&'a self, requests: &'a [Grantable]) -> impl Iterator<Item = &'a Grantable> {
        let covers = |entry: &Grantable, request: &Grantable| {
            entry.capability == request.capability
                && entry.access == request.access
                && (entry.name == request.name || entry.name == "*")
                && request.paths.iter().all(|path| entry.paths.contains(path))
        };
        requests
            .iter()
            .filter(move |request| !self.entries.iter().any(|entry| covers(entry, request)))
    }

    /// Returns the lines of `lockstep.toml` that grant `entry`.
    pub fn lines(&self, entry: &Grantable) -> String {
        let Grantable { capability, name, access, paths, why: _ } = entry;
        let mut lines = self.table.clone();
        for (key, value) in [("capability", capability), ("name", name), ("access", access)] {
            // Writing to a string can't fail.
            let _written = writeln!(lines, "{key} = {}", quoted(value));
        }
        if !paths.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            let _written = writeln!(lines, "paths = [{}]", paths.join(", "));
        }
        lines
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
            Read::Services | Read::Staged | Read::Published(_) | Read::Template(_) => {
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
        if let Kind::Transfer(transfer) = &effect.kind {
            let access = transfer.function();
            let need = |name| Need { capability: "sql", name: Some(name), access };
            return transfer.connections().into_iter().try_for_each(|name| self.check(&need(name)));
        }
        let (capability, name) = match &effect.kind {
            Kind::RestoreVariables { .. } | Kind::ForgetVariables { .. } => {
                return Err(Failure::denied(
                    "grant:host-only",
                    "only the host puts variables back and forgets what it kept of them",
                ));
            }
            Kind::RedisCommand { connection, .. } => ("redis", Some(connection.as_str())),
            Kind::SqlExecute { connection, .. }
            | Kind::HoldWrites { connection, .. }
            | Kind::ReleaseWrites { connection, .. } => ("sql", Some(connection.as_str())),
            Kind::HttpSend { endpoint, .. } => ("http", Some(endpoint.as_str())),
            Kind::CreateService { name, .. } | Kind::CreateBuiltService { name, .. } => {
                ("railway", Some(name.as_str()))
            }
            Kind::LockBackup { .. }
            | Kind::DeleteBackup { .. }
            | Kind::StageRevert { .. }
            | Kind::CommitStaged { .. }
            | Kind::DiscardStaged { .. } => ("railway", None),
            Kind::Transfer(_) => ("sql", None),
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
            | Kind::StageConversion { root: service, .. }
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
        if self.entries.iter().any(fits) { Ok(()) } else { Err(self.denied(need)) }
    }

    /// Says what would grant it. A run's grant is the plan's and can't grow, so there it is not said.
    fn add(&self, problem: &mut Problem, wanted: &Grantable) {
        let lines = self.lines(wanted);
        if !self.table.is_empty() && lines.len() <= LONGEST {
            problem.extra.push((ADD.to_owned(), lines));
        }
    }

    fn denied(&self, need: &Need<'_>) -> Failure {
        let name = need.name.unwrap_or("*");
        let text =
            format!("the plugin was not granted `{}` of {} `{name}`", need.access, need.capability);
        let mut problem = Problem::new("grant:missing", text);
        self.add(&mut problem, &entry(need.capability, name, need.access));
        Failure::Denied(problem)
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
        let wanted = Grantable { paths: vec![path.to_owned()], ..entry("http", endpoint, "read") };
        self.add(&mut problem, &wanted);
        Err(Failure::Denied(problem))
    }
}

/// Returns whether `path` is one that `pattern` lists: equal, or below a pattern that ends with `*`.
///
/// The query counts as part of the path. A path with a step upwards or a second slash never fits a pattern with `*`, and behind `=` that
/// stands for one value, so that nothing can be added to what is asked.
pub fn admits_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == path,
        Some(prefix) => {
            let lower = path.to_ascii_lowercase();
            let in_value = prefix.split_once('?').is_some_and(|(_, query)| query.ends_with('='));
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| !in_value || !rest.contains(['&', ';', '#']))
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

fn entry(capability: &str, name: &str, access: &str) -> Grantable {
    Grantable {
        capability: capability.to_owned(),
        name: name.to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: String::new(),
    }
}

/// Returns a key of TOML, in quotes where it needs them.
fn key(text: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { quoted(text) }
}

/// Returns a string of TOML. A plugin chooses the names in it, so none of them may end the string, begin a line or show
/// itself as something else.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => {
                // Writing to a string can't fail.
                let _written = write!(quoted, "\\U{:08X}", u32::from(character));
            }
        }
    }
    quoted + "\""
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

    #[track_caller]
    fn lines(grant: &Grant, read: &Read) -> String {
        let Err(Failure::Denied(problem)) = grant.read(read) else { panic!("must be denied") };
        problem.extra[0].1.clone()
    }

    #[test]
    fn what_is_not_granted_is_denied_with_the_lines_to_add() {
        let grant = Grant::default().written_for("staging", "my-redis");
        assert_eq!(
            lines(&grant, &Read::Keyspace("main".to_owned(), 1, false)),
            "[[environments.staging.grants.my-redis]]\n\
             capability = \"redis\"\nname = \"main\"\naccess = \"read\"\n"
        );
        let grant = Grant::new(vec![entry("http", "backup", "read")]).written_for("a b", "c.d");
        assert_eq!(
            lines(&grant, &get("/health")),
            "[[environments.\"a b\".grants.\"c.d\"]]\n\
             capability = \"http\"\nname = \"backup\"\naccess = \"read\"\npaths = [\"/health\"]\n"
        );
    }

    #[test]
    fn a_name_of_the_plugins_own_can_not_add_lines_to_the_lines() {
        let name = "x\"\naccess = \"execute\"\u{1b}[2J\u{202e}\\";
        let grant = Grant::default().written_for("staging", "my-redis");
        let said = lines(&grant, &Read::Keyspace(name.to_owned(), 1, false));
        assert_eq!(said.lines().count(), 4, "{said}");
        assert_eq!(
            said.lines().nth(2),
            Some(
                "name = \"x\\\"\\U0000000Aaccess = \\\"execute\\\"\\U0000001B[2J\\U0000202E\\\\\""
            )
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
    fn what_stands_for_a_value_of_a_query_stands_for_no_other_part_of_it() {
        let asked = "/?query=SELECT%201&database=";
        let grant = grant("http", "backup", "read", &[&format!("{asked}*"), "/list?*"]);
        for path in [asked.to_owned() + "default", "/list?page=1&per=2".to_owned()] {
            assert!(grant.read(&get(&path)).is_ok(), "{path}");
        }
        for more in ["x&query=%20UNION%20SELECT%202", "x&max_execution_time=0", "x;y", "x#y"] {
            assert!(grant.read(&get(&format!("{asked}{more}"))).is_err(), "{more}");
        }
        assert!(grant.read(&get("/?query=SELECT%202&database=default")).is_err());
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
