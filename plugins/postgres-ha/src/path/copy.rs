//! The copy that follows the old server, and the proof that it is whole, before anybody is without anything.

use lockstep_sdk::step::{HOUR, MINUTE};
use lockstep_sdk::{Failure, Indexes, SchemaPart, Scope, Step};

use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::links::{self, FORTH, publish_largest, publish_rest, refresh, subscribe, subscribed};
use crate::names::{self, NEW, OLD};
use crate::seal;

/// How long a part of the copy may take: hundreds of gigabytes take hours.
pub(super) const LONG: u64 = 24 * HOUR;

/// The first major version that remembers of each table that its rows are copied: a worker that has to wait for a key then only
/// goes on where it was.
const REMEMBERS_COPIES: u64 = 14;

/// What is left while the cluster follows.
const FOLLOWS: &str = "the cluster goes on following the old server, which keeps its log for it, as much of it as is allowed; \
    nobody uses the cluster";

impl<D: Declares> Parts<'_, D> {
    /// Copies and proves.
    pub(super) fn copy(&mut self) -> Result<(), Failure> {
        let part =
            if self.keys_can_wait() { SchemaPart::BeforeBulkLoad } else { SchemaPart::BeforeRows };
        self.declare.copy_schema(names::SCHEMA, OLD, NEW, &part)?;
        self.push(
            Step::new(
                names::SCHEMA,
                "Copy what the rows need",
                "tables, primary keys and the indexes that identify rows, but for those of large tables; what is left is quicker after the \
                 rows",
            )
            .effects(&[names::SCHEMA])
            .if_left("nothing: empty tables stay at the cluster")
            .limit(HOUR),
        );
        self.rows()?;
        // It locks all tables, and so does the worker that follows, in another order: one of them would be in the other's way.
        let (pause, build, go_on) = ("indexes-pause", "indexes-build", "indexes-follow");
        self.declare.transaction(pause, NEW, links::pause(FORTH))?;
        self.declare.build_indexes(build, OLD, NEW, &Indexes::Others)?;
        self.declare.copy_schema(names::INDEXES, OLD, NEW, &SchemaPart::AfterRows)?;
        self.back_publication()?;
        self.declare.transaction(go_on, NEW, links::go_on(FORTH))?;
        self.push(
            Step::new(
                names::INDEXES,
                "Copy the rest of the schema",
                "the other indexes and constraints, triggers and rules; what is written meanwhile is followed afterwards",
            )
            .effects(&[pause, build, names::INDEXES, names::BACK_PUBLICATION, go_on])
            .if_left("the cluster follows no more, and the old server keeps its log for it, as much of it as is allowed")
            .limit(LONG),
        );
        self.declare.again(names::ANALYZE, NEW, "ANALYZE")?;
        self.push(
            Step::new(
                names::ANALYZE,
                "Count what is in each table, and catch up",
                "without statistics the first queries of the new side would be slow ones",
            )
            .effects(&[names::ANALYZE])
            .if_left(FOLLOWS)
            .limit(LONG),
        );
        self.declare.compare("verify-schema", OLD, NEW, &Scope::Schema, None, &[])?;
        self.declare.compare("verify-rows", OLD, NEW, &Scope::Rows, None, &[])?;
        self.push(
            Step::new(
                names::VERIFY,
                "Compare both sides, every object and every row",
                "what is missing must be found before anybody depends on it",
            )
            .effects(&["verify-schema", "verify-rows"])
            .if_left(FOLLOWS)
            .limit(LONG),
        );
        Ok(())
    }

    fn keys_can_wait(&self) -> bool {
        self.context.new_major >= REMEMBERS_COPIES
    }

    fn rows(&mut self) -> Result<(), Failure> {
        let primary = self.seen.cluster.primary.clone().unwrap_or_default();
        let tables = self.tables();
        self.declare.transaction("copy-pub", OLD, publish_largest(FORTH, &tables))?;
        let link = subscribe(FORTH, &primary, "copy_data = true");
        self.declare.alone("copy-sub", NEW, link, &subscribed(FORTH))?;
        let mut labels = vec!["copy-pub", "copy-sub"];
        // While a key is built the worker that follows waits, and with it each table that it has not begun: there is none yet.
        if self.keys_can_wait() {
            self.declare.build_indexes("keys", OLD, NEW, &Indexes::Keys)?;
            labels.push("keys");
        }
        if let Some(rest) = publish_rest(FORTH, &tables) {
            self.declare.transaction("copy-pub-all", OLD, rest)?;
            self.declare.again("copy-sub-all", NEW, &refresh(FORTH))?;
            labels.extend(["copy-pub-all", "copy-sub-all"]);
        }
        self.push(
            Step::new(
                names::COPY,
                "Copy the rows, and follow what is written meanwhile",
                "copy and log meet at one point, so no row falls between them",
            )
            .effects(&labels)
            .if_left(FOLLOWS)
            .undone_by(&[names::COPY_UNDO])
            .limit(LONG),
        );
        let mut gone = self.end_of("copy-undo", FORTH)?.to_vec();
        let forgotten = seal::forget(&self.context.database);
        self.declare.transaction("copy-undo-seal", OLD, forgotten)?;
        gone.push("copy-undo-seal".to_owned());
        let reversed = ["copy-sub", "copy-sub", "copy-pub", names::SEAL];
        let pairs: Vec<_> = gone.iter().map(String::as_str).zip(reversed).collect();
        self.push_undo(
            Step::new(
                names::COPY_UNDO,
                "Let the cluster follow no more",
                "the old server must keep no log for it",
            )
            .effects(&refs(&gone))
            .if_left("the old server keeps its log for the cluster, as much of it as is allowed")
            .reverses(&pairs)
            .limit(30 * MINUTE),
        );
        Ok(())
    }
}
