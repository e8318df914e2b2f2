//! The parts of a draft.

use lockstep_engine::model::{
    Drive, Finding, Gate, Label, MAX_OUTAGE, Millis, Outage, OutageKind, SECTION, Severity, Step,
    StepId, Undo, UnknownTrigger, Watch,
};

use super::{Inward, Refused, closed, name, unknown};
use crate::bindings::exports::lockstep::plugin::upgrade;

impl Inward for upgrade::Severity {
    type Inside = Severity;
    fn inward(self) -> Result<Severity, Refused> {
        match self {
            Self::Note => Ok(Severity::Note),
            Self::Warning => Ok(Severity::Warning),
            Self::Refusal => Ok(Severity::Refusal),
            Self::Other(case) => Err(unknown("severity", &case)),
        }
    }
}

impl Inward for upgrade::Finding {
    type Inside = Finding;
    fn inward(self) -> Result<Finding, Refused> {
        let Self { id, severity, title, evidence, remedy, source, mended_by } = self;
        let place = format!("finding {id:?}");
        let severity = severity.inward().map_err(|refused| refused.within(&place))?;
        let mended_by = names(&mended_by).map_err(|refused| refused.within(&place))?;
        Ok(Finding { id, severity, title, evidence, remedy, source, mended_by })
    }
}

impl Inward for upgrade::Drive {
    type Inside = Drive;
    fn inward(self) -> Result<Drive, Refused> {
        match self {
            Self::Listed => Ok(Drive::Listed),
            Self::Guided => Ok(Drive::Guided),
            Self::Other(case) => Err(unknown("drive", &case)),
        }
    }
}

impl Inward for upgrade::Undo {
    type Inside = Undo;
    fn inward(self) -> Result<Undo, Refused> {
        match self {
            Self::Nothing => Ok(Undo::Nothing),
            Self::Restore => Ok(Undo::Restore),
            Self::Steps(steps) => Ok(Undo::Steps(names(&steps)?)),
            Self::Impossible(why) => Ok(Undo::Impossible(why)),
            Self::Other(case) => Err(unknown("undo", &case)),
        }
    }
}

impl Inward for upgrade::Gate {
    type Inside = Gate;
    fn inward(self) -> Result<Gate, Refused> {
        match self {
            Self::Approval(question) => Ok(Gate::Approval(question)),
            Self::Window => Ok(Gate::Window),
            Self::Other(case) => Err(unknown("gate", &case)),
        }
    }
}

impl Inward for upgrade::Outage {
    type Inside = Outage;
    fn inward(self) -> Result<Outage, Refused> {
        let kind = match self.kind {
            upgrade::OutageKind::Reads => OutageKind::Reads,
            upgrade::OutageKind::Writes => OutageKind::Writes,
            upgrade::OutageKind::All => OutageKind::All,
            upgrade::OutageKind::Other(words) => OutageKind::Other(words),
        };
        Ok(Outage { service: self.service, kind, length: Millis(self.length) })
    }
}

impl Inward for upgrade::Step {
    type Inside = Step;
    fn inward(self) -> Result<Step, Refused> {
        let place = format!("step {:?}", self.id);
        step(self).map_err(|refused| refused.within(&place))
    }
}

fn step(step: upgrade::Step) -> Result<Step, Refused> {
    let reverses = step.reverses.iter().map(|(own, reversed)| Ok((name(own)?, name(reversed)?)));
    Ok(Step {
        id: name(&step.id)?,
        title: step.title,
        why: step.why,
        effects: names(&step.effects)?,
        drive: step.drive.inward()?,
        reverses: reverses.collect::<Result<Vec<(Label, Label)>, Refused>>()?,
        undo: step.undo.inward()?,
        gates: step.gates.inward()?,
        needs: names::<StepId>(&step.needs)?,
        loss: step.loss,
        rounds: step.rounds,
        soak: step.soak.map(Millis),
        expected: Millis(step.expected),
        outage: step.outage.inward()?,
        if_left: step.if_left,
        limit: Millis(step.limit),
        extra: closed("step", step.extra, &[SECTION, MAX_OUTAGE])?,
    })
}

impl Inward for upgrade::Watch {
    type Inside = Watch;
    fn inward(self) -> Result<Watch, Refused> {
        let Self { id, title, interval, effects, trigger } = self;
        let effects =
            names(&effects).map_err(|refused| refused.within(&format!("watch {id:?}")))?;
        let trigger = trigger
            .parse()
            .map_err(|error: UnknownTrigger| Refused(format!("watch {id:?}: {error}")))?;
        Ok(Watch { id, title, interval: Millis(interval), effects, trigger })
    }
}

fn names<T: std::str::FromStr<Err = lockstep_engine::model::NameError>>(
    texts: &[String],
) -> Result<Vec<T>, Refused> {
    texts.iter().map(|text| name(text)).collect()
}
