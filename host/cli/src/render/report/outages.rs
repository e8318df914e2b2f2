//! What was down: as the plan announced it, and as the journal bounds it.

use lockstep_engine::model::{Moment, Outage, OutageKind, Step};

use super::Report;
use super::markdown::{Markdown, code};
use super::steps::{step, told};
use crate::clock::written;
use crate::render::outage::{Outages, what};
use crate::render::text::precisely;

/// One time in which a service was without something.
#[derive(Debug, PartialEq, Eq)]
struct Spell<'a> {
    service: &'a str,
    kind: &'a OutageKind,
    from: Moment,
    /// When the last of its steps was over; none if that is not over.
    until: Option<Moment>,
    /// The place of that step among those that began.
    last: usize,
}

/// Appends what the plan said would be down.
pub(super) fn announced(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Outages that the plan announced");
    let plan = report.plan;
    let steps = plan.authority.steps.iter().map(|frozen| &frozen.step);
    let expected = |step: &Step| plan.evidence.expected.get(&step.id);
    out.list(Outages::of(steps, expected).lines().iter().map(|line| code(line)));
}

/// Appends how long those steps took that were announced with an outage: it was no longer than that.
pub(super) fn measured(report: &Report<'_>, out: &mut Markdown) {
    out.heading(
        2,
        "Outages as the journal bounds them: from their first step to the end of their last",
    );
    let authority = &report.plan.authority;
    let told = told(report.records, authority);
    let steps = told.iter().filter_map(|told| {
        let (step, _) = step(authority, told.step)?;
        Some((step.outage.as_slice(), told.began, told.over))
    });
    let lines = spells(steps).into_iter().map(|spell| {
        let what = what(spell.service, spell.kind);
        let from = written(spell.from);
        match spell.until {
            Some(until) => format!("{what}: {} from {from}", precisely(until.since(spell.from))),
            None => format!("{what}: from {from}, and not over"),
        }
    });
    out.list(lines.map(|line| code(&line)));
}

/// Puts together what steps that follow one another have in common.
fn spells<'a>(
    steps: impl Iterator<Item = (&'a [Outage], Moment, Option<Moment>)>,
) -> Vec<Spell<'a>> {
    let mut spells: Vec<Spell<'a>> = Vec::new();
    for (place, (outages, began, over)) in steps.enumerate() {
        for outage in outages {
            let (service, kind) = (outage.service.as_str(), &outage.kind);
            let goes_on = spells.iter_mut().find(|spell| {
                (spell.service, spell.kind) == (service, kind) && spell.last + 1 >= place
            });
            match goes_on {
                Some(spell) => (spell.until, spell.last) = (over, place),
                None => spells.push(Spell { service, kind, from: began, until: over, last: place }),
            }
        }
    }
    spells
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Millis;

    use super::*;

    #[test]
    fn what_follows_without_a_break_is_one_outage_and_what_comes_later_another() {
        let without = |service: &str| Outage {
            service: service.to_owned(),
            kind: OutageKind::Writes,
            length: Millis(0),
        };
        let (both, web) = ([without("postgres"), without("web")], [without("web")]);
        let steps: [(&[Outage], u64, Option<u64>); 5] = [
            (&both, 10, Some(20)),
            (&web, 25, Some(40)),
            (&[], 40, Some(50)),
            (&web, 60, Some(70)),
            (&web, 75, None),
        ];
        let steps = steps.map(|(outages, began, over)| (outages, Moment(began), over.map(Moment)));
        let found = spells(steps.into_iter());
        let told: Vec<_> = found.iter().map(|it| (it.service, it.from.0, it.until)).collect();
        assert_eq!(
            told,
            [("postgres", 10, Some(Moment(20))), ("web", 10, Some(Moment(40))), ("web", 60, None)]
        );
    }
}
