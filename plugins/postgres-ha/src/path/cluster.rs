//! Setting up the cluster before it has clients.
//!
//! `PgPool` keeps a node for down that did not answer when it was started, and ends its own sessions over that. So it is deployed
//! after its nodes answer, on the way there and on the way back.

use lockstep_sdk::blocks::slug;
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Failure, Step};

use super::parts::{Parts, refs};
use crate::declare::Declares;
use crate::names;
use crate::service::Running;

/// What is left of a cluster that is being set up, or put back.
const UNUSED: &str = "nothing: nobody uses the cluster";

/// What an effect and the one that takes it back are called.
type Pair = (String, String);

impl<D: Declares> Parts<'_, D> {
    /// Nobody uses the nodes yet, so they are deployed without an outage: standbys first.
    pub(super) fn cluster(&mut self) -> Result<(), Failure> {
        let survey = self.seen.survey;
        let variables = named(&self.seen.needs.nodes);
        if variables.is_empty() {
            return Ok(());
        }
        let primary = self.seen.cluster.primary.as_deref();
        let mut nodes: Vec<_> = survey.nodes.iter().collect();
        nodes.sort_by_key(|node| Some(node.name()) == primary);
        let (mut labels, mut pairs) = (Vec::new(), Vec::new());
        for node in &nodes {
            let settings = format!("settings-{}", slug(node.name()));
            let deploy = names::started(node.name());
            self.declare.set_variables(&settings, node.name(), &variables)?;
            self.declare.deploy(&deploy, node.name())?;
            pairs.extend(self.put_back(&settings, node, &variables)?);
            labels.extend([settings, deploy]);
        }
        for node in &nodes {
            pairs.push(self.start_again(node.name())?);
        }
        let expected = nodes.iter().map(|node| node.boot()).sum();
        let undo = [names::CLUSTER_UNDO, names::POOL_UNDO];
        self.push(
            Step::new(
                names::CLUSTER,
                "Set up the cluster's nodes for its clients, before it has any",
                "the way back needs a log that can be read, and a commit must be at two nodes before it is acknowledged",
            )
            .effects(&refs(&labels))
            .if_left("nothing: nobody uses the cluster yet")
            .undone_by(&undo)
            .expected(expected)
            .limit(60 * MINUTE),
        );
        self.push_undo(
            Step::new(names::CLUSTER_UNDO, "Put the cluster's nodes back", "as they were")
                .effects(&mine(&pairs))
                .if_left(UNUSED)
                .reverses(&theirs(&pairs))
                .expected(expected)
                .limit(60 * MINUTE),
        );
        let mut pairs = Vec::new();
        let (front, wanted) = (&survey.front, named(&self.seen.needs.front));
        if !wanted.is_empty() {
            pairs.extend(self.put_back(names::POOL_SETTINGS, front, &wanted)?);
        }
        let (again, started) = self.start_again(front.name())?;
        // Its nodes went down and came up under it, whether it was deployed or not.
        pairs.extend(nodes.iter().map(|node| (again.clone(), names::started(node.name()))));
        pairs.push((again, started));
        let mut step =
            Step::new(names::POOL_UNDO, "Start PgPool anew, as it was", "its nodes answer again");
        step.rounds = names::POOL_ROUNDS;
        let step = step.effects(&mine(&pairs)).if_left(UNUSED).reverses(&theirs(&pairs));
        self.push_undo(step.expected(front.boot()).limit(20 * MINUTE));
        Ok(())
    }

    /// `PgPool` is started when all its nodes answer. Where they are put back too, it is put back after them.
    pub(super) fn pool(&mut self) -> Result<(), Failure> {
        if !self.context.deploys_front {
            return Ok(());
        }
        let (front, variables) = (&self.seen.survey.front, named(&self.seen.needs.front));
        let mut labels = Vec::new();
        if !variables.is_empty() {
            self.declare.set_variables(names::POOL_SETTINGS, front.name(), &variables)?;
            labels.push(names::POOL_SETTINGS.to_owned());
        }
        let deploy = names::started(front.name());
        self.declare.deploy(&deploy, front.name())?;
        labels.push(deploy);
        let step = Step::new(
            names::POOL,
            "Set up PgPool for its clients, and start it when its nodes answer",
            "reads must not go to nodes that are behind, and it must not drop the primary because a session ended there",
        );
        let step = step.effects(&refs(&labels)).if_left("nothing: nobody uses the cluster yet");
        let step = step.expected(front.boot()).limit(20 * MINUTE);
        let is_put_back_with_nodes = self.context.deploys_nodes;
        self.push(if is_put_back_with_nodes { step } else { step.restored() });
        Ok(())
    }

    /// Declares that variables of a service stand as they did, and returns what takes back what.
    fn put_back(
        &self,
        set: &str,
        running: &Running,
        variables: &[(&str, &str)],
    ) -> Result<Vec<Pair>, Failure> {
        let (mut former, mut absent) = (Vec::new(), Vec::new());
        for (name, _) in variables {
            match running.variable(name) {
                Some(text) => former.push((*name, text)),
                None if running.hides(name) => {
                    let why = format!(
                        "`{name}` of `{}` can't be read, so it could not be put back",
                        running.name()
                    );
                    return Err(Failure::permanently("plugin:hidden", why));
                }
                None => absent.push(*name),
            }
        }
        let mut pairs = Vec::new();
        if !former.is_empty() {
            let label = format!("{set}-back");
            self.declare.set_variables(&label, running.name(), &former)?;
            pairs.push((label, set.to_owned()));
        }
        if !absent.is_empty() {
            let label = format!("{set}-away");
            self.declare.delete_variables(&label, running.name(), &absent)?;
            pairs.push((label, set.to_owned()));
        }
        Ok(pairs)
    }

    fn start_again(&self, service: &str) -> Result<Pair, Failure> {
        let label = names::started_again(service);
        self.declare.deploy(&label, service)?;
        Ok((label, names::started(service)))
    }
}

fn named<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Each once, however much it takes back.
fn mine(pairs: &[Pair]) -> Vec<&str> {
    let mut labels: Vec<&str> = pairs.iter().map(|(mine, _)| mine.as_str()).collect();
    labels.dedup();
    labels
}

fn theirs(pairs: &[Pair]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(mine, theirs)| (mine.as_str(), theirs.as_str())).collect()
}
