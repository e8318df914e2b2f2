//! `LiteLLM` itself, out of its packages: asked for by name, since it is large and few need it.

use std::{fs, path::Path, time::Instant};

use super::{found, unpack, wheel};
use crate::{
    command::{Failed, Line, on},
    place::Place,
};

/// Each version with the version of the package that holds its migrations.
const VERSIONS: [(&str, &str); 2] = [("1.80.0", "0.4.5"), ("1.106.2", "0.4.108")];
/// What talks to the database for it.
const CLIENT: &str = "prisma==0.15.0";
/// The engine under that client, which is packaged only as WebAssembly, with what it takes to run it.
const ENGINE: [&str; 5] = [
    "@prisma/client@5.17.0",
    "@prisma/adapter-pg@5.17.0",
    "@prisma/prisma-schema-wasm@5.17.0-31.393aa359c9ad4a4bb28630fb5613f9c281cde053",
    "pg@8.23.1",
    "graphql@16.15.0",
];
/// Programs of ours around that engine.
const OURS: [(&str, &str); 3] = [
    ("query-engine.cjs", include_str!("prisma/query-engine.cjs")),
    ("prisma.cjs", include_str!("prisma/prisma.cjs")),
    ("generate.cjs", include_str!("prisma/generate.cjs")),
];

/// Installs every version that is not there yet.
pub(crate) fn install(place: &Place) -> Result<(), Failed> {
    let programs = place.programs();
    for (version, migrations) in VERSIONS {
        let folder = programs.join(format!("litellm-{version}"));
        if folder.join("bin/litellm").is_file() {
            println!("setup: LiteLLM {version}: {}", folder.display());
            continue;
        }
        println!("setup: LiteLLM {version} is missing, getting it …");
        let started = Instant::now();
        one(&programs, version, migrations)?;
        let seconds = started.elapsed().as_secs();
        println!("setup: LiteLLM {version}: {} ({seconds} s)", folder.display());
    }
    Ok(())
}

fn one(programs: &Path, version: &str, migrations: &str) -> Result<(), Failed> {
    if !wheel::usable() {
        return Err(Failed::new(
            "python3 with pip is needed for LiteLLM; as root: apt-get install python3-pip",
        ));
    }
    let [Some(node), Some(npm)] = ["node", "npm"].map(found::on_path) else {
        return Err(Failed::new(
            "node and npm are needed for LiteLLM's database client; as root: apt-get install nodejs npm",
        ));
    };
    let python = Line::new("python3", ["-c", "import sys; print(sys.executable)"]).output()?;
    let python = python.trim();
    let fresh = unpack::Fresh::new(programs, &format!("litellm-{version}"))?;
    let site = fresh.path().join("site");
    Line::new(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .with(["--only-binary=:all:", "--no-warn-conflicts", "--target"])
        .with([&site])
        .with([&format!("litellm[proxy]=={version}"), CLIENT])
        .with([&format!("litellm-proxy-extras=={migrations}")])
        .output()?;
    let engine = fresh.path().join("engine");
    fs::create_dir_all(&engine).map_err(on(&engine))?;
    // Scripts of these packages fetch programs from elsewhere, which is neither needed nor wanted.
    Line::new(npm, ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .with(ENGINE)
        .within(&engine)
        .output()?;
    for (name, text) in OURS {
        let file = engine.join(name);
        fs::write(&file, text).map_err(on(&file))?;
    }
    let bin = fresh.path().join("bin");
    fs::create_dir_all(&bin).map_err(on(&bin))?;
    let script = |name: &str, body: &str| {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\nhere=\"${{0%/*}}/..\"\n{body}\n"))
            .map_err(on(&file))?;
        unpack::make_executable(&file)
    };
    script("python", &format!("PYTHONPATH=\"$here/site\" exec '{python}' \"$@\""))?;
    script("prisma", &format!("exec '{node}' \"$here/engine/prisma.cjs\" \"$@\""))?;
    script("query-engine", &format!("exec '{node}' \"$here/engine/query-engine.cjs\" \"$@\""))?;
    Line::new(&node, ["generate.cjs".as_ref(), site.as_path(), &bin.join("query-engine")])
        .with([python])
        .within(&engine)
        .output()?;
    // The last one: it is what the folder is known by.
    script(
        "litellm",
        "exec \"$here/bin/python\" -c 'from litellm import run_server; run_server()' \"$@\"",
    )?;
    fresh.keep()
}
