//! Figures of reports: laid out once from plain numbers, then written as SVG, as PDF, and as the numbers themselves.
//!
//! A figure is made by one of the kinds: [`Plot`] (curves and points between two axes), [`Histogram`], [`Bars`], [`Forest`],
//! [`Flow`], [`Matrix`], [`Gallery`] (pictures with outlines). Each is filled in and ends in `figure()`, which refuses what cannot
//! be shown honestly: NaN, infinities, lists that do not fit together. The result is a [`Figure`].
//!
//! Invariants: a drawing's coordinates are finite and lie within it; its labels do not overlap; the same input gives the same
//! bytes. Series are told apart by colour ([`palette`]) and by dash or marker, so that black and white is enough.

mod bars;
mod clip;
mod data;
pub mod drawing;
mod error;
mod flow;
pub mod font;
mod forest;
mod gallery;
mod histogram;
mod matrix;
pub mod palette;
pub(crate) mod pdf;
mod picture;
mod plot;
mod scale;
pub(crate) mod svg;
#[cfg(test)]
mod tests;
pub mod wrap;

pub use bars::{Bar, Bars};
pub use data::{Cell, Data};
pub use error::FigureError;
pub use flow::{Excluded, Flow, Step};
pub use forest::{Forest, ForestRow};
pub use gallery::{Gallery, Outline, Panel, Whose};
pub use histogram::{Histogram, Side};
pub use matrix::Matrix;
pub use picture::Picture;
pub use plot::{Form, Legend, Look, Plot, Reference, Series, Strip};
pub use scale::{Axis, Numbers, Scale, count};

use drawing::Drawing;

/// The width of a figure, CSS pixels.
pub const WIDTH: f64 = 640.0;
/// Height of letters: labels, and numbers at axes.
pub(crate) const LETTERS: f64 = 12.0;
/// Height of smaller letters.
pub(crate) const SMALL: f64 = 11.0;

/// What every figure says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name in files and links: letters a to z, digits, hyphens.
    pub id: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What is to be known to read it: what lines and intervals are, how many there are.
    pub caption: String,
}

impl About {
    /// All three.
    pub fn new(id: impl Into<String>, title: impl Into<String>, caption: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), caption: caption.into() }
    }
}

/// A figure, laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    about: About,
    description: String,
    drawing: Drawing,
    data: Data,
}

impl Figure {
    fn new(about: About, description: String, drawing: Drawing, data: Data) -> Result<Self, FigureError> {
        let allowed = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
        if about.id.is_empty() || !about.id.chars().all(allowed) {
            return Err(FigureError::Id(about.id));
        }
        Ok(Self { about, description, drawing, data })
    }

    /// Its name in files and links.
    pub fn id(&self) -> &str {
        &self.about.id
    }

    /// What it shows.
    pub fn title(&self) -> &str {
        &self.about.title
    }

    /// What is to be known to read it.
    pub fn caption(&self) -> &str {
        &self.about.caption
    }

    /// What it shows, for who cannot see it: the kind, the axes, the series.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What is drawn.
    pub fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// The numbers that it was made of.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// A file of its own that needs no other.
    pub fn svg(&self) -> String {
        svg::write(&self.drawing, &self.about.id, &self.about.title, &self.description)
    }

    /// A file of one page, as large as the figure.
    pub fn pdf(&self) -> Vec<u8> {
        pdf::single(&self.drawing, &self.about.title)
    }

    /// The numbers that it was made of, as RFC 4180 has them.
    pub fn csv(&self) -> String {
        self.data.csv()
    }
}

/// Refuses NaN and infinities.
fn finite(figure: &About, what: &'static str, row: usize, value: f64) -> Result<f64, FigureError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(FigureError::NotFinite { figure: figure.id.clone(), what, row, value })
    }
}

/// Refuses lists of different lengths.
fn same_length(figure: &About, what: &'static str, expected: usize, found: usize) -> Result<(), FigureError> {
    if expected == found {
        Ok(())
    } else {
        Err(FigureError::Length { figure: figure.id.clone(), what, expected, found })
    }
}

/// Refuses an empty list.
fn some<T>(figure: &About, what: &'static str, list: &[T]) -> Result<(), FigureError> {
    if list.is_empty() { Err(FigureError::Empty { figure: figure.id.clone(), what }) } else { Ok(()) }
}
