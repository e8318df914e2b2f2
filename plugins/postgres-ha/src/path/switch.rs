//! The switch: references, deployments, proof.

use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, Scope, Step};

use super::cut::SEALED;
use super::job::STOPPED;
use super::parts::{Parts, refs};
use crate::context::Client;
use crate::declare::Declares;
use crate::links::{FORTH, end_of_publisher};
use crate::names::{self, NEW, OLD};
use crate::options::Path;

/// What is left when some of the services write at the new side.
const SWITCHED: &str = "services that are deployed anew write at the cluster; the others read at the old server, and their writes fail until \
    they are deployed. The old server follows the cluster, so that no row is only at one side";

/// The same where the others are stopped.
const STARTED: &str = "services that are deployed anew work at the cluster; the others are stopped until they are deployed. The old \
    server follows the cluster, so that no row is only at one side";

impl<D: Declares> Parts<'_, D> {
    /// Lays out the switch.
    pub(super) fn switch(&mut self) -> Result<(), Failure> {
        if self.context.through {
            self.switch_front()?;
            return self.prove();
        }
        self.references()?;
        let running: Vec<&Client> = self.context.running().collect();
        for (index, client) in running.iter().enumerate() {
            let label = names::deployment(&client.service);
            self.deploy(&label, client)?;
            let waiting = running.get(index..).unwrap_or(&[]);
            let length = waiting.iter().map(|client| self.boot(client)).sum();
            let step = Step::new(
                &label,
                format!("Deploy {} with its new references", client.service),
                "a service takes up its variables when it is deployed; its image stays as it is",
            );
            let step = self
                .without(step, waiting.iter().copied(), length)
                .effects(&[&label])
                .if_left(self.by_path(SWITCHED, STARTED))
                .expected(self.boot(client))
                .limit(30 * MINUTE);
            self.push(step);
        }
        self.prove()
    }

    fn prove(&mut self) -> Result<(), Failure> {
        // A job's copy was compared before anybody was led to it.
        let compared = match self.context.path {
            Path::Online => {
                let (all, at) = (Scope::Everything, Some("snapshots"));
                let system = &self.context.new_system;
                let mut labels =
                    end_of_publisher(self.declare, "copy-end", FORTH, system)?.to_vec();
                self.declare.compare("compare", OLD, NEW, &all, at, &[])?;
                labels.push("compare".to_owned());
                labels
            }
            Path::Job => Vec::new(),
        };
        self.push(
            Step::new(
                names::PROVE,
                self.by_path(
                    "Look whether everybody answers from the cluster, and compare both sides as they stood at the cut",
                    "Look whether everybody answers from the cluster",
                ),
                self.by_path(
                    "a service that is up may still be wrong for its users, and a row that is missing is missed late",
                    "a service that is up may still be wrong for its users",
                ),
            )
            .effects(&refs(&compared))
            .if_left("nothing: everybody writes at the cluster, and the old server follows it")
            .expected(MINUTE)
            .limit(4 * HOUR),
        );
        Ok(())
    }

    fn references(&mut self) -> Result<(), Failure> {
        let labels = self.refer()?;
        let undo = self.way_back()?;
        let boots = self.context.running().map(|client| self.boot(client)).sum();
        let step = Step::new(
            names::REFERENCES,
            "Lead every service to the cluster by its variables",
            "as references, so that no password stands in them; nothing takes them up before it is deployed",
        );
        let step = self
            .without(step, &self.context.clients, boots)
            .effects(&refs(&labels))
            .if_left(self.by_path(SEALED, STOPPED))
            .undone_by(&refs(&undo))
            .expected(5 * SECOND);
        self.push(step);
        Ok(())
    }
}
