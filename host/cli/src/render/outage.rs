//! What is down, by service and kind.

use lockstep_engine::model::{Measured, Millis, OutageKind, Step};

use super::text::{length, tame};

/// How long one kind of outage of one service lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lasting {
    /// As far as the stack's history tells.
    known: u64,
    /// Whether a part of it is not known.
    more: bool,
}

/// Outages by service and kind, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Outages<'a>(Vec<(&'a str, &'a OutageKind, Lasting)>);

impl<'a> Outages<'a> {
    /// Adds up the outages of steps.
    pub(super) fn of(
        steps: impl Iterator<Item = &'a Step>,
        measured: impl Fn(&Step) -> Option<&'a Measured>,
    ) -> Self {
        let mut outages = Self::default();
        for step in steps {
            let lengths = measured(step).map_or(&[][..], |measured| &measured.outages);
            for (index, outage) in step.outage.iter().enumerate() {
                let length = lengths.get(index).copied().unwrap_or_default();
                outages.add(&outage.service, &outage.kind, length);
            }
        }
        outages
    }

    fn add(&mut self, service: &'a str, kind: &'a OutageKind, length: Millis) {
        let known = self.0.iter().position(|(known, of, _)| (*known, *of) == (service, kind));
        let index = known.unwrap_or_else(|| {
            self.0.push((service, kind, Lasting::default()));
            self.0.len() - 1
        });
        if let Some((.., lasting)) = self.0.get_mut(index) {
            lasting.known = lasting.known.saturating_add(length.0);
            lasting.more |= length == Millis(0);
        }
    }

    /// Returns one line for each service and kind; none where nothing is down.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(service, kind, lasting): &(&str, &OutageKind, Lasting)| {
            let how_long = match (lasting.known, lasting.more) {
                (0, _) => "no history tells for how long".to_owned(),
                (known, true) => {
                    format!("about {}, and more of which no history tells", length(Millis(known)))
                }
                (known, false) => format!("about {}", length(Millis(known))),
            };
            format!("{}: {how_long}", what(service, kind))
        };
        self.0.iter().map(line).collect()
    }
}

/// Returns whose outage it is, and of what.
pub(super) fn what(service: &str, kind: &OutageKind) -> String {
    let kind = match kind {
        OutageKind::Reads => "reads".to_owned(),
        OutageKind::Writes => "writes".to_owned(),
        OutageKind::All => "all".to_owned(),
        OutageKind::Other(words) => format!("\u{201c}{}\u{201d}", tame(words)),
    };
    format!("{}, {kind}", tame(service))
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Outage;

    use super::*;

    #[test]
    fn outages_add_up_by_service_and_kind_and_what_is_not_known_is_said() {
        let outage = |service: &str, kind, length| Outage {
            service: service.to_owned(),
            kind,
            length: Millis(length),
        };
        let mut outages = Outages::default();
        let all = [
            outage("redis", OutageKind::All, 4_000),
            outage("web", OutageKind::Writes, 0),
            outage("redis", OutageKind::All, 5_000),
            outage("web", OutageKind::Other("cache".to_owned()), 1_000),
            outage("web", OutageKind::Other("cache".to_owned()), 0),
        ];
        for outage in &all {
            outages.add(&outage.service, &outage.kind, outage.length);
        }
        assert_eq!(
            outages.lines(),
            [
                "redis, all: about 9 s",
                "web, writes: no history tells for how long",
                "web, \u{201c}cache\u{201d}: about 1 s, and more of which no history tells",
            ]
        );
    }
}
