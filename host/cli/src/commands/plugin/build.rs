//! `lockstep plugin build`: the tool of the plugin's language, called so that what comes out can be pinned.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockstep_bundle::recipe;

use super::component;
use crate::args::{BuildArguments, Global, Surroundings};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::brief;

/// What a folder is written in, and what shows it.
const MARKS: [(&str, Tool); 3] =
    [("Cargo.toml", Tool::Cargo), ("package.json", Tool::Node), ("plugin.py", Tool::Python)];

/// What builds a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Cargo,
    Node,
    Python,
}

/// Runs the command.
pub(super) async fn build(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &BuildArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let given = global.directory.join(&arguments.folder);
    let folder = std::fs::canonicalize(&given).map_err(|error| {
        let words = format!("could not find the plugin's folder `{}`", given.display());
        CliError::new(Exit::Usage, anyhow::Error::new(error).context(words))
            .hint("`lockstep plugin new NAME` begins one")
    })?;
    let tool = tool(&folder)?;
    let by = Build { folder: &folder, surroundings };
    let built = match tool {
        Tool::Cargo => by.cargo()?,
        Tool::Node => by.node()?,
        Tool::Python => by.python()?,
    };
    let bytes = component::read(&built)?;
    if tool != Tool::Cargo {
        output.say("Compiling it for this machine, once: components of this language are large …");
    }
    let found = component::load(global, &bytes).await?;
    let file = match &arguments.out {
        Some(file) => global.directory.join(file),
        None => folder.join("target").join(format!("{}.wasm", plain(&found.description.name))),
    };
    if file != built {
        std::fs::copy(&built, &file)
            .map_err(|error| {
                anyhow::Error::new(error)
                    .context(format!("could not write the component `{}`", file.display()))
            })
            .or_exit(Exit::Failed)?;
    }
    let (name, version) = (&found.description.name, &found.description.version);
    let (size, digest) = (found.inspection.size, &found.inspection.digest);
    output.say(&format!("Built plugin `{}` {}: {}", brief(name), brief(version), file.display()));
    output.say(&format!("  {}, {digest}", component::size(size)));
    output.json(
        "plugin",
        &serde_json::json!({
            "name": name, "version": version, "file": file, "size": size, "sha256": digest,
            "contract": found.inspection.contract(),
        }),
    )?;
    Ok(Exit::Done)
}

/// Returns a plugin's name as that of a file in one folder, whatever the plugin calls itself.
fn plain(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    let plain: String = name.chars().filter(is_plain).take(64).collect();
    if plain.is_empty() { "plugin".to_owned() } else { plain }
}

fn tool(folder: &Path) -> Result<Tool, CliError> {
    let found = MARKS.iter().find(|(mark, _)| folder.join(mark).is_file());
    found.map(|(_, tool)| *tool).ok_or_else(|| {
        let marks = MARKS.map(|(mark, _)| mark).join(", ");
        CliError::words(Exit::Usage, format!("`{}` holds no plugin's sources", folder.display()))
            .hint(format!(
                "a plugin's folder holds one of {marks}; `lockstep plugin new NAME` begins one"
            ))
    })
}

/// One build.
struct Build<'a> {
    folder: &'a Path,
    surroundings: &'a Surroundings,
}

impl Build<'_> {
    /// Builds as the bundled plugins are built: locked, with nothing of this process's environment that would change the bytes,
    /// and every path of this machine under a name that is the same everywhere.
    fn cargo(&self) -> Result<PathBuf, CliError> {
        let rustc = Path::new("rustc");
        let in_folder = self.folder.display();
        let has_target = recipe::has_target(rustc, self.folder).map_err(|error| {
            CliError::new(Exit::Failed, anyhow::Error::new(error).context("could not call `rustc`"))
                .hint(format!(
                    "install Rust with rustup, then: cd {in_folder} && rustup toolchain install"
                ))
        })?;
        if !has_target {
            let words = format!("Rust's target {} is not installed", recipe::TARGET);
            return Err(CliError::words(Exit::Failed, words)
                .hint(format!("cd {in_folder} && rustup target add {}", recipe::TARGET)));
        }
        let home = self.surroundings.get("CARGO_HOME").map(PathBuf::from);
        let home =
            home.or_else(|| Some(PathBuf::from(self.surroundings.get("HOME")?).join(".cargo")));
        let flags = recipe::flags(rustc, home, self.folder, "/plugin").or_exit(Exit::Failed)?;
        let target = self.folder.join("target/component");
        let mut cargo = self.command("cargo");
        cargo.args(["build", "--release", "--locked", "--lib", "--target", recipe::TARGET]);
        cargo.arg("--target-dir").arg(&target);
        for name in self.surroundings.all().keys().filter(|name| recipe::is_foreign(name.as_ref()))
        {
            cargo.env_remove(name);
        }
        cargo.env("RUSTC_WRAPPER", "").env("CARGO_ENCODED_RUSTFLAGS", flags);
        run(
            &mut cargo,
            "cargo",
            &[
                "where its lock file no longer fits, `cargo update --workspace` in that folder mends it",
                "what it depends on is fetched once; without a network put it into cargo's cache before: `cargo fetch --locked`",
            ],
        )?;
        let library = format!("{}.wasm", self.library()?.replace('-', "_"));
        Ok(target.join(recipe::TARGET).join("release").join(library))
    }

    /// Returns the name of the plugin's library.
    fn library(&self) -> Result<String, CliError> {
        let path = self.folder.join("Cargo.toml");
        let text = std::fs::read_to_string(&path).or_exit(Exit::Failed)?;
        let manifest: toml::Table = toml::from_str(&text).or_exit(Exit::Usage)?;
        let name = |table: &str| Some(manifest.get(table)?.get("name")?.as_str()?.to_owned());
        name("lib").or_else(|| name("package")).ok_or_else(|| {
            CliError::words(Exit::Usage, format!("`{}` names no package", path.display()))
                .hint("build the folder of the plugin's own package")
        })
    }

    fn node(&self) -> Result<PathBuf, CliError> {
        let install = format!("cd {} && npm install", self.folder.display());
        if !self.folder.join("node_modules/@bytecodealliance/componentize-js").is_dir() {
            let words = "componentize-js is not installed in the plugin's folder";
            return Err(CliError::words(Exit::Failed, words).hint(install));
        }
        let built = self.out()?;
        let mut node = self.command("node");
        node.args(["build.mjs", "plugin.js", "wit"]).arg(&built);
        run(&mut node, "node", &["node 20 or newer runs it; what it says is above"])?;
        Ok(built)
    }

    fn python(&self) -> Result<PathBuf, CliError> {
        let own = self.folder.join(".venv/bin/componentize-py");
        let built = self.out()?;
        let program = if own.is_file() { own } else { PathBuf::from("componentize-py") };
        let mut python = self.command(&program);
        python.args(["--wit-path", "wit", "--world", "upgrader", "componentize", "plugin"]);
        python.arg("--output").arg(&built);
        let install = format!(
            "where it is not installed: cd {} && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
            self.folder.display()
        );
        run(&mut python, "componentize-py", &[&install])?;
        Ok(built)
    }

    /// Returns where a tool writes the component, and makes the folder for it.
    fn out(&self) -> Result<PathBuf, CliError> {
        let target = self.folder.join("target");
        std::fs::create_dir_all(&target).or_exit(Exit::Failed)?;
        Ok(target.join("component.wasm"))
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder).stdin(Stdio::null());
        command
    }
}

/// Calls a tool, which speaks to people by itself. Its standard output is not that of this command.
fn run(command: &mut Command, name: &str, hints: &[&str]) -> Result<(), CliError> {
    let failed = |error: CliError| hints.iter().fold(error, |error, hint| error.hint(*hint));
    let status = command.stdout(std::io::stderr()).status().map_err(|error| {
        let words = format!("could not call `{name}`");
        failed(CliError::new(Exit::Failed, anyhow::Error::new(error).context(words)))
    })?;
    if status.success() {
        return Ok(());
    }
    Err(failed(CliError::words(
        Exit::Failed,
        format!("`{name}` did not build the plugin ({status})"),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_can_not_choose_where_its_file_is_written() {
        assert_eq!(plain("minio"), "minio");
        assert_eq!(plain("../../etc/passwd"), "etcpasswd");
        assert_eq!(plain("\u{1b}[2J/"), "2J");
        assert_eq!(plain("…"), "plugin");
    }

    #[test]
    fn a_folder_without_sources_is_refused_with_what_would_be_there() {
        let error = tool(Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.hints.concat().contains("plugin.py"), "{:?}", error.hints);
    }
}
