//! What a plan declares, written down.

use std::cell::RefCell;

use lockstep_sdk::{Declare, Failure};

/// Writes down what is declared, a line each.
#[derive(Debug, Default)]
pub(super) struct Declared(pub(super) RefCell<Vec<String>>);

impl Declared {
    fn add(&self, line: String) {
        self.0.borrow_mut().push(line);
    }
}

impl Declare for Declared {
    fn set_image(&self, label: &str, service: &str, image: &str) -> Result<(), Failure> {
        self.add(format!("{label}: set-image {service} {image}"));
        Ok(())
    }

    fn set_settings(
        &self,
        label: &str,
        service: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-settings {service} {settings:?}"));
        Ok(())
    }

    fn set_variables(
        &self,
        label: &str,
        service: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.add(format!("{label}: set-variables {service} {variables:?}"));
        Ok(())
    }

    fn delete_variables(&self, label: &str, service: &str, names: &[&str]) -> Result<(), Failure> {
        self.add(format!("{label}: delete-variables {service} {}", names.join(" ")));
        Ok(())
    }

    fn set_mount(&self, label: &str, service: &str, mount: &str) -> Result<(), Failure> {
        self.add(format!("{label}: set-mount {service} {mount}"));
        Ok(())
    }

    fn deploy(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: deploy {service}"));
        Ok(())
    }

    fn stop(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: stop {service}"));
        Ok(())
    }

    fn backup_volume(&self, label: &str, service: &str) -> Result<(), Failure> {
        self.add(format!("{label}: backup-volume {service}"));
        Ok(())
    }

    fn lock_backup(&self, label: &str, backup_of: &str) -> Result<(), Failure> {
        self.add(format!("{label}: lock-backup {backup_of}"));
        Ok(())
    }

    fn restore_volume(&self, label: &str, service: &str, backup_of: &str) -> Result<(), Failure> {
        self.add(format!("{label}: restore-volume {service} {backup_of}"));
        Ok(())
    }

    fn commit_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        self.add(format!("{label}: commit-staged {staged_by}"));
        Ok(())
    }

    fn redis(&self, label: &str, connection: &str, words: &[&str]) -> Result<(), Failure> {
        self.add(format!("{label}: redis {connection} {}", words.join(" ")));
        Ok(())
    }
}
