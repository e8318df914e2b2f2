//! The way there, and the way back.

use lockstep_sdk::blocks::{close, keep, slug};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Step};

use super::names::{self, start, stop};
use super::plan::Parts;
use crate::declare::{Declares, RELOAD, statements};
use crate::names::{ADMIN, CLOSE, KEEP, PROVE};
use crate::needs;

/// What is left at any time: nobody is led to the cluster by this plan.
const LEFT: &str = "nothing: nobody uses the cluster yet, and what is made of it stays";

/// References of a list of texts.
fn refs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

impl<D: Declares> Parts<'_, D> {
    /// Services with volumes and passwords, and nothing that runs.
    pub(super) fn make(&mut self) -> Result<(), Failure> {
        self.push(keep::step(KEEP, None));
        let (mut made, mut secrets) = (Vec::new(), Vec::new());
        for (member, image) in self.wanted.members().zip(self.images) {
            let slug = slug(&member.name);
            let (service, volume) = (format!("make-{slug}"), format!("volume-{slug}"));
            let texts = member.texts.iter();
            let texts: Vec<_> = texts.map(|(name, text)| (name.as_str(), text.as_str())).collect();
            self.declare.create(&service, &member.name, image, &texts)?;
            made.push(service);
            if let Some(mount) = &member.mount {
                self.declare.create_volume(&volume, &member.name, mount)?;
                made.push(volume);
            }
            for (name, secret) in &member.secrets {
                let label = format!("secret-{slug}-{}", self::slug(name));
                self.declare.generate(&label, &member.name, name, *secret)?;
                secrets.push(label);
            }
        }
        let step = Step::new(
            names::MAKE,
            "Make the services of the cluster and their volumes",
            "as the template has them, with what a move needs set, and without a deployment",
        );
        let step = step.effects(&refs(&made)).if_left(LEFT).restored();
        self.push(step.expected(30 * SECOND).limit(20 * MINUTE));
        if !secrets.is_empty() {
            let step = Step::new(
                names::SECRETS,
                "Generate their passwords",
                "each has one place, to which everything else refers, and is never shown; it goes with its service",
            );
            self.push(step.effects(&refs(&secrets)).if_left(LEFT).expected(10 * SECOND));
        }
        Ok(())
    }

    /// The node with which the cluster begins, those that follow it, and PgPool last: one that starts before its nodes
    /// answer may never see them.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let (first, standbys) = self.wanted.parted();
        let words = (
            "Start the node with which the cluster begins",
            "the others copy it, so it must be up before",
        );
        self.starts(names::FIRST, &[first], words)?;
        let words = ("Start the nodes that follow it", "one of them must be able to take over");
        self.starts(names::STANDBYS, &standbys, words)?;
        self.confirm(first)?;
        let words = (
            "Start PgPool, now that every node answers",
            "one that starts before may never see them, and clients would be sent nowhere",
        );
        self.starts(names::FRONT, &[self.wanted.front.name.as_str()], words)?;
        self.push(
            Step::new(
                PROVE,
                "Look whether the cluster is whole, and whether PgPool leads to the node that leads",
                "a service that is up may still be of no use",
            )
            .if_left(LEFT)
            .limit(10 * MINUTE),
        );
        self.push(close::step(CLOSE, &[]));
        Ok(())
    }

    fn starts(&mut self, id: &str, services: &[&str], words: (&str, &str)) -> Result<(), Failure> {
        let back = names::stopping(id);
        let (mut labels, mut stops) = (Vec::new(), Vec::new());
        for service in services {
            let (label, halt) = (start(service), stop(service));
            self.declare.deploy_configured(&label, service)?;
            self.declare.stop_made(&halt, service)?;
            labels.push(label);
            stops.push(halt);
        }
        let step = Step::new(id, words.0, words.1).effects(&refs(&labels));
        let step = step.if_left(LEFT).undone_by(&[&back]).expected(0).limit(20 * MINUTE);
        self.push(step);
        let pairs: Vec<_> =
            stops.iter().map(String::as_str).zip(labels.iter().map(String::as_str)).collect();
        let title = "Stop what was started of the cluster, if nobody needs it";
        let step =
            Step::new(&back, title, "what somebody has put into it would be deleted with it");
        let step = step.effects(&refs(&stops)).reverses(&pairs);
        let step = step.if_left("the cluster is partly stopped, and nobody uses it");
        self.block.undo.push(step.needs(&[KEEP, names::FIRST]).limit(20 * MINUTE));
        Ok(())
    }

    /// At once in the server that runs, and in its variables for the next start.
    fn confirm(&mut self, first: &str) -> Result<(), Failure> {
        let all: Vec<String> =
            self.wanted.nodes.iter().map(|node| node.node_name().to_owned()).collect();
        let texts = needs::confirmed_by(&all);
        let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let text = format!("ALTER SYSTEM SET synchronous_standby_names = '{}'", self.confirming);
        let [variables, set, load] =
            ["variables", "set", "load"].map(|part| format!("{}-{part}", names::CONFIRM));
        self.declare.set_made_variables(&variables, first, &texts)?;
        self.declare.again(&set, ADMIN, &text)?;
        self.declare.transaction(&load, ADMIN, statements([RELOAD]))?;
        self.push(
            Step::new(
                names::CONFIRM,
                "Let a commit wait for a second node",
                "what only one node has is lost with it; before the others were there the first one would have waited for ever",
            )
            .effects(&[&variables, &set, &load])
            .if_left(LEFT)
            .expected(5 * SECOND),
        );
        Ok(())
    }
}
