//! This test program started again as another process, which does what its parent asks.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use lockstep_engine::model::Moment;
use lockstep_store::{LeaseError, Store, Takeover};

use crate::support::{Session, create, event, here, id, open};

/// What the child reads its order from.
const ORDER: &str = "LOCKSTEP_STORE_TEST_CHILD";

/// A child that is killed when it is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts a child that works in the store at an address.
    pub(crate) fn start(order: &str, address: &str) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()), order, address)
    }

    /// Starts a child that can't write a file beyond so many KiB, and gets an error instead of a signal.
    pub(crate) fn limited(order: &str, folder: &Path, kib: u32) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")]);
        command.arg(std::env::current_exe().unwrap());
        Self::spawn(command, order, &folder.display().to_string())
    }

    fn spawn(mut command: Command, order: &str, address: &str) -> Self {
        command.args(["--exact", "child::a_child_does_what_its_parent_asks", "--nocapture"]);
        command.env(ORDER, format!("{order} {address}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Returns the next line that the child says; none when it is over.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.find_map(|line| line.ok()?.strip_prefix("child: ").map(str::to_owned))
    }

    pub(crate) fn go(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Kills the child with SIGKILL and leaves it as a zombie.
    pub(crate) fn kill_unwaited(&mut self) {
        self.process.kill().unwrap();
    }

    /// Kills the child with SIGKILL and waits until it is no more.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "a child has no other way to learn that it is one")]
fn order() -> Option<String> {
    std::env::var(ORDER).ok()
}

fn say(text: &str) {
    let line = format!("child: {text}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

fn wait_for_go() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_child_does_what_its_parent_asks() {
    let Some(order) = order() else { return };
    let (order, address) = order.split_once(' ').unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match order {
        "append" => runtime.block_on(async {
            let store = open(address).await;
            let all: Vec<_> =
                (0..3).map(|number| tokio::spawn(append(store.clone(), number))).collect();
            for one in all {
                one.await.unwrap();
            }
        }),
        "fill" => runtime.block_on(async {
            let store = open(address).await;
            create(&store, "r-0", "e-0").await;
            append(store, 0).await;
        }),
        "acquire" => runtime.block_on(acquire(address)),
        unknown => panic!("{unknown}"),
    }
}

/// Appends in batches of one to three until that fails, and says what was acknowledged.
async fn append(store: Store, number: u32) {
    let (run, environment) = (id(&format!("r-{number}")), format!("e-{number}"));
    let lease =
        store.acquire(&environment, &run, &here(), Moment(2), Takeover::IfGone).await.unwrap();
    let mut session = Session { lease, head: store.head(&run).await.unwrap() };
    loop {
        let size = session.head.next % 3 + 1;
        let events = (0..size)
            .map(|number| event(&"y".repeat(usize::try_from(number * 300).unwrap())))
            .collect();
        match session.append(&store, events).await {
            Ok(()) => say(&format!("ack {run} {} {}", session.head.next, session.head.digest)),
            Err(error) => return say(&format!("failed {error}")),
        }
    }
}

/// Tries to take one environment when told, and holds it until killed.
async fn acquire(address: &str) {
    let store = open(address).await;
    say("ready");
    wait_for_go();
    let taken = store.acquire("e-0", &id("r-0"), &here(), Moment(2), Takeover::IfGone).await;
    match taken {
        Ok(lease) => say(&format!("won {}", lease.epoch.0)),
        Err(LeaseError::Held { by, .. }) => say(&format!("lost {:?}", by.presence)),
        Err(other) => say(&format!("failed {other}")),
    }
    wait_for_go();
}
