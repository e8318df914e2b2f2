//! Maintenance windows: weekly, in the local time of a zone, with its changes of the clock.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use lockstep_engine::model::{Millis, Moment};
use lockstep_engine::run::Window;
use serde::{Deserialize, Serialize};

/// How far ahead a window is looked for: a weekly one comes again within this time, whatever the clocks do.
const AHEAD_DAYS: i32 = 9;

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DayDocument {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// A time in which steps may begin. One whose end is not after its beginning ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WindowDocument {
    /// The days on which it opens.
    pub(crate) days: Vec<DayDocument>,
    /// When it opens, such as `22:00`, by the clocks of the zone.
    pub(crate) from: Time,
    /// When it closes.
    pub(crate) to: Time,
    /// The zone, by its name in the IANA database.
    pub(crate) zone: String,
}

impl WindowDocument {
    /// Returns what makes it one that never opens.
    pub(super) fn problem(&self) -> Option<String> {
        if self.days.is_empty() {
            return Some("has a window without `days`".to_owned());
        }
        let error = TimeZone::get(&self.zone).err()?;
        Some(format!("has a window in an unknown `zone`: {error}"))
    }

    /// Returns when it opens and closes around `now`, in milliseconds.
    fn times(&self, now: Timestamp) -> Vec<(i64, i64)> {
        // The zone was found when the file was read; a database without it opens no window.
        let Ok(zone) = TimeZone::get(&self.zone) else { return Vec::new() };
        let today = now.to_zoned(zone.clone()).date();
        let days =
            (-2..=AHEAD_DAYS).filter_map(|days| today.checked_add(Span::new().days(days)).ok());
        let opens = days.filter(|date| self.days.iter().any(|day| day.is(date.weekday())));
        opens.filter_map(|date| self.on(date, &zone)).collect()
    }

    /// A time that the clocks leave out is the one after the gap; of one that they repeat, the first is meant.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(i64, i64)> {
        let last = if self.to <= self.from { date.tomorrow().ok()? } else { date };
        let at = |date: Date, time: Time| {
            let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
            Some(zoned.timestamp().as_millisecond())
        };
        Some((at(date, self.from)?, at(last, self.to)?))
    }
}

impl DayDocument {
    fn is(self, weekday: Weekday) -> bool {
        let own = match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        };
        own == weekday
    }
}

/// Returns whether one of `windows` is open at `now` with so much time left. Windows that meet are one.
pub(crate) fn window(windows: &[WindowDocument], now: Moment, needs: Millis) -> Window {
    if windows.is_empty() {
        return Window::Always;
    }
    let millis = i64::try_from(now.0).unwrap_or(i64::MAX);
    let Ok(present) = Timestamp::from_millisecond(millis) else {
        return Window::Closed { opens: None };
    };
    let mut times: Vec<(i64, i64)> =
        windows.iter().flat_map(|window| window.times(present)).collect();
    times.sort_unstable();
    let mut whole: Vec<(i64, i64)> = Vec::new();
    for (from, to) in times {
        match whole.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => whole.push((from, to)),
        }
    }
    let needs = i64::try_from(needs.0).unwrap_or(i64::MAX);
    let fits = |(from, to): &&(i64, i64)| to.saturating_sub((*from).max(millis)) >= needs.max(1);
    let moment = |at: i64| Moment(u64::try_from(at).unwrap_or(0));
    match whole.iter().find(fits) {
        Some((from, to)) if *from <= millis => Window::Open { until: moment(*to) },
        Some((from, _)) => Window::Closed { opens: Some(moment(*from)) },
        None => Window::Closed { opens: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        let time: Timestamp = text.parse().unwrap();
        Moment(u64::try_from(time.as_millisecond()).unwrap())
    }

    fn nightly(days: &[DayDocument], from: &str, to: &str) -> WindowDocument {
        WindowDocument {
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
        }
    }

    fn open(until: &str) -> Window {
        Window::Open { until: moment(until) }
    }

    fn closed(opens: &str) -> Window {
        Window::Closed { opens: Some(moment(opens)) }
    }

    const MINUTE: Millis = Millis(60_000);

    #[test]
    fn a_window_over_midnight_opens_and_closes_by_the_clocks_of_its_zone() {
        let windows = [nightly(&[DayDocument::Saturday], "22:00", "04:00")];
        let at = |now: &str| window(&windows, moment(now), MINUTE);
        assert_eq!(at("2026-11-28T20:59:59Z"), closed("2026-11-28T21:00:00Z"));
        assert_eq!(at("2026-11-28T21:00:00Z"), open("2026-11-29T03:00:00Z"));
        assert_eq!(at("2026-11-29T02:58:59Z"), open("2026-11-29T03:00:00Z"));
        assert_eq!(
            at("2026-11-29T02:59:01Z"),
            closed("2026-12-05T21:00:00Z"),
            "too little is left"
        );
        assert_eq!(at("2026-07-04T20:00:00Z"), open("2026-07-05T02:00:00Z"), "summer time");
    }

    #[test]
    fn the_night_in_which_the_clocks_change_is_as_long_as_it_really_is() {
        let windows = [nightly(&[DayDocument::Saturday], "22:00", "04:00")];
        let needs = |hours: u64| Millis(hours * 3_600_000);
        let spring = moment("2026-03-28T21:00:00Z");
        assert_eq!(window(&windows, spring, needs(5)), open("2026-03-29T02:00:00Z"));
        assert_eq!(window(&windows, spring, needs(6)), closed("2026-04-04T20:00:00Z"));
        let autumn = moment("2026-10-24T20:00:00Z");
        assert_eq!(window(&windows, autumn, needs(7)), open("2026-10-25T03:00:00Z"));
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_is_the_one_after_the_gap() {
        let windows = [nightly(&[DayDocument::Sunday], "02:30", "05:00")];
        let before = moment("2026-03-29T00:00:00Z");
        assert_eq!(window(&windows, before, MINUTE), closed("2026-03-29T01:30:00Z"), "03:30 there");
    }

    #[test]
    fn windows_that_meet_are_one() {
        use DayDocument::{Saturday, Sunday};
        let windows =
            [nightly(&[Saturday], "22:00", "00:00"), nightly(&[Sunday], "00:00", "06:00")];
        let now = moment("2026-11-28T22:00:00Z");
        assert_eq!(window(&windows, now, Millis(6 * 3_600_000)), open("2026-11-29T05:00:00Z"));
    }

    #[test]
    fn a_window_that_is_never_long_enough_never_opens() {
        let windows = [nightly(&[DayDocument::Saturday], "22:00", "23:00")];
        let now = moment("2026-11-28T21:00:00Z");
        let found = window(&windows, now, Millis(2 * 3_600_000));
        assert_eq!(found, Window::Closed { opens: None });
        assert_eq!(window(&[], now, MINUTE), Window::Always);
    }

    #[test]
    fn a_zone_that_nobody_knows_is_named() {
        let unknown = WindowDocument {
            zone: "Europe/Nowhere".to_owned(),
            ..nightly(&[DayDocument::Sunday], "01:00", "02:00")
        };
        assert!(unknown.problem().unwrap().contains("Europe/Nowhere"));
        assert!(nightly(&[], "01:00", "02:00").problem().unwrap().contains("days"));
        assert_eq!(nightly(&[DayDocument::Monday], "01:00", "02:00").problem(), None);
    }
}
