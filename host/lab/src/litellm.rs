//! `LiteLLM` itself, as `cargo xtask setup --litellm` installs it.

use std::path::{Path, PathBuf};

use crate::program::said;

/// One version of `LiteLLM`, with Prisma's client and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiteLlm {
    folder: PathBuf,
    version: String,
}

impl LiteLlm {
    /// Finds it in the folder that setup made for one version.
    pub(crate) fn within(folder: &Path) -> Option<Self> {
        let found = Self { folder: folder.to_owned(), version: String::new() };
        if !found.program("litellm").is_file() {
            return None;
        }
        // It takes seconds to tell its version itself; its package's folder tells it too.
        let packages = std::fs::read_dir(found.site()).ok()?.filter_map(Result::ok);
        let version = packages.into_iter().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.strip_prefix("litellm-")?.strip_suffix(".dist-info")?.to_owned())
        })?;
        // What it was installed with may be gone since.
        said(&found.program("python"), "--version")?;
        said(&found.program("query-engine"), "--version")?;
        Some(Self { version, ..found })
    }

    /// The version, such as `1.80.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The folder of its Python packages, which holds what the image has in its own folder.
    pub(crate) fn site(&self) -> PathBuf {
        self.folder.join("site")
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_version_is_found_by_its_package_and_only_where_it_can_start() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        fs::create_dir_all(folder.path().join("site/litellm-1.80.0.dist-info")).unwrap();
        fs::create_dir_all(folder.path().join("site/litellm_enterprise-0.1.dist-info")).unwrap();
        for name in ["litellm", "python", "query-engine"] {
            let file = folder.path().join("bin").join(name);
            fs::write(&file, "#!/bin/sh\necho 1\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = LiteLlm::within(folder.path()).unwrap();
        assert_eq!(found.version(), "1.80.0");
        fs::write(folder.path().join("bin/query-engine"), "#!/bin/sh\nexit 127\n").unwrap();
        assert_eq!(LiteLlm::within(folder.path()), None, "node is gone");
    }
}
