//! What a plan declares, written down.

use std::cell::RefCell;

use super::access::Access;
use crate::{
    Allowed, ArgumentRule, Declare, DeclareBlocks, DeclareHttp, DeclareSql, DeclareTransfers,
    Failure, Message, Method, Piece, SchemaPart, Scope, ServiceRef, Times,
};

/// Writes down what a plan declares, in its order. Nothing is sent and nothing is refused.
///
/// It takes every kind of effect that the SDK has a trait for. For a kind of its own a plugin implements its own trait for
/// this type, with one call of [`add`](Self::add) in each function.
#[derive(Debug, Default)]
pub struct Declared(RefCell<Vec<Declaration>>);

/// One effect that was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its label.
    pub label: String,
    /// What has to be granted for it.
    pub takes: Vec<Access>,
    /// What it is, in one line of words: `set-image redis redis:7.2.4`.
    pub line: String,
}

impl Declared {
    /// Writes an effect down.
    pub fn add(
        &self,
        label: &str,
        takes: impl IntoIterator<Item = Access>,
        line: impl Into<String>,
    ) -> Result<(), Failure> {
        let takes = takes.into_iter().collect();
        let declaration = Declaration { label: label.to_owned(), takes, line: line.into() };
        self.0.borrow_mut().push(declaration);
        Ok(())
    }

    /// Returns the line of a label.
    #[track_caller]
    pub fn line(&self, label: &str) -> String {
        self.find(label).map_or_else(|| panic!("`{label}` is not declared"), |found| found.line)
    }

    /// Returns every label, in the order in which they were declared.
    pub fn labels(&self) -> Vec<String> {
        self.0.borrow().iter().map(|one| one.label.clone()).collect()
    }

    /// Returns every line, each behind its label: `image: set-image redis redis:7.2.4`.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().iter().map(|one| format!("{}: {}", one.label, one.line)).collect()
    }

    /// Returns everything.
    pub fn all(&self) -> Vec<Declaration> {
        self.0.borrow().clone()
    }

    pub(super) fn find(&self, label: &str) -> Option<Declaration> {
        self.0.borrow().iter().find(|one| one.label == label).cloned()
    }
}

/// Returns pieces in one line: text as it is, and everything that only the host can fill in between angle brackets.
pub fn shown(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(name) => format!("<secret {name}>"),
        Piece::Conninfo(peer) => {
            format!("<{} seen by {}>", peer.connection, service(&peer.seen_by))
        }
        Piece::Reference((of, name)) => format!("<{name} of {}>", service(of)),
        Piece::Argument(name) => format!("<argument {name}>"),
        Piece::Other(kind) => format!("<{kind}>"),
    };
    pieces.iter().map(piece).collect()
}

fn service(of: &ServiceRef) -> String {
    match of {
        ServiceRef::Named(name) | ServiceRef::Other(name) => name.clone(),
        ServiceRef::Made(alias) => format!("the made {alias}"),
    }
}

impl Declare for Declared {
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure> {
        let takes = [Access::railway("set-image", service)];
        self.add(label, takes, format!("set-image {service} {image}"))
    }

    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let takes = [Access::railway("set-settings", service)];
        self.add(label, takes, format!("set-settings {service} {settings:?}"))
    }

    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let takes = [Access::railway("set-variables", service)];
        self.add(label, takes, format!("set-variables {service} {variables:?}"))
    }

    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure> {
        let takes = [Access::railway("delete-variables", service)];
        self.add(label, takes, format!("delete-variables {service} {}", names.join(" ")))
    }

    fn set_mount(&self, label: &str, service: &str, mount: &str) -> Result<(), Failure> {
        let takes = [Access::railway("set-mount", service)];
        self.add(label, takes, format!("set-mount {service} {mount}"))
    }

    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("deploy", service)], format!("deploy {service}"))
    }

    fn stop(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(label, [Access::railway("stop", service)], format!("stop {service}"))
    }

    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure> {
        let takes = [Access::railway("backup-volume", service)];
        self.add(label, takes, format!("backup-volume {service}"))
    }

    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure> {
        let takes = [Access::railway_of("lock-backup", backup_of)];
        self.add(label, takes, format!("lock-backup {backup_of}"))
    }

    fn restore_volume(&self, label: &str, service: &str, backup_of: &str) -> Result<(), Failure> {
        let takes = [Access::railway("restore-volume", service)];
        self.add(label, takes, format!("restore-volume {service} {backup_of}"))
    }

    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        let takes = [Access::railway_of("commit-staged", staged_by)];
        self.add(label, takes, format!("commit-staged {staged_by}"))
    }

    fn redis(&self, label: &str, connection: &str, words: &[&str]) -> Result<(), Failure> {
        let takes = [Access::redis("command", connection)];
        self.add(label, takes, format!("redis {connection} {}", words.join(" ")))
    }
}

impl DeclareBlocks for Declared {
    fn hold_writes(
        &self,
        label: &str,
        connection: &str,
        schemas: &[&str],
        max_outage: u64,
        lock_timeout: u64,
    ) -> Result<(), Failure> {
        let schemas = schemas.join(" ");
        let line = format!("hold-writes {connection} {schemas} {max_outage} {lock_timeout}");
        self.add(label, [Access::sql("hold-writes", connection)], line)
    }

    fn release_writes(&self, label: &str, connection: &str, hold: &str) -> Result<(), Failure> {
        let takes = [Access::sql("release-writes", connection)];
        self.add(label, takes, format!("release-writes {connection} {hold}"))
    }
}

impl DeclareTransfers for Declared {
    fn copy_schema(
        &self,
        label: &str,
        source: &str,
        target: &str,
        part: &SchemaPart,
    ) -> Result<(), Failure> {
        let takes = [source, target].map(|side| Access::sql("copy-schema", side));
        self.add(label, takes, format!("copy-schema {source} {target} {part:?}"))
    }

    fn copy_sequences(
        &self,
        label: &str,
        source: &str,
        target: &str,
        ahead: u64,
    ) -> Result<(), Failure> {
        let takes = [source, target].map(|side| Access::sql("copy-sequences", side));
        self.add(label, takes, format!("copy-sequences {source} {target} {ahead}"))
    }

    fn hold_snapshots(
        &self,
        label: &str,
        left: &str,
        right: &str,
        longest: u64,
    ) -> Result<(), Failure> {
        let takes = [left, right].map(|side| Access::sql("hold-snapshots", side));
        self.add(label, takes, format!("hold-snapshots {left} {right} {longest}"))
    }

    fn compare(
        &self,
        label: &str,
        left: &str,
        right: &str,
        scope: &Scope,
        at: Option<&str>,
        except: &[&str],
    ) -> Result<(), Failure> {
        let takes = [left, right].map(|side| Access::sql("compare", side));
        self.add(label, takes, format!("compare {left} {right} {scope:?} {at:?} {except:?}"))
    }
}

impl DeclareSql for Declared {
    fn transaction(
        &self,
        label: &str,
        connection: &str,
        statements: Vec<Vec<Piece>>,
    ) -> Result<(), Failure> {
        let all: Vec<String> = statements.iter().map(|one| shown(one)).collect();
        let line = format!("transaction {connection} {}", all.join("; "));
        self.add(label, [Access::sql("execute", connection)], line)
    }

    fn alone(
        &self,
        label: &str,
        connection: &str,
        statement: Vec<Piece>,
        happened: &str,
    ) -> Result<(), Failure> {
        let line = format!("alone {connection} {} ({happened})", shown(&statement));
        self.add(label, [Access::sql("execute", connection)], line)
    }
}

impl DeclareHttp for Declared {
    /// One line: endpoint, method and path, headers in square brackets, the body, what is captured in round brackets, what
    /// arguments may be in braces. The answer that is expected and the number of times are there unless they are 200 and once.
    fn send(
        &self,
        label: &str,
        endpoint: &str,
        message: &Message,
        rules: &[ArgumentRule],
        times: &Times,
    ) -> Result<(), Failure> {
        let mut words =
            vec![endpoint.to_owned(), method(message.method).to_owned(), shown(&message.path)];
        words.extend(
            message.headers.iter().map(|(name, value)| format!("[{name}: {}]", shown(value))),
        );
        words.push(shown(&message.body));
        words.extend(message.captures.iter().map(|capture| {
            let secretly = if capture.secret { " secretly" } else { "" };
            format!("({} from {}{secretly})", capture.fact, capture.pointer)
        }));
        words.extend(
            rules.iter().map(|rule| format!("{{{} {}}}", rule.name, allowed(&rule.allowed))),
        );
        if message.success != [200] {
            words.push(format!("expecting {:?}", message.success));
        }
        if *times != Times::Once {
            words.push(format!("{times:?}"));
        }
        let line = words.join(" ");
        self.add(label, [Access::http("send", endpoint)], line)
    }
}

fn allowed(by: &Allowed) -> String {
    match by {
        Allowed::Among(values) => format!("among {values:?}"),
        Allowed::Between((least, most)) => format!("between {least} and {most}"),
        Allowed::Observed((fact, column)) => format!("observed as {fact} in column {column}"),
        Allowed::GivenBy((label, fact)) => format!("given as {fact} by {label}"),
        Allowed::Any => "any".to_owned(),
        Allowed::Other(kind) => kind.clone(),
    }
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}
