//! Declaring effects, as a trait, so that native tests see what a plan declares.

use crate::bindings::lockstep::plugin::{
    http_effects, railway_effects, redis_effects, sql_effects,
};
use crate::{
    ArgumentRule, Failure, Indexes, Live, Message, Piece, Proof, SchemaPart, Scope, ServiceRef,
    Times,
};

/// Declares effects on named services and on connections. Callable in `plan` only; nothing is sent.
///
/// Kinds that are not here are functions of the bindings; call those, and add what several plugins need.
pub trait Declare {
    /// Declares that a service's image is set, without a deploy.
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure>;
    /// Declares that settings are set, without a deploy; an empty value unsets one.
    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares that variables are set to these texts, without a deploy.
    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure>;
    /// Declares that variables are deleted, without a deploy.
    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure>;
    /// Declares that a volume is mounted elsewhere, without a deploy.
    fn set_mount(&self, label: &str, service: &str, mount: &str) -> Result<(), Failure>;
    /// Declares a deployment of what is configured.
    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares that the running deployment is removed.
    fn stop(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares a backup of a service's volume.
    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure>;
    /// Declares that a backup is kept from expiring.
    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure>;
    /// Declares that a backup is restored to a fresh volume; the exchange is only staged.
    fn restore_volume(&self, label: &str, service: &str, backup_of: &str) -> Result<(), Failure>;
    /// Declares that what an effect staged is committed.
    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure>;
    /// Declares one Redis command of literal words that may be sent again without harm.
    fn redis(&self, label: &str, connection: &str, words: &[&str]) -> Result<(), Failure>;
}

impl Declare for Live {
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure> {
        railway_effects::set_image(label, &named(service), image)
    }

    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        railway_effects::set_settings(label, &named(service), &settings)
    }

    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let assignments: Vec<_> = variables
            .iter()
            .map(|(name, text)| railway_effects::Assignment {
                name: (*name).to_owned(),
                value: vec![Piece::Text((*text).to_owned())],
            })
            .collect();
        railway_effects::set_variables(label, &named(service), &assignments)
    }

    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        railway_effects::delete_variables(label, &named(service), &names)
    }

    fn set_mount(&self, label: &str, service: &str, mount: &str) -> Result<(), Failure> {
        railway_effects::set_mount(label, &named(service), mount)
    }

    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::deploy(label, &named(service), &railway_effects::DeploySource::Configured)
    }

    fn stop(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::stop(label, &named(service))
    }

    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure> {
        railway_effects::backup_volume(label, &named(service))
    }

    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure> {
        railway_effects::lock_backup(label, backup_of)
    }

    fn restore_volume(&self, label: &str, service: &str, backup_of: &str) -> Result<(), Failure> {
        railway_effects::restore_volume(label, &named(service), backup_of)
    }

    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        railway_effects::commit_staged(label, staged_by)
    }

    fn redis(&self, label: &str, connection: &str, words: &[&str]) -> Result<(), Failure> {
        let words: Vec<_> =
            words.iter().map(|word| vec![Piece::Text((*word).to_owned())]).collect();
        redis_effects::command(label, connection, &words, &[], &Times::Once, &Proof::Repeatable)
    }
}

/// Declares blocks on a database's writes, each in steps of a critical section. A trait of its own, so that a plugin without
/// a database does not ask for one.
pub trait DeclareBlocks {
    /// Declares that writes to every table of these schemas wait, for at most so many milliseconds; one table is waited for
    /// no longer than `lock_timeout`.
    fn hold_writes(
        &self,
        label: &str,
        connection: &str,
        schemas: &[&str],
        max_outage: u64,
        lock_timeout: u64,
    ) -> Result<(), Failure>;
    /// Declares that writes flow again that `hold` blocks.
    fn release_writes(&self, label: &str, connection: &str, hold: &str) -> Result<(), Failure>;
}

impl DeclareBlocks for Live {
    fn hold_writes(
        &self,
        label: &str,
        connection: &str,
        schemas: &[&str],
        max_outage: u64,
        lock_timeout: u64,
    ) -> Result<(), Failure> {
        let schemas: Vec<String> = schemas.iter().map(|schema| (*schema).to_owned()).collect();
        sql_effects::hold_writes(label, connection, &schemas, max_outage, lock_timeout)
    }

    fn release_writes(&self, label: &str, connection: &str, hold: &str) -> Result<(), Failure> {
        sql_effects::release_writes(label, connection, hold)
    }
}

/// Declares work of the host between two databases. A trait of its own, for the same reason.
pub trait DeclareTransfers {
    /// Declares the copy of a part of a schema.
    fn copy_schema(
        &self,
        label: &str,
        source: &str,
        target: &str,
        part: &SchemaPart,
    ) -> Result<(), Failure>;
    /// Declares that indexes of `source` are built in `target` where it has none of their name.
    fn build_indexes(
        &self,
        label: &str,
        source: &str,
        target: &str,
        which: &Indexes,
    ) -> Result<(), Failure>;
    /// Declares that every sequence of `target` is set to where it stands at `source`, and `ahead` further.
    fn copy_sequences(
        &self,
        label: &str,
        source: &str,
        target: &str,
        ahead: u64,
    ) -> Result<(), Failure>;
    /// Declares that both databases are kept to be seen as they stand, for at most so many milliseconds.
    fn hold_snapshots(
        &self,
        label: &str,
        left: &str,
        right: &str,
        longest: u64,
    ) -> Result<(), Failure>;
    /// Declares a comparison: at the snapshots that `at` holds, or as both change.
    fn compare(
        &self,
        label: &str,
        left: &str,
        right: &str,
        scope: &Scope,
        at: Option<&str>,
        except: &[&str],
    ) -> Result<(), Failure>;
}

impl DeclareTransfers for Live {
    fn copy_schema(
        &self,
        label: &str,
        source: &str,
        target: &str,
        part: &SchemaPart,
    ) -> Result<(), Failure> {
        sql_effects::copy_schema(label, source, target, part)
    }

    fn build_indexes(
        &self,
        label: &str,
        source: &str,
        target: &str,
        which: &Indexes,
    ) -> Result<(), Failure> {
        sql_effects::build_indexes(label, source, target, which)
    }

    fn copy_sequences(
        &self,
        label: &str,
        source: &str,
        target: &str,
        ahead: u64,
    ) -> Result<(), Failure> {
        sql_effects::copy_sequences(label, source, target, ahead)
    }

    fn hold_snapshots(
        &self,
        label: &str,
        left: &str,
        right: &str,
        longest: u64,
    ) -> Result<(), Failure> {
        sql_effects::hold_snapshots(label, left, right, longest)
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
        let except: Vec<String> = except.iter().map(|table| (*table).to_owned()).collect();
        sql_effects::compare(label, left, right, scope, at, &except)
    }
}

/// Declares statements on a database. A trait of its own, for the same reason.
pub trait DeclareSql {
    /// Declares statements that are carried out together or not at all; the server itself tells later which.
    fn transaction(
        &self,
        label: &str,
        connection: &str,
        statements: Vec<Vec<Piece>>,
    ) -> Result<(), Failure>;
    /// Declares one statement that no transaction may contain. `happened` is a read that answers whether it happened.
    fn alone(
        &self,
        label: &str,
        connection: &str,
        statement: Vec<Piece>,
        happened: &str,
    ) -> Result<(), Failure>;
}

impl DeclareSql for Live {
    fn transaction(
        &self,
        label: &str,
        connection: &str,
        statements: Vec<Vec<Piece>>,
    ) -> Result<(), Failure> {
        let statements: Vec<_> = statements.into_iter().map(statement).collect();
        let (once, proof) = (Times::Once, Proof::ByKind);
        let together = sql_effects::Atomicity::Transaction;
        sql_effects::execute(label, connection, &statements, &together, &[], &once, &proof)
    }

    fn alone(
        &self,
        label: &str,
        connection: &str,
        text: Vec<Piece>,
        happened: &str,
    ) -> Result<(), Failure> {
        let (once, proof) = (Times::Once, Proof::Read(happened.to_owned()));
        let alone = sql_effects::Atomicity::Alone;
        sql_effects::execute(label, connection, &[statement(text)], &alone, &[], &once, &proof)
    }
}

/// Declares requests that change something. A trait of its own, for the same reason.
pub trait DeclareHttp {
    /// Declares one request, performed at most `times` in a round, which may be sent again without harm.
    fn send(
        &self,
        label: &str,
        endpoint: &str,
        message: &Message,
        rules: &[ArgumentRule],
        times: &Times,
    ) -> Result<(), Failure>;
}

impl DeclareHttp for Live {
    fn send(
        &self,
        label: &str,
        endpoint: &str,
        message: &Message,
        rules: &[ArgumentRule],
        times: &Times,
    ) -> Result<(), Failure> {
        http_effects::send(label, endpoint, message, rules, times, &Proof::Repeatable)
    }
}

fn statement(text: Vec<Piece>) -> sql_effects::Statement {
    sql_effects::Statement { text, parameters: Vec::new(), affects: None }
}

fn named(service: &str) -> ServiceRef {
    ServiceRef::Named(service.to_owned())
}
