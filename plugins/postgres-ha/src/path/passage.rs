//! The front first, and its switch instead of everybody's deployment.

use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Step};

use super::cut::SEALED;
use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::names;
use crate::passage::{NODES, SERVICE, URL, leading_to};
use crate::references;

/// How long the switch takes, as far as is known before it has ever been done: its program starts at once.
const SWITCH: u64 = 5 * SECOND;

/// What is left while the front is switched.
const SWITCHING: &str = "the front leads to the old server, whose database only reads, or to the cluster already; nobody has to be \
    deployed. The old server follows the cluster, so that no row is only at one side";

impl<D: Declares> Parts<'_, D> {
    /// Makes the front, leads everybody through it to the old server, and deploys them at leisure.
    pub(super) fn passage(&mut self) -> Result<(), Failure> {
        let Some(image) = self.seen.passage else { return Ok(()) };
        let (old, database) = (self.context.service.as_str(), self.context.database.as_str());
        let user = self.seen.survey.user.as_str();
        let url = references::url("postgresql", user, &self.context.front, SERVICE, database);
        let variables = [(NODES, leading_to(old)), (URL, url)];
        let variables: Vec<_> =
            variables.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.declare.create(names::PASSAGE, SERVICE, image, &variables)?;
        self.declare.deploy_configured(names::PASSAGE_START, SERVICE)?;
        self.push(
            Step::new(
                names::PASSAGE,
                "Make a front that leads to the old server",
                "when the database has moved, only this front is switched",
            )
            .effects(&[names::PASSAGE, names::PASSAGE_START])
            .if_left("nothing: nobody uses the front yet")
            .restored()
            .expected(30 * SECOND)
            .limit(10 * MINUTE),
        );
        self.lead_through()
    }

    fn lead_through(&mut self) -> Result<(), Failure> {
        let mut labels = self.refer()?;
        let mut longest = 0;
        for client in self.context.running() {
            let label = names::through(&client.service);
            self.deploy(&label, client)?;
            longest += self.boot(client);
            labels.push(label);
        }
        self.push(
            Step::new(
                names::THROUGH,
                "Lead every service through the front, and deploy each",
                "at leisure: all of them read and write at the old server before, meanwhile and after",
            )
            .effects(&refs(&labels))
            .if_left("nothing: each service reaches the old server, through the front or by itself")
            .restored()
            .expected(longest)
            .limit(60 * MINUTE),
        );
        Ok(())
    }

    /// Switches the front to the cluster, once the old database is sealed.
    pub(super) fn switch_front(&mut self) -> Result<(), Failure> {
        let to = leading_to(&self.context.front);
        self.declare.set_made_variables(names::SWITCH, SERVICE, &[(NODES, &to)])?;
        self.declare.deploy_configured(names::SWITCH_START, SERVICE)?;
        let undo = self.way_back()?;
        let step = Step::new(
            names::SWITCH,
            "Switch the front to the cluster",
            "every service goes on as it runs, with what it holds in memory",
        );
        let step = self
            .without(step, &self.context.clients, SWITCH)
            .effects(&[names::SWITCH, names::SWITCH_START])
            .if_left(SEALED)
            .undone_by(&refs(&undo))
            .expected(SWITCH)
            .limit(10 * MINUTE);
        self.push(step);
        Ok(())
    }

    /// Switches it back, when everything is home.
    pub(super) fn switch_front_back(&mut self) -> Result<String, Failure> {
        let to = leading_to(&self.context.service);
        self.declare.set_made_variables(names::SWITCH_BACK, SERVICE, &[(NODES, &to)])?;
        self.declare.deploy_configured(names::SWITCH_BACK_START, SERVICE)?;
        let step = Step::new(
            names::SWITCH_BACK,
            "Switch the front to the old server",
            "every service goes on as it runs",
        )
        .expected(SWITCH)
        .limit(10 * MINUTE);
        let step = self
            .without(step, &self.context.clients, SWITCH)
            .effects(&[names::SWITCH_BACK, names::SWITCH_BACK_START])
            .if_left(SWITCHING)
            .reverses(&[
                (names::SWITCH_BACK, names::SWITCH),
                (names::SWITCH_BACK_START, names::SWITCH_START),
            ]);
        self.push_undo(step);
        Ok(names::SWITCH_BACK.to_owned())
    }
}
