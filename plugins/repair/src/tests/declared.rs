//! What a plan declares, as lines.

use std::cell::RefCell;

use lockstep_sdk::{Declare, Failure};

use crate::declare::DeclareMore;

/// Every effect: its label, its kind as grants name it, its service, and what it sets.
#[derive(Debug, Default)]
pub(super) struct Declared(RefCell<Vec<[String; 4]>>);

impl Declared {
    /// Returns them in the order in which they were declared.
    pub(super) fn all(&self) -> Vec<[String; 4]> {
        self.0.borrow().clone()
    }

    /// Returns what an effect is: its kind, its service, and what it sets.
    #[track_caller]
    pub(super) fn of(&self, label: &str) -> String {
        let all = self.all();
        let [_, kind, service, what] = all.iter().find(|it| it[0] == label).unwrap();
        format!("{kind} {service} {what}").trim_end().to_owned()
    }

    fn note(&self, label: &str, kind: &str, service: &str, what: &str) -> Result<(), Failure> {
        let row = [label, kind, service, what].map(str::to_owned);
        self.0.borrow_mut().push(row);
        Ok(())
    }
}

fn pairs(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

impl Declare for Declared {
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure> {
        self.note(label, "set-image", service, image)
    }

    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.note(label, "set-settings", service, &pairs(settings))
    }

    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.note(label, "set-variables", service, &pairs(variables))
    }

    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure> {
        self.note(label, "delete-variables", service, &names.join(" "))
    }

    fn set_mount(&self, label: &str, service: &str, mount: &str) -> Result<(), Failure> {
        self.note(label, "set-mount", service, mount)
    }

    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.note(label, "deploy", service, "configured")
    }

    fn stop(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.note(label, "stop", service, "")
    }

    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.note(label, "backup-volume", service, "")
    }

    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure> {
        self.note(label, "lock-backup", backup_of.trim_start_matches("backup-"), "")
    }

    fn restore_volume(&self, label: &str, service: &str, _: &str) -> Result<(), Failure> {
        self.note(label, "restore-volume", service, "")
    }

    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        self.note(label, "commit-staged", staged_by, "")
    }

    fn redis(&self, label: &str, connection: &str, words: &[&str]) -> Result<(), Failure> {
        self.note(label, "command", connection, &words.join(" "))
    }
}

impl DeclareMore for Declared {
    fn generate_hex(
        &self,
        label: &str,
        service: &str,
        name: &str,
        digits: u32,
    ) -> Result<(), Failure> {
        self.note(label, "generate-variable", service, &format!("{name} {digits}"))
    }

    fn deploy_same(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.note(label, "deploy", service, "same image")
    }
}
