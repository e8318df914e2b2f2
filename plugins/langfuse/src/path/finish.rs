//! What comes after the switch: what goes on in the background, the smoke test, the soak, and the end.

use lockstep_sdk::blocks::close;
use lockstep_sdk::{Failure, Step};

use super::parts::Parts;
use crate::declare::Declares;
use crate::findings::impatient;
use crate::names;

/// What is left when the new version serves.
const SERVES: &str = "nothing: the new version serves";

/// The label with which Railway waits again as long as it did.
pub(crate) const PATIENCE_BACK: &str = "patience-back";

impl<D: Declares> Parts<'_, D> {
    /// Follows what goes on in the background, looks whether everything works, watches it for long, and cleans up.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let options = self.seen.options;
        self.push(
            Step::new(
                names::BACKGROUND,
                "Follow what is migrated in the background to its end",
                "a later version may drop what was not migrated",
            )
            .if_left("nothing: the worker goes on by itself")
            .expected(0)
            .limit(options.background_limit),
        );
        let smoke = Step::new(
            names::SMOKE,
            "Write a trace through the new version, and read it and the one from before back",
            "services that are up may still lose what they are sent",
        )
        .if_left("nothing: the new version serves, and one trace called `lockstep` stays")
        .needs(&[names::BEFORE]);
        let smoke = self.tracing(smoke, names::INGEST_AFTER)?;
        self.push(smoke);
        let soak = Step::new(
            names::SOAK,
            "Watch the new version",
            "what goes wrong late can still be taken back without losing a trace",
        )
        .if_left(SERVES)
        .expected(options.soak);
        self.push(if options.soak == 0 { soak } else { soak.soaking(options.soak) });
        let mut labels = Vec::new();
        if impatient(self.web.running, self.context.wait).is_some() {
            let former = self.context.patience.as_deref().unwrap_or_default();
            let wait = [("healthcheck-timeout", former)];
            self.declare.set_settings(PATIENCE_BACK, &self.context.web.service, &wait)?;
            labels.push(PATIENCE_BACK);
        }
        self.push(close::step(names::CLOSE, &labels).restored());
        self.block.findings.push(close::finding(&[
            "the pinned images, and the time that each service is given to end",
            "two traces called `lockstep`",
            "the locked backups of the volumes",
            "after going back: LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED=true and LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED=true on the web service, which the next plan takes back",
        ]));
        Ok(())
    }
}
