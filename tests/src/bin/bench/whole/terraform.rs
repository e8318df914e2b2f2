//! Terraform with resources of its own provider, which needs no network.

use std::fmt::Write as _;
use std::process::Command;

use tempfile::TempDir;

use super::process;
use crate::Fallible;

/// What is said where there is none.
pub(crate) const ABSENT: &str = "terraform: not on this machine";

/// A folder with so many resources, none of which waits for another: Terraform does ten of them at a time, which is more than
/// a run of ours may, and spends no time on their order, which grows with the square of a chain.
#[derive(Debug)]
pub(crate) struct Terraform {
    folder: TempDir,
}

impl Terraform {
    /// Makes the folder; none where Terraform is not on the path.
    pub(crate) fn find(resources: usize) -> Fallible<Option<Self>> {
        let found = Self { folder: tempfile::tempdir()? };
        if Command::new("terraform").arg("-version").output().is_err() {
            return Ok(None);
        }
        let mut text = String::new();
        for number in 0..resources {
            writeln!(text, "resource \"terraform_data\" \"r{number}\" {{")?;
            writeln!(text, "  input = \"what stands there after step {number}\"")?;
            writeln!(text, "}}")?;
        }
        std::fs::write(found.folder.path().join("main.tf"), text)?;
        process::run(&mut found.command(&["init", "-input=false"]))?;
        Ok(Some(found))
    }

    /// Returns a plan that has not begun.
    pub(crate) fn plan(&self) -> Command {
        self.command(&["plan", "-input=false"])
    }

    /// Returns an application that has not begun; nothing of an earlier one is left.
    pub(crate) fn apply(&self) -> Fallible<Command> {
        for state in ["terraform.tfstate", "terraform.tfstate.backup"] {
            let path = self.folder.path().join(state);
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        Ok(self.command(&["apply", "-input=false", "-auto-approve"]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.current_dir(self.folder.path()).args(arguments).arg("-no-color");
        // It asks its maker for news otherwise, and reads what the user has configured.
        command.env("CHECKPOINT_DISABLE", "1").env("TF_CLI_CONFIG_FILE", "/dev/null");
        command
    }
}
