//! The way back after the switch: what was written at the new side goes home first.

use lockstep_sdk::blocks::slug;
use lockstep_sdk::step::{HOUR, MINUTE, SECOND};
use lockstep_sdk::{Failure, Scope, Step};

use super::cut::{ROUNDS as UNSEALS, SNAPSHOTS};
use super::parts::Parts;
use crate::declare::Declares;
use crate::names::{self, NEW, OLD, RETURN};
use crate::seal;

/// Rounds of ending the new side's sessions.
const ROUNDS: u32 = 20;

/// What is left when both sides are sealed.
const BOTH_SEALED: &str = "reads go on at both sides, and writes fail at both, until somebody goes on or takes the seal off the new side \
    by the break-glass file. The old server follows the cluster, so no row is lost";

/// What is left when the old side takes writes again.
const RETURNING: &str = "the old server takes writes again and the new side takes none: services that lead to the cluster, or are stopped, \
    can't write until they are deployed with their former references";

impl<D: Declares> Parts<'_, D> {
    /// Lays out the way back and returns its steps in their order. It begins as soon as one service's variables may lead to
    /// the new side, because whatever deploys that service makes it write there.
    pub(super) fn way_back(&mut self) -> Result<Vec<String>, Failure> {
        let found = &self.seen.survey.found;
        let led = if self.context.through {
            Some(names::SWITCH.to_owned())
        } else {
            found.services().first().map(|service| names::refer(service))
        };
        let Some(first) = led else { return Ok(Vec::new()) };
        let mut order = vec![self.rearm(&first)?, self.seal_new(&first)?];
        order.extend(self.bring_home(&first)?);
        order.push(self.unseal_old(&first)?);
        if self.context.through {
            order.push(self.switch_front_back()?);
        } else {
            order.push(self.references_back()?);
            order.extend(self.deploys_back()?);
        }
        order.push(self.compare_back(&first)?);
        Ok(order)
    }

    /// Says of a step on the way back that nobody can write in it.
    fn sealed(&self, step: Step) -> Step {
        let length = step.expected;
        Self::without_writes(step, &self.context.clients, length)
    }

    fn seal_new(&mut self, first: &str) -> Result<String, Failure> {
        let database = self.context.database.as_str();
        self.declare.transaction(names::SEAL_NEW, NEW, seal::set(database))?;
        self.declare.transaction("end-new", NEW, seal::end_pooled_clients())?;
        let mut step = Step::new(
            names::SEAL_NEW,
            "Seal the database at the cluster, and end its clients' sessions",
            "what is written at the new side must stand still before it can go home",
        )
        .expected(5 * SECOND)
        .limit(10 * MINUTE);
        step.rounds = ROUNDS;
        let step = self
            .sealed(step)
            .effects(&[names::SEAL_NEW, "end-new"])
            .if_left(BOTH_SEALED)
            .reverses(&[(names::SEAL_NEW, first), ("end-new", first)]);
        self.push_undo(step);
        Ok(names::SEAL_NEW.to_owned())
    }

    /// Rows, numbers, and how both sides stand then.
    fn bring_home(&mut self, first: &str) -> Result<[String; 3], Failure> {
        let drain = Step::new(
            names::DRAIN_BACK,
            "Wait until the old server has everything that was written at the cluster",
            "no row that was acknowledged is left behind",
        )
        .expected(5 * SECOND)
        .limit(HOUR);
        let drain = self.sealed(drain).if_left(BOTH_SEALED);
        self.push_undo(drain);
        self.declare.copy_sequences(names::SEQUENCES_BACK, NEW, OLD, 0)?;
        self.declare.hold_snapshots(names::SNAPSHOTS_BACK, NEW, OLD, SNAPSHOTS)?;
        for (id, title, why) in [
            (
                names::SEQUENCES_BACK,
                "Let numbers go on where they stood at the cluster",
                "numbers are in no log, and one that is given twice fails",
            ),
            (
                names::SNAPSHOTS_BACK,
                "Keep both sides to be compared as they stand",
                "they are compared when the services are back, so that nobody waits for it",
            ),
        ] {
            let step = self.sealed(Step::new(id, title, why)).effects(&[id]).if_left(BOTH_SEALED);
            self.push_undo(step.reverses(&[(id, first)]));
        }
        Ok([names::DRAIN_BACK, names::SEQUENCES_BACK, names::SNAPSHOTS_BACK].map(str::to_owned))
    }

    fn unseal_old(&mut self, first: &str) -> Result<String, Failure> {
        self.declare.transaction(names::UNSEAL_OLD, OLD, seal::lift(&self.context.database))?;
        self.declare.transaction("unseal-old-end", OLD, seal::end_sealed())?;
        let mut step = Step::new(
            names::UNSEAL_OLD,
            "Take the seal off the old database, and end the sessions that began under it",
            "they would stay read-only for as long as they live",
        );
        step.rounds = UNSEALS;
        let step = self
            .sealed(step)
            .effects(&[names::UNSEAL_OLD, "unseal-old-end"])
            .if_left(BOTH_SEALED)
            .reverses(&[(names::UNSEAL_OLD, first), ("unseal-old-end", first)]);
        self.push_undo(step);
        Ok(names::UNSEAL_OLD.to_owned())
    }

    fn references_back(&mut self) -> Result<String, Failure> {
        let found = &self.seen.survey.found;
        let mut pairs = Vec::new();
        for service in found.services() {
            let label = format!("refer-back-{}", slug(service));
            let own = found.references.iter().filter(|reference| reference.service == service);
            let variables: Vec<_> =
                own.map(|it| (it.variable.as_str(), it.former.as_str())).collect();
            self.declare.set_variables(&label, service, &variables)?;
            pairs.push((label, names::refer(service)));
        }
        let labels: Vec<&str> = pairs.iter().map(|(mine, _)| mine.as_str()).collect();
        let reversed: Vec<_> =
            pairs.iter().map(|(mine, theirs)| (mine.as_str(), theirs.as_str())).collect();
        let step = Step::new(
            names::REFERENCES_BACK,
            "Lead every service to the old server again",
            "the former texts, which are references too",
        )
        .expected(5 * SECOND);
        let step = self.sealed(step).effects(&labels).if_left(RETURNING).reverses(&reversed);
        self.push_undo(step);
        Ok(names::REFERENCES_BACK.to_owned())
    }

    fn deploys_back(&mut self) -> Result<Vec<String>, Failure> {
        let mut order = Vec::new();
        for client in self.context.running() {
            let label = format!("{RETURN}{}", slug(&client.service));
            self.deploy(&label, client)?;
            let boot = self.boot(client);
            let step = Step::new(
                &label,
                format!("Deploy {} with its former references", client.service),
                "it writes at the old server again",
            )
            .expected(boot)
            .limit(30 * MINUTE);
            let step = Self::without_writes(step, [client], boot)
                .effects(&[&label])
                .if_left(RETURNING)
                .reverses(&[(&label, &self.context.left_by(client))]);
            self.push_undo(step);
            order.push(label);
        }
        Ok(order)
    }

    fn compare_back(&mut self, first: &str) -> Result<String, Failure> {
        let at = Some(names::SNAPSHOTS_BACK);
        self.declare.compare(names::COMPARE_BACK, NEW, OLD, &Scope::Everything, at, &[])?;
        let step = Step::new(
            names::COMPARE_BACK,
            "Compare both sides as they stood when everything was home",
            "the new side is only given up when nothing is there that is not here",
        )
        .effects(&[names::COMPARE_BACK])
        .if_left("nothing: everybody writes at the old server, and the new side is kept")
        .limit(4 * HOUR)
        .reverses(&[(names::COMPARE_BACK, first)]);
        self.push_undo(step);
        Ok(names::COMPARE_BACK.to_owned())
    }
}
