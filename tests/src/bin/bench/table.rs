//! The report as a table for people.

use std::fmt::Write as _;

use crate::figure::Figure;
use crate::report::Report;

const HEAD: [&str; 5] = ["what", "here", "budget", "peer", "ratio"];

/// Returns the table, what misses its budget, and the notes.
pub(crate) fn table(report: &Report) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.figures.iter().map(Figure::cells));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join(" | ").trim_end());
        text.push('\n');
    }
    let misses: Vec<String> = report.figures.iter().filter_map(Figure::miss).collect();
    for miss in &misses {
        writeln!(text, "\nMISSED: {miss}").expect("a string takes everything");
    }
    let budgets = report.figures.iter().filter(|figure| figure.kept().is_some()).count();
    if budgets > 0 && misses.is_empty() {
        writeln!(text, "\nAll {budgets} budgets are kept.").expect("a string takes everything");
    }
    for note in &report.notes {
        writeln!(text, "{note}").expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Budget, Unit};

    #[test]
    fn columns_line_up_and_a_miss_is_said_below() {
        let mut report = Report::default();
        report.add(Figure::alone("short", 1e-6, Unit::Seconds));
        report.add(Figure::alone("a longer name", 3.0, Unit::Seconds).within(Budget::AtMost(2.0)));
        report.note("terraform: not on this machine");
        let text = table(&report);
        assert_eq!(
            text,
            "what          | here    | budget           | peer | ratio\n\
             short         | 1.00 µs |                  |      |\n\
             a longer name | 3.00 s  | ≤ 2.00 s  MISSED |      |\n\
             \nMISSED: a longer name: 3.00 s, and 2.00 s is the budget\n\
             terraform: not on this machine\n"
        );
    }
}
