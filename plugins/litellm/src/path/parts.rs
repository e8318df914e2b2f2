//! A plan in the making.

use lockstep_sdk::Step;
use lockstep_sdk::blocks::Block;
use lockstep_sdk::blocks::pin::Pin;
use lockstep_sdk::image::Image;

use crate::context::Context;
use crate::findings::Seen;
use crate::names;

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) seen: Seen<'a>,
    pub(super) context: &'a Context,
    /// The image to go back to, and whether it must be pinned first.
    pub(super) former: &'a Pin,
    pub(super) block: Block,
}

impl<D> Parts<'_, D> {
    /// Adds a step, which is given the facts of the first one.
    pub(super) fn push(&mut self, step: Step) {
        let first = step.id == names::KEEP;
        self.block.steps.push(if first { step } else { step.needs(&[names::KEEP]) });
    }

    /// Adds an undo step, which is given the facts of the first step.
    pub(super) fn push_undo(&mut self, step: Step) {
        self.block.undo.push(step.needs(&[names::KEEP]));
    }

    /// Returns the image to go back to.
    pub(super) fn former(&self) -> Option<&Image> {
        match self.former {
            Pin::Stands(image) | Pin::Set(image) => Some(image),
            Pin::Impossible(_) => None,
        }
    }

    /// Returns how long a deployment of the proxy took; zero where no history tells.
    pub(super) fn boot(&self) -> u64 {
        self.seen.survey.proxy.boot()
    }
}

/// Returns labels as references, as the sdk takes them.
pub(super) fn refs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}
