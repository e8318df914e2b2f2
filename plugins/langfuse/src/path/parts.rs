//! A plan in the making.

use lockstep_sdk::Step;
use lockstep_sdk::blocks::Block;
use lockstep_sdk::blocks::pin::Pin;
use lockstep_sdk::image::Image;
use lockstep_sdk::running::Running;

use crate::context::Context;
use crate::findings::Seen;
use crate::names;

/// A service that is upgraded, and the image to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving<'a> {
    /// What runs of it.
    pub(crate) running: &'a Running,
    /// The image to go back to.
    pub(crate) former: &'a Image,
    /// Whether it must be set to that first.
    pub(crate) is_pinned: bool,
}

impl<'a> Leaving<'a> {
    /// Returns it, where it can be gone back to.
    pub(crate) fn of(running: &'a Running, pin: &'a Pin) -> Option<Self> {
        match pin {
            Pin::Stands(former) => Some(Self { running, former, is_pinned: true }),
            Pin::Set(former) => Some(Self { running, former, is_pinned: false }),
            Pin::Impossible(_) => None,
        }
    }
}

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) seen: Seen<'a>,
    pub(super) context: &'a Context,
    pub(super) web: Leaving<'a>,
    pub(super) worker: Leaving<'a>,
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
}

/// Returns labels as references, as the sdk takes them.
pub(crate) fn refs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}
