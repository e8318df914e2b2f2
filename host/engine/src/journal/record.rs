//! Records: events with their place in a run's chain.

use serde::{Deserialize, Serialize};

use super::event::Event;
use crate::model::{Digest, Moment, RunId, canonical};

/// What a record's digest is prefixed with.
const DOMAIN: &str = "lockstep-record-1";

/// The number of a lease; it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The last record of a run: where the next one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The next record's number, from 0.
    pub next: u64,
    /// The digest of the last record, or of nothing.
    pub digest: Digest,
}

/// One event in its place. It names the record before it by digest, so a changed, missing or reordered record shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this format.
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// Its number in the run, from 0.
    pub sequence: u64,
    /// The lease under which it was written.
    pub epoch: Epoch,
    /// When it was written.
    pub at: Moment,
    /// What happened.
    pub event: Event,
    /// The digest of the record before it.
    pub previous: Digest,
}

/// A record that follows from the one before it, with the text that is kept of it and the head after it.
///
/// Only [`Head::link`] makes one, so a journal need not prove the chain again that it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Linked {
    record: Record,
    text: String,
    head: Head,
}

/// The records are not one unbroken chain.
#[derive(Debug, thiserror::Error)]
pub enum BrokenChain {
    /// One is missing, or they are out of order.
    #[error("expected record {expected} of run {run}, found record {found}")]
    Gap {
        /// The run.
        run: RunId,
        /// The number that should follow.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// One was changed after it was written, or the one before it was.
    #[error("record {sequence} of run {run} does not follow from the record before it")]
    Changed {
        /// The run.
        run: RunId,
        /// The first record that does not fit.
        sequence: u64,
    },
    /// One can't be hashed, which would be a fault of ours.
    #[error("could not hash a record")]
    Unhashable(#[from] serde_json::Error),
}

impl Head {
    /// Returns where a run begins.
    pub fn start(run: &RunId) -> Self {
        Self { next: 0, digest: Digest::of(run.as_str().as_bytes()) }
    }

    /// Returns the head after `record`, which must follow from this one.
    ///
    /// # Errors
    /// The record belongs elsewhere.
    pub fn after(&self, record: &Record) -> Result<Self, BrokenChain> {
        if record.sequence != self.next {
            return Err(BrokenChain::Gap {
                run: record.run.clone(),
                expected: self.next,
                found: record.sequence,
            });
        }
        if record.previous != self.digest {
            return Err(BrokenChain::Changed {
                run: record.run.clone(),
                sequence: record.sequence,
            });
        }
        Ok(Self { next: self.next + 1, digest: record.digest()? })
    }

    /// Returns the records that put `events` after this head, and the head after them.
    ///
    /// # Errors
    /// An event can't be hashed.
    pub fn link(
        mut self,
        run: &RunId,
        epoch: Epoch,
        at: Moment,
        events: Vec<Event>,
    ) -> Result<(Vec<Linked>, Self), BrokenChain> {
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            let record = Record {
                format: 1,
                run: run.clone(),
                sequence: self.next,
                epoch,
                at,
                event,
                previous: self.digest,
            };
            let text = record.text()?;
            self = Self { next: self.next + 1, digest: Digest::of_text(DOMAIN, &text) };
            records.push(Linked { record, text, head: self });
        }
        Ok((records, self))
    }
}

impl Linked {
    /// Returns the record.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Returns the record's canonical text, over which its digest is taken.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the head after the record.
    pub const fn head(&self) -> Head {
        self.head
    }
}

impl From<Linked> for Record {
    fn from(linked: Linked) -> Self {
        linked.record
    }
}

impl Record {
    /// Returns the record's digest.
    ///
    /// # Errors
    /// It does not serialize, which would be a fault of ours.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of_text(DOMAIN, &self.text()?))
    }

    /// Returns the record in canonical form. Its keys stand here in their order, because every effect waits for two of these
    /// texts.
    fn text(&self) -> Result<String, serde_json::Error> {
        let Self { format, run, sequence, epoch: Epoch(epoch), at: Moment(at), event, previous } =
            self;
        let event = canonical(event)?;
        let run = serde_json::to_string(run)?;
        Ok(format!(
            r#"{{"at":{at},"epoch":{epoch},"event":{event},"format":{format},"previous":"{previous}","run":{run},"sequence":{sequence}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (Head, Vec<Record>) {
        let run: RunId = "r-1".parse().unwrap();
        let start = Head::start(&run);
        let events = vec![
            Event::Planned { plan: Digest::of(b"plan") },
            Event::Approved { plan: Digest::of(b"plan"), by: "ada".to_owned() },
            Event::Leased { epoch: Epoch(1), holder: "laptop".to_owned() },
        ];
        let (records, _head) = start.link(&run, Epoch(1), Moment(5), events).unwrap();
        (start, records.into_iter().map(Record::from).collect())
    }

    fn follow(start: Head, records: &[Record]) -> Result<Head, BrokenChain> {
        records.iter().try_fold(start, |head, record| head.after(record))
    }

    #[test]
    fn an_untouched_chain_holds_and_survives_json() {
        let (start, records) = chain();
        let text = serde_json::to_string(&records).unwrap();
        let read: Vec<Record> = serde_json::from_str(&text).unwrap();
        assert!(follow(start, &read).is_ok());
    }

    #[test]
    fn the_text_of_a_record_is_its_canonical_form() {
        for record in chain().1 {
            assert_eq!(record.text().unwrap(), canonical(&record).unwrap());
        }
    }

    #[test]
    fn what_is_linked_is_what_a_reader_finds() {
        let run: RunId = "r-1".parse().unwrap();
        let event = Event::TurnedBack { why: "größer \u{1} \" \\".to_owned() };
        let start = Head::start(&run);
        let (linked, head) = start.link(&run, Epoch(1), Moment(5), vec![event]).unwrap();
        let read: Record = serde_json::from_str(linked[0].text()).unwrap();
        assert_eq!(read, *linked[0].record());
        assert_eq!((start.after(&read).unwrap(), linked[0].head()), (head, head));
    }

    #[test]
    fn a_changed_missing_or_reordered_record_shows() {
        let (start, records) = chain();
        let mut changed = records.clone();
        changed[0].at = Moment(6);
        assert!(matches!(follow(start, &changed), Err(BrokenChain::Changed { sequence: 1, .. })));
        let missing = [records[0].clone(), records[2].clone()];
        assert!(matches!(follow(start, &missing), Err(BrokenChain::Gap { .. })));
        let swapped = [records[1].clone(), records[0].clone()];
        assert!(follow(start, &swapped).is_err());
    }
}
