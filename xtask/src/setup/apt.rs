//! Debian's and Ubuntu's packages: unpacked beside the system where that is enough, installed into it where not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{found, sources, unpack};
use crate::command::{Failed, Line, on};

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The package manager, with package lists of its own so that any user can refresh them.
pub(crate) struct Apt {
    folder: PathBuf,
    lists: Lists,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    Unread,
    Own,
    Backports,
}

impl Apt {
    /// A package manager that keeps its lists under `programs`; it reads nothing yet.
    pub(crate) fn new(programs: &Path) -> Self {
        Self { folder: programs.join(".apt"), lists: Lists::Unread }
    }

    /// Installs `packages` into the system, with no service started.
    pub(crate) fn system(packages: &str) -> Result<(), Failed> {
        if !found::is_root() {
            return Err(Failed::new(format!(
                "this needs root; run: apt-get install -y --no-install-recommends {packages}"
            )));
        }
        needs_apt(packages)?;
        let _guard = NoServices::hold()?;
        let install = || {
            Line::new("apt-get", ["install", "-y", "-qq", "--no-install-recommends"])
                .with(packages.split_whitespace())
                .env("DEBIAN_FRONTEND", "noninteractive")
                .output()
        };
        // The lists may be absent or too old for what the mirror still has.
        if install().is_err() {
            Line::new("apt-get", ["-qq", "update"]).output()?;
            install()?;
        }
        Ok(())
    }

    /// Unpacks `packages` and what they need beyond the system into a folder of `programs` named after `name` and,
    /// for a server that comes in many versions, its version, which is that of the first package.
    pub(crate) fn unpack(
        &mut self,
        packages: &str,
        name: &str,
        programs: &Path,
    ) -> Result<(), Failed> {
        needs_apt(packages)?;
        self.read(Lists::Own)?;
        let mut wanted = self.missing(packages);
        if wanted.is_err() && self.read(Lists::Backports).is_ok() {
            wanted = self.missing(packages);
        }
        let wanted = wanted?;
        let first = packages.split_whitespace().next();
        let version = wanted
            .iter()
            .find(|(name, _)| Some(name.as_str()) == first)
            .map(|(_, version)| major_minor(version));
        let versioned = matches!(name, "redis" | "valkey" | "postgresql");
        let folder = match version {
            Some(version) if versioned => format!("{name}-{version}"),
            _ => name.to_owned(),
        };
        let fresh = unpack::Fresh::new(programs, &folder)?;
        let packages = fresh.path().join("packages");
        fs::create_dir_all(&packages).map_err(on(&packages))?;
        let exact = wanted.iter().map(|(name, version)| format!("{name}={version}"));
        self.line(["-qq", "download"]).with(exact).within(&packages).output()?;
        let files = fs::read_dir(&packages).map_err(on(&packages))?.filter_map(Result::ok);
        let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
        files.sort();
        unpack::debian(&files, fresh.path())?;
        fs::remove_dir_all(&packages).map_err(on(&packages))?;
        fresh.keep()
    }

    /// Makes sure that package lists of this kind have been fetched by this run.
    fn read(&mut self, lists: Lists) -> Result<(), Failed> {
        if self.lists == lists || (self.lists == Lists::Backports && lists == Lists::Own) {
            return Ok(());
        }
        for inside in ["lists/partial", "cache/archives/partial"] {
            let folder = self.folder.join(inside);
            fs::create_dir_all(&folder).map_err(on(&folder))?;
        }
        let before = self.lists;
        if lists == Lists::Backports && !sources::with_backports(&self.folder.join("sources"))? {
            return Err(Failed::new(
                "this machine's package sources name no mirror with backports",
            ));
        }
        self.lists = lists;
        println!("setup: reading the package lists …");
        if let Err(failed) = self.line(["-qq", "update"]).output() {
            self.lists = before;
            return Err(failed);
        }
        Ok(())
    }

    /// The packages that installing `wanted` would bring, with their versions.
    fn missing(&self, wanted: &str) -> Result<Vec<(String, String)>, Failed> {
        let said = self
            .line(["-s", "install", "--no-install-recommends", "--reinstall"])
            .with(wanted.split_whitespace())
            .output()?;
        let mut packages = Vec::new();
        for line in said.lines() {
            let mut words = line.split_whitespace();
            let (Some("Inst"), Some(name)) = (words.next(), words.next()) else { continue };
            let version = words.find_map(|word| word.strip_prefix('('));
            // The system's own loader and C library go together; a second library under it would not start.
            if let Some(version) = version
                && !name.starts_with("libc6")
                && !name.starts_with("libc-")
            {
                packages.push((name.to_owned(), version.to_owned()));
            }
        }
        if packages.is_empty() {
            return Err(Failed::new(format!("`{wanted}` brings no package here")));
        }
        Ok(packages)
    }

    fn line<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Line {
        let option =
            |name: &str, inside: &str| format!("{name}={}", self.folder.join(inside).display());
        let mut options = vec![option("Dir::State::Lists", "lists"), option("Dir::Cache", "cache")];
        if self.lists == Lists::Backports {
            options.push("Dir::Etc::SourceList=/dev/null".to_owned());
            options.push(option("Dir::Etc::SourceParts", "sources"));
        }
        let line = Line::new("apt-get", ["-o", "APT::Sandbox::User="]);
        options
            .into_iter()
            .fold(line, |line, option| line.with(["-o".to_owned(), option]))
            .with(arguments)
    }
}

/// While it lives, packages that are installed start no service.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn hold() -> Result<Self, Failed> {
        let policy = Path::new(POLICY);
        let ours = !policy.exists();
        if ours {
            fs::write(policy, "#!/bin/sh\nexit 101\n").map_err(on(policy))?;
            unpack::make_executable(policy)?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: `{POLICY}` stays behind, so no service starts by itself: {error}");
        }
    }
}

fn needs_apt(packages: &str) -> Result<(), Failed> {
    if found::on_path("apt-get").is_some() && found::on_path("dpkg").is_some() {
        return Ok(());
    }
    Err(Failed::new(format!(
        "there is no apt-get here; install by hand what Debian calls `{packages}`"
    )))
}

/// `5:7.0.15-1~deb12u7` is `7.0`; `15+248+deb12u1` is `15`.
fn major_minor(version: &str) -> String {
    let upstream = version.rsplit_once(':').map_or(version, |(_, rest)| rest);
    let numbers: String =
        upstream.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    numbers.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::major_minor;

    #[test]
    fn a_package_version_gives_the_folder_its_series() {
        assert_eq!(major_minor("5:7.0.15-1~deb12u7"), "7.0");
        assert_eq!(major_minor("8.0.1+dfsg1-1~bpo12+1"), "8.0");
        assert_eq!(major_minor("15+248+deb12u1"), "15");
    }
}
