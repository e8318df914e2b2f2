//! Failures.

use lockstep_engine::model::{Extra, Failure, Problem};

use super::{Inward, Outward, Refused, closed};
use crate::bindings::lockstep::plugin::types;

impl Inward for types::Problem {
    type Inside = Problem;
    fn inward(self) -> Result<Problem, Refused> {
        // A plugin may pass on a denial with the lines that would grant it. They are the host's own to say, and a plugin
        // could have made them up, so they go no further.
        let _lines = closed("problem", self.extra, &["add"])?;
        Ok(Problem { code: self.code, message: self.message, extra: Extra::new() })
    }
}

impl Inward for types::Failure {
    type Inside = Failure;
    fn inward(self) -> Result<Failure, Refused> {
        Ok(match self {
            Self::Transient(problem) => Failure::Transient(problem.inward()?),
            // The contract reserves `other` and promises to treat it as permanent.
            Self::Permanent(problem) | Self::Other(problem) => {
                Failure::Permanent(problem.inward()?)
            }
            Self::Denied(problem) => Failure::Denied(problem.inward()?),
        })
    }
}

impl Outward for Problem {
    type Outside = types::Problem;
    fn outward(self) -> types::Problem {
        types::Problem { code: self.code, message: self.message, extra: self.extra }
    }
}

impl Outward for Failure {
    type Outside = types::Failure;
    fn outward(self) -> types::Failure {
        match self {
            Self::Transient(problem) => types::Failure::Transient(problem.outward()),
            Self::Permanent(problem) => types::Failure::Permanent(problem.outward()),
            Self::Denied(problem) => types::Failure::Denied(problem.outward()),
        }
    }
}
