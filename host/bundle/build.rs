//! Builds the plugins and writes down where their bytes are.
//!
//! They are a workspace of their own for another target, so this runs a second cargo. Nothing of the first one's
//! environment may reach it: wrappers and flags would change the bytes, and a shared target folder would deadlock.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything through its environment"
)]

#[expect(unreachable_pub, reason = "it is public in the library, which has the same file")]
#[path = "src/recipe.rs"]
mod recipe;

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use recipe::TARGET;

/// Where the plugins are built. Not the folder that builds by hand use: those have other flags, so other bytes.
const BUILT: &str = "plugins/target/bundle";

/// Tells this program that the second cargo calls it in the compiler's place.
const WRAPPING: &str = "LOCKSTEP_BUNDLE_WRAPS_RUSTC";

/// Skips the plugins, for everything that does not run them: linting, documentation.
const SKIP: &str = "LOCKSTEP_NO_PLUGINS";

/// What the author of a plugin is given, beside the folders `sdk/src` and `wit`.
const GIVEN: &[&str] =
    &["plugins/Cargo.toml", "plugins/Cargo.lock", "rust-toolchain.toml", "sdk/Cargo.toml"];

/// One folder of `plugins/`.
struct Plugin {
    name: String,
    package: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if env::var_os(WRAPPING).is_some() { compile() } else { bundle().map(|()| ExitCode::SUCCESS) }
}

/// Compiles one crate of the second workspace.
///
/// Cargo tells equal crates apart by a hash, which holds the checkout's path for a crate beside the workspace's root, as
/// the SDK is. The hash decides on the order of functions in the component. So it is replaced by the crate's name.
fn compile() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let mut rustc = Command::new(arguments.next().ok_or("cargo names no compiler")?);
    for argument in arguments {
        if argument.to_str().is_some_and(|text| text.starts_with("metadata=")) {
            rustc.arg(format!("metadata={}", env::var("CARGO_PKG_NAME")?));
        } else {
            rustc.arg(argument);
        }
    }
    let code = rustc.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn bundle() -> Result<(), Box<dyn Error>> {
    let checkout = fs::canonicalize(Path::new(&required("CARGO_MANIFEST_DIR")?).join("../.."))?;
    let out = PathBuf::from(required("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={SKIP}");
    fs::write(out.join("sources.rs"), sources(&checkout)?)?;
    let plugins = find(&checkout)?;
    let reason = if env::var_os(SKIP).is_some_and(|value| value != "0") {
        Some(format!("{SKIP} is set"))
    } else if plugins.is_empty() {
        Some("there is no folder `plugins/` here".to_owned())
    } else if !target_is_installed()? {
        Some(format!("the target {TARGET} is not installed (`rustup target add {TARGET}`)"))
    } else {
        None
    };
    if let Some(reason) = reason {
        println!("cargo::warning=Lockstep is built without its plugins: {reason}");
        return Ok(fs::write(out.join("bundled.rs"), source(&[]))?);
    }
    build(&checkout, &plugins)?;
    for Plugin { name, .. } in &plugins {
        let file = format!("{}.wasm", name.replace('-', "_"));
        let built = checkout.join(BUILT).join(TARGET).join("release").join(&file);
        fs::copy(&built, out.join(format!("{name}.wasm"))).map_err(|error| {
            format!(
                "could not take the plugin `{name}` from `{}` (is its library named so?): {error}",
                built.display()
            )
        })?;
    }
    Ok(fs::write(out.join("bundled.rs"), source(&plugins))?)
}

/// Returns the folders of `plugins/` by name, and has cargo look at what they are made of.
fn find(checkout: &Path) -> Result<Vec<Plugin>, Box<dyn Error>> {
    let folder = checkout.join("plugins");
    if !folder.join("Cargo.toml").is_file() {
        return Ok(Vec::new());
    }
    // Not the folder as a whole: its target folder changes with every build.
    for watched in ["plugins/Cargo.toml", "plugins/Cargo.lock", "sdk", "wit"] {
        println!("cargo::rerun-if-changed={}", checkout.join(watched).display());
    }
    let mut plugins = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let Ok(manifest) = fs::read_to_string(path.join("Cargo.toml")) else { continue };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let package =
            manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let package = package
            .ok_or_else(|| format!("`plugins/{name}/Cargo.toml` names no package"))?
            .to_owned();
        println!("cargo::rerun-if-changed={}", path.display());
        plugins.push(Plugin { name, package });
    }
    plugins.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(plugins)
}

fn build(checkout: &Path, plugins: &[Plugin]) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(required("CARGO")?);
    cargo.current_dir(checkout.join("plugins"));
    cargo.args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]);
    cargo.arg(checkout.join(BUILT));
    for plugin in plugins {
        cargo.args(["--package", &plugin.package]);
    }
    for (name, _) in env::vars_os().filter(|(name, _)| recipe::is_foreign(name)) {
        cargo.env_remove(name);
    }
    // Set even if to nothing, because wrappers may stand in a configuration file too.
    cargo
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", env::current_exe()?)
        .env(WRAPPING, "1");
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")));
    let rustc = PathBuf::from(required("RUSTC")?);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", recipe::flags(&rustc, home, checkout, "/lockstep")?);
    if cargo.status()?.success() { Ok(()) } else { Err("the plugins do not build".into()) }
}

fn target_is_installed() -> Result<bool, Box<dyn Error>> {
    Ok(recipe::has_target(Path::new(&required("RUSTC")?), Path::new("."))?)
}

/// Returns the source that embeds what the author of a plugin is given.
fn sources(checkout: &Path) -> Result<String, Box<dyn Error>> {
    let mut files: Vec<PathBuf> = GIVEN.iter().map(PathBuf::from).collect();
    for folder in ["sdk/src", "wit"] {
        println!("cargo::rerun-if-changed={}", checkout.join(folder).display());
        collect(checkout, Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut source = String::from(
        "/// Returns what the author of a plugin is given: the SDK, the contract and what pins both, sorted by path.\n\
         pub const fn sources() -> &'static [Source] {\n    &[\n",
    );
    for file in files {
        let path = file.to_str().ok_or("a path is not text")?;
        let whole = checkout.join(&file);
        println!("cargo::rerun-if-changed={}", whole.display());
        let whole = whole.to_str().ok_or("a path is not text")?;
        writeln!(source, "        Source {{ path: {path:?}, text: include_str!({whole:?}) }},")?;
    }
    Ok(source + "    ]\n}\n")
}

fn collect(checkout: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(checkout.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(checkout, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn source(plugins: &[Plugin]) -> String {
    let mut source = String::from(
        "/// Returns the plugins that come with Lockstep, by name. Empty if they could not be built with it.\n\
         pub const fn bundled() -> &'static [Bundled] {\n    &[\n",
    );
    for Plugin { name, .. } in plugins {
        let bytes = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\"))");
        writeln!(source, "        Bundled {{ name: \"{name}\", bytes: {bytes} }},")
            .expect("a string takes everything");
    }
    source + "    ]\n}\n"
}

fn required(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}
