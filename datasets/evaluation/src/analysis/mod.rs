//! What is computed of a table: a [`Study`] says what its columns mean, each section computes a part.
//!
//! A [`Section`] holds [`Finding`]s, which are the numbers at full precision, and [`Part`]s, which are what a person reads. The
//! command line prints the former, a report shows both.

mod benefit;
mod calibration;
mod comparison;
mod discrimination;
mod error;
mod finding;
mod localisation;
mod modalities;
mod operating;
mod outcome;
mod precision;
mod readers;
mod resampling;
mod risk;
mod rows;
mod scores;
mod strata;
mod study;
mod subgroups;
mod summary;
#[cfg(test)]
mod tests;
mod workflow;

pub use benefit::benefit;
pub use calibration::calibration;
pub use comparison::comparison;
pub use discrimination::discrimination;
pub use error::StudyError;
pub use finding::{Finding, count, number, p_value, percent, table as findings_table};
pub use localisation::{Lesions, Marks, localisation};
pub use modalities::{Readings, modalities};
pub use operating::{Aim, operating};
pub use precision::precision;
pub use readers::{agreement, readers};
pub use risk::{Risk, risk};
pub use rows::rows;
pub use scores::scores;
pub use study::{Options, Roles, Score, Study};
pub use subgroups::subgroups;
pub use summary::summary;
pub use workflow::workflow;

use crate::figure::{Figure, FigureError};

/// A part of an analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name in files and links: `roc`.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What a person reads, in order.
    pub parts: Vec<Part>,
    /// The numbers.
    pub findings: Vec<Finding>,
}

/// What a person reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A paragraph.
    Words(String),
    /// Something that must not be overlooked.
    Warning(String),
    /// A table.
    Grid(Grid),
    /// A figure, and in plain words what it says.
    Figure(Box<Figure>, String),
}

/// A table for people: the first column is text, the others are numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grid {
    /// What it shows.
    pub title: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// What is to be known to read it.
    pub note: String,
}

impl Section {
    fn new(id: &'static str, title: &str) -> Self {
        Self { id, title: title.to_owned(), parts: Vec::new(), findings: Vec::new() }
    }

    fn words(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Words(text.into()));
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Warning(text.into()));
    }

    /// Says that weights are not used, where there are some.
    fn no_weights(&mut self, study: &Study) {
        if study.weights.is_some() {
            self.warn("Weights are not used here: every row counts once.");
        }
    }

    fn figure(&mut self, figure: Result<Figure, FigureError>, words: impl Into<String>) {
        match figure {
            Ok(figure) => self.parts.push(Part::Figure(Box::new(figure), words.into())),
            Err(why) => self.warn(format!("There is no figure here: {why}.")),
        }
    }

    fn grid(&mut self, title: &str, header: &[&str], rows: Vec<Vec<String>>, note: &str) {
        if !rows.is_empty() {
            let header = header.iter().map(|name| (*name).to_owned()).collect();
            self.parts.push(Part::Grid(Grid { title: title.to_owned(), header, rows, note: note.to_owned() }));
        }
    }
}
