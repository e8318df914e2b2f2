//! `lockstep plugin new|build|test|inspect`, as typed: what the author of a plugin works with.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The languages that a plugin can be begun in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Built by cargo for wasm32-wasip2; small, and loaded in milliseconds.
    #[default]
    Rust,
    /// Built by componentize-js, which comes with npm.
    Js,
    /// Built by componentize-py, which comes with pip.
    Python,
}

/// What to begin.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The plugin's name, which is that of the component and of its service: lowercase letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// What it is written in.
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    pub(crate) lang: Language,
}

/// What to build.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// The plugin's folder.
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// Where the component is written, instead of target/NAME.wasm in the folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A component's file, or the name of a plugin that this folder knows.
    #[arg(value_name = "FILE | NAME")]
    pub(crate) what: String,
}

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The component's file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What to plan: `minio@RELEASE.2025-09-07T16-13-09Z`. Without it, what the plugin upgrades, to what it recommends.
    #[arg(long, value_name = "COMPONENT[@VERSION]")]
    pub(crate) plan: Option<String>,

    /// An option of the plugin. May be given several times.
    #[arg(long = "option", value_name = "NAME=VALUE")]
    pub(crate) options: Vec<String>,

    /// Answers its reads from this file, which `--record` wrote. Without it they go to the environment; nothing is changed there.
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub(crate) answers: Option<PathBuf>,

    /// Writes what the environment answered to this file, for later tests without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}
