//! What the process's environment holds.

/// What the process's environment holds, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Every variable; values may be secrets and are never printed.
    variables: std::collections::BTreeMap<String, String>,
}

impl Surroundings {
    /// Reads the process's environment. Variables that are not text are left out.
    pub(crate) fn read() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// Returns surroundings of a test's own.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { variables: variables.iter().map(owned).collect() }
    }

    /// Returns a variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns who is at the keyboard, for the journal.
    pub(crate) fn person(&self) -> String {
        let user = self.get("USER").or_else(|| self.get("LOGNAME")).unwrap_or("somebody");
        format!("{user}@{}", host_name())
    }

    /// Returns every variable, for a child process.
    pub(crate) fn all(&self) -> &std::collections::BTreeMap<String, String> {
        &self.variables
    }
}

/// Returns this machine's name.
fn host_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname");
    read.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}
