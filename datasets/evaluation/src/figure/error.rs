//! Why a figure cannot be drawn.

/// What is wrong with what a figure was to be made of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FigureError {
    /// A number is NaN or infinite.
    #[error("figure {figure}: {what} in row {row} is {value}")]
    NotFinite {
        /// The figure's id.
        figure: String,
        /// What the number is.
        what: &'static str,
        /// Its row, from 0.
        row: usize,
        /// The number.
        value: f64,
    },
    /// A number is outside what can be shown.
    #[error("figure {figure}: {what} is {value}; it must be {domain}")]
    Domain {
        /// The figure's id.
        figure: String,
        /// What the number is.
        what: &'static str,
        /// The number.
        value: f64,
        /// What would be allowed.
        domain: &'static str,
    },
    /// There is nothing to draw.
    #[error("figure {figure}: there are no {what}")]
    Empty {
        /// The figure's id.
        figure: String,
        /// Of what there is nothing.
        what: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("figure {figure}: {what}: {found} where there are {expected}")]
    Length {
        /// The figure's id.
        figure: String,
        /// What the list holds.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An id is not of small letters, digits and hyphens.
    #[error("the id {0:?} of a figure is not of letters a to z, digits and hyphens")]
    Id(String),
    /// A picture cannot be used.
    #[error("a picture {0}")]
    Picture(&'static str),
}
