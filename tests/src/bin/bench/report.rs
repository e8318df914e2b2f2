//! Everything that was measured.

use serde_json::{Value, json};

use crate::figure::Figure;
use crate::rounds::ROUNDS;

/// The version of the JSON document.
const FORMAT: u32 = 1;

/// Figures in the order in which they were measured, and what else is to be said.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The figures.
    pub(crate) figures: Vec<Figure>,
    /// What else is to be said, in words.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Adds a figure.
    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Adds a note, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Returns all of it for machines.
    pub(crate) fn json(&self) -> Value {
        json!({
            "format": FORMAT,
            "rounds": ROUNDS,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}
