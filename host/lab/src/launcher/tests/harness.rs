//! What the tests of launchers and stand-ins share: one service's folders and address, and waiting without sleeping on it.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    launcher::{Launch, Mounted, Running, launch},
    programs::Programs,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// One service over all its deployments in a test.
pub(crate) struct Service {
    pub(crate) launch: Launch,
    folder: TempDir,
    deployments: u32,
}

impl Service {
    /// A service at an address that only the test with this `number` uses.
    pub(crate) fn new(number: u8, image: &str, variables: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let launch = Launch {
            service: "test".to_owned(),
            image: image.to_owned(),
            variables: BTreeMap::new(),
            start_command: None,
            volume: None,
            // Each test process has a network of its own, so that two at once do not meet.
            address: Ipv4Addr::new(127, 128 | high, low, number),
            log: folder.path().join("log"),
            scratch: folder.path().join("0"),
            programs: programs(),
            stand_in: stand_in(folder.path()),
        };
        let mut service = Self { launch, folder, deployments: 0 };
        for (name, value) in variables {
            service.set(name, value);
        }
        service
    }

    pub(crate) fn with_volume(mut self, mount: &str) -> Self {
        let folder = self.folder.path().join("volume");
        fs::create_dir(&folder).unwrap();
        self.launch.volume = Some(Mounted { folder, mount: mount.to_owned() });
        self
    }

    pub(crate) fn with_start_command(mut self, command: &str) -> Self {
        self.launch.start_command = Some(command.to_owned());
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.launch.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Starts a new deployment: as on Railway, nothing but the volume is left of the one before.
    pub(crate) async fn deploy(&mut self) -> Running {
        self.deployments += 1;
        self.launch.scratch = self.folder.path().join(self.deployments.to_string());
        launch(&self.launch).await.unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.launch.log).unwrap_or_default()
    }

    /// Waits until `attempt` succeeds; fails with the process's log if it never does.
    pub(crate) async fn until<T, E: std::fmt::Debug>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(error) if Instant::now() > deadline => panic!("{error:?}\n{}", self.log()),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

/// The servers that `cargo xtask setup` has brought; for LiteLLM a stand-in stands, whether it is there or not.
pub(crate) fn programs() -> Programs {
    Programs::find(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/programs")))
        .without_litellm()
}

/// A script that takes the arguments of `lockstep lab stand-in <kind>` and runs this test program as the stand-in.
fn stand_in(folder: &Path) -> PathBuf {
    let script = folder.join("lockstep");
    let this = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nLOCKSTEP_TEST_KIND=$3 exec '{}' --exact stand_in::tests::process::runs --nocapture\n",
        this.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}
