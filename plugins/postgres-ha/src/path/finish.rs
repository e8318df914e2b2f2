//! What comes after the switch: watching, giving up the way back, and the end of the old server.

use lockstep_sdk::blocks::{close, slug};
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Failure, Step};

use super::parts::{Parts, refs};
use crate::declare::{Declares, RELOAD, statements};
use crate::links::BACK;
use crate::names::{self, ADMIN};
use crate::needs::Setting;
use crate::options::Path;

impl<D: Declares> Parts<'_, D> {
    /// Lays out the end.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let soak = Step::new(
            names::SOAK,
            "Watch the new side, with the way back armed",
            "what goes wrong late can still be taken back without losing a row",
        )
        .if_left("nothing: everybody writes at the cluster, and the old server follows it; nobody watches whether it does")
        .expected(self.options.soak)
        .limit(20 * MINUTE);
        self.push(if self.options.soak == 0 { soak } else { soak.soaking(self.options.soak) });
        self.finalize()?;
        match self.context.path {
            Path::Online => self.push(close::step(names::CLOSE, &[])),
            Path::Job => {
                let label = self.delete_job()?;
                self.push(close::step(names::CLOSE, &[label]));
            }
        }
        self.retire()
    }

    /// From here on the old side grows old.
    fn finalize(&mut self) -> Result<(), Failure> {
        let mut labels = self.end_of("finalize", BACK)?.to_vec();
        let settings: Vec<_> = self.seen.needs.cluster.iter().filter(|it| !it.lasts).collect();
        for Setting { label, name, .. } in &settings {
            let label = format!("finalize-{label}");
            self.declare.again(&label, ADMIN, &format!("ALTER SYSTEM RESET {name}"))?;
            labels.push(label);
        }
        if !settings.is_empty() {
            self.declare.transaction("finalize-load", ADMIN, statements([RELOAD]))?;
            labels.push("finalize-load".to_owned());
        }
        for client in self.context.running() {
            let running = self.running(client);
            let (mut set, mut absent) = (Vec::new(), Vec::new());
            for (name, value) in client.uses.frozen_by() {
                match running.and_then(|running| running.variable(name)) {
                    Some(former) if former == *value => {}
                    Some(former) => set.push((*name, former)),
                    None => absent.push(*name),
                }
            }
            if !set.is_empty() {
                let label = format!("thaw-{}", slug(&client.service));
                self.declare.set_variables(&label, &client.service, &set)?;
                labels.push(label);
            }
            if !absent.is_empty() {
                let label = format!("thaw-off-{}", slug(&client.service));
                self.declare.delete_variables(&label, &client.service, &absent)?;
                labels.push(label);
            }
        }
        self.push(
            Step {
                undo: lockstep_sdk::Undo::Impossible(
                    "the old side no longer follows: from here on going back means a backup, and loses what was written since".to_owned(),
                ),
                ..Step::new(
                    names::FINALIZE,
                    "Give up the way back, and let migrations run again",
                    "the new side must keep no log for a server that nobody will go back to",
                )
            }
            .effects(&refs(&labels))
            .approved(
                "The way back without loss ends here: the old server no longer follows the cluster. Is the cluster backed up, and does \
                 the backup service back up the cluster? Go on?",
            )
            .if_left("nothing: everybody writes at the cluster"),
        );
        Ok(())
    }
}
