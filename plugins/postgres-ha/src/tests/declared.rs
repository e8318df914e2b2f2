//! What a plan declares, written down.

use std::cell::RefCell;

use lockstep_sdk::{
    Declare, DeclareBlocks, DeclareSql, DeclareTransfers, Failure, Indexes, MovedVariable, Piece,
    SchemaPart, Scope, Template,
};

use crate::beside::Secret;
use crate::declare::{DeclareMade, DeclareMore};
use crate::in_place::{DeclareConversion, Order};

/// Writes down what is declared, a line each.
#[derive(Debug, Default)]
pub(super) struct Declared(pub(super) RefCell<Vec<String>>);

impl Declared {
    fn add(&self, line: String) -> Result<(), Failure> {
        self.0.borrow_mut().push(line);
        Ok(())
    }

    /// Returns the line of a label.
    #[track_caller]
    pub(super) fn line(&self, label: &str) -> String {
        let lines = self.0.borrow();
        let found = lines.iter().find(|line| line.split_once(':').unwrap().0 == label);
        found.unwrap_or_else(|| panic!("`{label}` is not declared")).clone()
    }

    /// Returns every label.
    pub(super) fn labels(&self) -> Vec<String> {
        self.0.borrow().iter().map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
    }
}

/// Returns pieces as a plan shows them.
pub(super) fn shown(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Conninfo(peer) => format!("<{} seen by {:?}>", peer.connection, peer.seen_by),
        other => panic!("{other:?}"),
    };
    pieces.iter().map(piece).collect()
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

    fn stop(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: stop {service}"))
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

    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        self.add(format!("{label}: commit-staged {staged_by}"))
    }

    fn redis(&self, label: &str, _: &str, _: &[&str]) -> Result<(), Failure> {
        panic!("{label}: no plan speaks to Redis")
    }
}

impl DeclareMore for Declared {
    fn again(&self, label: &str, connection: &str, statement: &str) -> Result<(), Failure> {
        self.add(format!("{label}: again {connection} {statement}"))
    }

    fn restart(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: restart {service}"))
    }

    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy-same {service}"))
    }

    fn delete(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: delete {service}"))
    }
}

impl DeclareMade for Declared {
    fn create_built(
        &self,
        label: &str,
        name: &str,
        repository: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: create-built {name} {repository} {variables:?}"))
    }

    fn create(
        &self,
        label: &str,
        name: &str,
        image: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: create {name} {image} {variables:?}"))
    }

    fn create_volume(&self, label: &str, name: &str, mount: &str) -> Result<(), Failure> {
        self.add(format!("{label}: create-volume {name} {mount}"))
    }

    fn generate(
        &self,
        label: &str,
        name: &str,
        variable: &str,
        secret: Secret,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: generate {name} {variable} {secret:?}"))
    }

    fn set_made_variables(
        &self,
        label: &str,
        name: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-made-variables {name} {variables:?}"))
    }

    fn deploy_configured(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy-configured {name}"))
    }

    fn set_made(&self, label: &str, name: &str, settings: &[(&str, &str)]) -> Result<(), Failure> {
        self.add(format!("{label}: set-made {name} {settings:?}"))
    }

    fn deploy_made(&self, label: &str, name: &str, commit: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy-made {name} {commit}"))
    }

    fn stop_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: stop-made {name}"))
    }

    fn delete_made(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: delete-made {name}"))
    }
}

impl DeclareConversion for Declared {
    fn stage_conversion(
        &self,
        label: &str,
        root: &str,
        wanted: &Template,
        moved: &[MovedVariable],
    ) -> Result<(), Failure> {
        let services: Vec<String> = wanted
            .services
            .iter()
            .map(|it| format!("{}={}", it.name, it.image.as_deref().unwrap_or_default()))
            .collect();
        let moved: Vec<String> =
            moved.iter().map(|it| format!("{} {}={}", it.service, it.name, it.after)).collect();
        self.add(format!("{label}: stage-conversion {root} {services:?} {moved:?}"))
    }

    fn stage_revert(&self, label: &str, converted_by: &str) -> Result<(), Failure> {
        self.add(format!("{label}: stage-revert {converted_by}"))
    }

    fn discard_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        self.add(format!("{label}: discard-staged {staged_by}"))
    }

    fn set_image_made(&self, label: &str, name: &str, image: &str) -> Result<(), Failure> {
        self.add(format!("{label}: set-image-made {name} {image}"))
    }

    fn set_variable_made(
        &self,
        label: &str,
        name: &str,
        (variable, value): (&str, &str),
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-variable-made {name} {variable}={value}"))
    }

    fn deploy_cluster(&self, label: &str, name: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy-made {name}"))
    }

    fn order(&self, label: &str, order: Order<'_>) -> Result<(), Failure> {
        self.add(format!("{label}: order {order:?}"))
    }
}

impl DeclareSql for Declared {
    fn transaction(
        &self,
        label: &str,
        connection: &str,
        statements: Vec<Vec<Piece>>,
    ) -> Result<(), Failure> {
        let texts: Vec<String> = statements.iter().map(|one| shown(one)).collect();
        self.add(format!("{label}: transaction {connection} {}", texts.join("; ")))
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
        self.add(format!("{label}: hold-writes {connection} {schemas} {max_outage} {lock_timeout}"))
    }

    fn release_writes(&self, label: &str, connection: &str, hold: &str) -> Result<(), Failure> {
        self.add(format!("{label}: release-writes {connection} {hold}"))
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

    fn copy_sequences(
        &self,
        label: &str,
        source: &str,
        target: &str,
        ahead: u64,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: copy-sequences {source} {target} {ahead}"))
    }

    fn hold_snapshots(
        &self,
        label: &str,
        left: &str,
        right: &str,
        longest: u64,
    ) -> Result<(), Failure> {
        self.add(format!("{label}: hold-snapshots {left} {right} {longest}"))
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
        self.add(format!("{label}: compare {left} {right} {scope:?} {at:?} {except:?}"))
    }
}
