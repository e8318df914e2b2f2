//! What a plugin's functions are given and answer.

use lockstep_engine::model::{
    Bound, CANARIES_FOLLOW, Description, Draft, Grantable, Millis, ONE_OF_SEVERAL, Observation,
    Pending, Progress, Rule, Sample, StepCall, Target, Verdict, Version,
};

use super::{Inward, Outward, Refused, closed, unknown};
use crate::bindings::exports::lockstep::plugin::upgrade;

impl Inward for upgrade::Version {
    type Inside = Version;
    fn inward(self) -> Result<Version, Refused> {
        let Self { text, order, floating, digest } = self;
        Ok(Version { text, order, floating, digest })
    }
}

impl Inward for upgrade::Bound {
    type Inside = Bound;
    fn inward(self) -> Result<Bound, Refused> {
        Ok(Bound {
            component: self.component,
            at_least: self.at_least.inward()?,
            below: self.below.inward()?,
        })
    }
}

impl Inward for upgrade::Rule {
    type Inside = Rule;
    fn inward(self) -> Result<Rule, Refused> {
        let severity = self
            .severity
            .inward()
            .map_err(|refused| refused.within(&format!("rule {:?}", self.id)))?;
        Ok(Rule {
            id: self.id,
            when: self.when.inward()?,
            settings: self.settings,
            require: self.require.inward()?,
            severity,
            reason: self.reason,
            source: self.source,
        })
    }
}

impl Inward for upgrade::Request {
    type Inside = Grantable;
    fn inward(self) -> Result<Grantable, Refused> {
        let Self { capability, name, access, paths, why } = self;
        Ok(Grantable { capability, name, access, paths, why })
    }
}

impl Inward for upgrade::Description {
    type Inside = Description;
    fn inward(self) -> Result<Description, Refused> {
        Ok(Description {
            name: self.name,
            version: self.version,
            components: self.components,
            requests: self.requests.inward()?,
            rules: self.rules.inward()?,
            after: self.after,
            extra: closed("description", self.extra, &[])?,
        })
    }
}

impl Inward for upgrade::Draft {
    type Inside = Draft;
    fn inward(self) -> Result<Draft, Refused> {
        let known = [[ONE_OF_SEVERAL].as_slice(), &CANARIES_FOLLOW].concat();
        Ok(Draft {
            current: self.current.inward()?,
            desired: self.desired.inward()?,
            findings: self.findings.inward()?,
            steps: self.steps.inward()?,
            undo: self.undo.inward()?,
            watches: self.watches.inward()?,
            uncovered: self.uncovered,
            parameters: self.parameters,
            extra: closed("draft", self.extra, &known)?,
        })
    }
}

impl Outward for Target {
    type Outside = upgrade::Target;
    fn outward(self) -> upgrade::Target {
        let Self { component, environment, desired, options, now, extra } = self;
        upgrade::Target { component, environment, desired, options, now: now.0, extra }
    }
}

impl Outward for StepCall {
    type Outside = upgrade::StepCall;
    fn outward(self) -> upgrade::StepCall {
        upgrade::StepCall {
            step: self.step.into(),
            run: self.run.into(),
            round: self.round,
            now: self.now.0,
            parameters: self.parameters.into_iter().collect(),
            facts: self.facts.outward(),
        }
    }
}

impl Inward for upgrade::Pending {
    type Inside = Pending;
    fn inward(self) -> Result<Pending, Refused> {
        let Self { after, note, done, total, memo } = self;
        Ok(Pending { after: Millis(after), note, done, total, memo: memo.inward()? })
    }
}

impl Inward for upgrade::Observation {
    type Inside = Observation;
    fn inward(self) -> Result<Observation, Refused> {
        Ok(match self {
            Self::Ready(facts) => Observation::Ready(facts.inward()?),
            Self::NothingToDo(why) => Observation::NothingToDo(why),
            Self::Wait(pending) => Observation::Wait(pending.inward()?),
            Self::Moved(fact) => Observation::Moved(fact),
            Self::Other(case) => return Err(unknown("observation", &case)),
        })
    }
}

impl Inward for upgrade::Progress {
    type Inside = Progress;
    fn inward(self) -> Result<Progress, Refused> {
        Ok(match self {
            Self::Pending(pending) => Progress::Pending(pending.inward()?),
            Self::Done(facts) => Progress::Done(facts.inward()?),
            Self::Again(why) => Progress::Again(why),
            Self::Failed(evidence) => Progress::Failed(evidence),
            Self::Other(case) => return Err(unknown("progress", &case)),
        })
    }
}

impl Inward for upgrade::Sample {
    type Inside = Sample;
    fn inward(self) -> Result<Sample, Refused> {
        let verdict = match self.verdict {
            upgrade::Verdict::Pass => Verdict::Pass,
            upgrade::Verdict::Fail => Verdict::Fail,
            upgrade::Verdict::Unknown => Verdict::Unknown,
            upgrade::Verdict::Other(case) => return Err(unknown("verdict", &case)),
        };
        if let Some(figure) = self.figure.filter(|figure| !figure.is_finite()) {
            return Err(Refused(format!(
                "the figure {figure} is not finite and can't be recorded"
            )));
        }
        closed("sample", self.extra, &[])?;
        Ok(Sample { verdict, evidence: self.evidence, figure: self.figure })
    }
}
