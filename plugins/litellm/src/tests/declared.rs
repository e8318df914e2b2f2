//! What a plan declares, written down.

use std::cell::RefCell;

use lockstep_sdk::{
    Allowed, ArgumentRule, Declare, DeclareHttp, DeclareSql, DeclareTransfers, Failure, Indexes,
    Message, Method, Piece, SchemaPart, Scope, Times,
};

use crate::declare::{DeclareJob, Variables};

/// Writes down what is declared, a line each.
#[derive(Debug, Default)]
pub(crate) struct Declared(pub(crate) RefCell<Vec<String>>);

impl Declared {
    fn add(&self, line: String) -> Result<(), Failure> {
        self.0.borrow_mut().push(line);
        Ok(())
    }

    /// Returns the line of a label, without it.
    #[track_caller]
    pub(crate) fn line(&self, label: &str) -> String {
        let lines = self.0.borrow();
        let found = lines.iter().find_map(|line| line.strip_prefix(&format!("{label}: ")));
        found.unwrap_or_else(|| panic!("`{label}` is not declared")).to_owned()
    }

    /// Returns every label.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.0.borrow().iter().map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
    }
}

/// Returns pieces as a plan shows them.
pub(crate) fn shown(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Conninfo(peer) => format!("<{}>", peer.connection),
        Piece::Reference((service, name)) => format!("<{service:?} {name}>"),
        Piece::Argument(name) => format!("<argument {name}>"),
        other => panic!("{other:?}"),
    };
    pieces.iter().map(piece).collect()
}

fn statements(all: &[Vec<Piece>]) -> String {
    all.iter().map(|one| shown(one)).collect::<Vec<_>>().join("; ")
}

fn variables(all: &Variables<'_>) -> String {
    all.iter().map(|(name, value)| format!(" {name}={}", shown(value))).collect()
}

impl Declare for Declared {
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure> {
        self.add(format!("{label}: set-image {service} {image}"))
    }

    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-settings {service} {settings:?}"))
    }

    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-variables {service} {variables:?}"))
    }

    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure> {
        self.add(format!("{label}: delete-variables {service} {}", names.join(" ")))
    }

    fn set_mount(&self, label: &str, _: &str, _: &str) -> Result<(), Failure> {
        panic!("{label}: no plan mounts anything")
    }

    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy {service}"))
    }

    fn stop(&self, label: &str, _: &str) -> Result<(), Failure> {
        panic!("{label}: no plan stops a service that is not its own")
    }

    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: backup-volume {service}"))
    }

    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure> {
        self.add(format!("{label}: lock-backup {backup_of}"))
    }

    fn restore_volume(&self, label: &str, _: &str, _: &str) -> Result<(), Failure> {
        panic!("{label}: no plan restores a volume")
    }

    fn commit_staged(&self, label: &str, _: &str) -> Result<(), Failure> {
        panic!("{label}: no plan commits anything")
    }

    fn redis(&self, label: &str, _: &str, _: &[&str]) -> Result<(), Failure> {
        panic!("{label}: no plan speaks to Redis")
    }
}

impl DeclareHttp for Declared {
    fn send(
        &self,
        label: &str,
        endpoint: &str,
        message: &Message,
        rules: &[ArgumentRule],
        times: &Times,
    ) -> Result<(), Failure> {
        assert!(matches!(times, Times::Once), "{label}");
        let method = match message.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put | Method::Patch | Method::Delete => panic!("{label}"),
        };
        let mut line = format!("{label}: {endpoint} {method} {}", shown(&message.path));
        for (name, value) in &message.headers {
            line.push_str(&format!(" [{name}: {}]", shown(value)));
        }
        line.push_str(&format!(" {}", shown(&message.body)));
        for capture in &message.captures {
            let secret = if capture.secret { " secretly" } else { "" };
            line.push_str(&format!(" ({} from {}{secret})", capture.fact, capture.pointer));
        }
        for rule in rules {
            let Allowed::GivenBy((by, fact)) = &rule.allowed else { panic!("{rule:?}") };
            line.push_str(&format!(" {{{} given as {fact} by {by}}}", rule.name));
        }
        assert_eq!(message.success, [200], "{label}");
        self.add(line)
    }
}

impl DeclareSql for Declared {
    fn transaction(
        &self,
        label: &str,
        connection: &str,
        all: Vec<Vec<Piece>>,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: transaction {connection} {}", statements(&all)))
    }

    fn alone(
        &self,
        label: &str,
        connection: &str,
        statement: Vec<Piece>,
        happened: &str,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: alone {connection} {} ({happened})", shown(&statement)))
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
        self.add(format!("{label}: copy-schema {source} {target} {part:?}"))
    }

    fn build_indexes(
        &self,
        label: &str,
        source: &str,
        target: &str,
        which: &Indexes,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: build-indexes {source} {target} {which:?}"))
    }

    fn copy_sequences(&self, label: &str, _: &str, _: &str, _: u64) -> Result<(), Failure> {
        panic!("{label}: no plan copies rows")
    }

    fn hold_snapshots(&self, label: &str, _: &str, _: &str, _: u64) -> Result<(), Failure> {
        panic!("{label}: no plan holds snapshots")
    }

    fn compare(
        &self,
        label: &str,
        _: &str,
        _: &str,
        _: &Scope,
        _: Option<&str>,
        _: &[&str],
    ) -> Result<(), Failure> {
        panic!("{label}: no plan has rows compared")
    }
}

impl DeclareJob for Declared {
    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        own: &Variables<'_>,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: create {name} {image}{}", variables(own)))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        self.add(format!("{label}: set-made {name} {settings:?}"))
    }

    fn deploy_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy-made {name}"))
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: stop-made {name}"))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: delete-made {name}"))
    }
}
