//! The way back: the server leads, everybody uses it itself again, and the cluster around it is taken away.

use lockstep_sdk::blocks::slug;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Step};

use super::plan::Parts;
use super::steps::refs;
use super::template::Order;
use super::{names, server};
use crate::context::Client;
use crate::declare::{Declares, statements};
use crate::names::{OLD, RETURN};
use crate::quote::Literal;

/// What is left while the cluster is being taken back.
const REVERTING: &str = "the cluster's other services are gone, and the server takes no writes before it is deployed as a single one: deploy \
    it by the break-glass file";

/// What is left while the server is led to lead.
const CHANGING: &str = "nothing: one node leads, and everybody who uses the front reaches it";

impl<D: Declares> Parts<'_, D> {
    /// Lets the server lead, unless it does. A node that commits wait for could not be passed over.
    fn lead(&mut self, id: &str, reversed: &str) -> Result<(), Failure> {
        let first = format!("{id}-async");
        self.declare.order(&first, Order::Synchronous(false))?;
        self.declare.order(id, Order::Lead(&self.context.node))?;
        self.push_undo(
            Step::new(
                id,
                "Let the server itself lead, if another node does",
                "taking the cluster back deletes every other node, whoever leads",
            )
            .effects(&[&first, id])
            .if_left(CHANGING)
            .expected(10 * SECOND)
            .limit(10 * MINUTE)
            .reverses(&[(&first, reversed), (id, reversed)]),
        );
        Ok(())
    }

    /// Lays out how one client goes back to the server itself, and returns the steps in their order.
    pub(super) fn client_back(
        &mut self,
        client: &Client,
        deployed: &str,
    ) -> Result<Vec<String>, Failure> {
        let lead = names::lead(&client.service);
        self.lead(&lead, deployed)?;
        let slug = slug(&client.service);
        let (refer, label) = (format!("refer-back-{slug}"), format!("{RETURN}{slug}"));
        let variables = self.former(&client.service);
        // What only the host may put back is put back by it afterwards, with a deployment.
        if variables.is_empty() {
            return Ok(vec![lead]);
        }
        self.declare.set_variables(&refer, &client.service, &variables)?;
        self.deploy(&label, client)?;
        let title = format!("Deploy {} with the server itself in its variables", client.service);
        self.push_undo(
            Step::new(&label, title, "the front is about to go")
                .effects(&[&refer, &label])
                .if_left("nothing: the server leads, and whoever uses the front reaches it too")
                .expected(self.boot(client))
                .limit(30 * MINUTE)
                .reverses(&[(&refer, deployed), (&label, deployed)]),
        );
        Ok(vec![lead, label])
    }

    /// Returns the variables of a service that are led to the front, with their former texts as far as they may be seen.
    fn former(&self, service: &str) -> Vec<(&str, &str)> {
        let found = &self.survey.found;
        let moved = found.moved.iter().filter(|it| it.service == service);
        let mut former: Vec<_> = moved.map(|it| (it.name.as_str(), it.before.as_str())).collect();
        for it in found.literals.iter().filter(|it| it.service == service) {
            let known = former.iter().any(|(name, _)| *name == it.name);
            former.extend(
                it.former.as_deref().filter(|_| !known).map(|text| (it.name.as_str(), text)),
            );
        }
        former
    }

    /// Lays out how addresses are put back in their places that a client does not put back with its deployment.
    pub(super) fn addresses_back(&mut self, labels: &[String]) -> Result<String, Failure> {
        let (mut back, mut pairs) = (Vec::new(), Vec::new());
        for client in &self.context.clients {
            let slug = slug(&client.service);
            let reversed = format!("{}-{slug}", names::ADDRESSES);
            let Some(reversed) = labels.iter().find(|label| **label == reversed) else { continue };
            let literals = self.survey.found.literals.iter();
            let own = literals.filter(|it| it.service == client.service);
            let own: Vec<_> =
                own.filter_map(|it| Some((it.name.as_str(), it.former.as_deref()?))).collect();
            let label = format!("{}-{slug}", names::ADDRESSES_BACK);
            self.declare.set_variables(&label, &client.service, &own)?;
            pairs.push((label.clone(), reversed.clone()));
            back.push(label);
        }
        let pairs: Vec<_> =
            pairs.iter().map(|(back, there)| (back.as_str(), there.as_str())).collect();
        self.push_undo(
            Step::new(
                names::ADDRESSES_BACK,
                "Put the server's address back where it stood in variables",
                "whoever was deployed with the front has been deployed without it already",
            )
            .effects(&refs(&back))
            .if_left("nothing: the server leads, and whoever uses the front reaches it too")
            .expected(5 * SECOND)
            .reverses(&pairs),
        );
        Ok(names::ADDRESSES_BACK.to_owned())
    }

    /// Lays out how the conversion is taken back, and returns the steps in their order.
    pub(super) fn way_back(&mut self) -> Result<Vec<String>, Failure> {
        self.lead(names::LEAD_LAST, names::ADOPT)?;
        self.settings_back()?;
        self.revert()?;
        self.slots_back()?;
        Ok([names::LEAD_LAST, names::SETTINGS, names::REVERT, names::SLOTS]
            .map(str::to_owned)
            .into())
    }

    /// Before the restart, so that there is only one: under Patroni these are overridden by its own.
    fn settings_back(&mut self) -> Result<(), Failure> {
        let mut labels = Vec::new();
        for (name, value) in &self.context.settings {
            let label = format!("setting-{}", name.replace('_', "-"));
            let text = format!("ALTER SYSTEM SET {name} = {}", Literal(value));
            self.declare.again(&label, OLD, &text)?;
            labels.push(label);
        }
        let pairs: Vec<_> = labels.iter().map(|label| (label.as_str(), names::ADOPT)).collect();
        self.push_undo(
            Step::new(
                names::SETTINGS,
                "Write down the server's former settings, for its next start",
                "what Patroni wrote into its files stays there, and a single server would start with it",
            )
            .effects(&refs(&labels))
            .if_left(CHANGING)
            .reverses(&pairs),
        );
        Ok(())
    }

    fn revert(&mut self) -> Result<(), Failure> {
        let service = &self.context.service;
        self.declare.discard_staged(names::DISCARD, names::CONVERT)?;
        self.declare.stage_revert(names::REVERT, names::CONVERT)?;
        self.declare.commit_staged("revert-commit", names::REVERT)?;
        self.declare.set_image("image-back", service, &self.former.to_string())?;
        self.declare.deploy(names::RETURN_ROOT, service)?;
        let step = Step::new(
            names::REVERT,
            "Let Railway take the cluster back, and start the server as a single one",
            "on the same data: it leads, so it has every row",
        );
        let step = self
            .without_database(step)
            .effects(&[
                names::DISCARD,
                names::REVERT,
                "revert-commit",
                "image-back",
                names::RETURN_ROOT,
            ])
            .if_left(REVERTING)
            .limit(30 * MINUTE)
            .reverses(&[
                (names::DISCARD, names::CONVERT),
                (names::REVERT, names::COMMIT),
                ("revert-commit", names::COMMIT),
                ("image-back", names::COMMIT),
                (names::RETURN_ROOT, names::ADOPT),
            ]);
        self.push_undo(step);
        Ok(())
    }

    fn slots_back(&mut self) -> Result<(), Failure> {
        let drop = statements([server::drop_slots(&self.context.replicas)]);
        self.declare.transaction(names::SLOTS, OLD, drop)?;
        self.push_undo(
            Step::new(
                names::SLOTS,
                "Drop the slots of the replicas that are gone, and see that the former settings count",
                "the server would keep its log for them until its volume is full",
            )
            .effects(&[names::SLOTS])
            .if_left("the server keeps its log for replicas that are gone: drop their slots by the break-glass file")
            .limit(20 * MINUTE)
            .reverses(&[(names::SLOTS, names::ADOPT)]),
        );
        Ok(())
    }
}
