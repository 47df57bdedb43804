//! Why there is no number.

/// Why a statistic does not exist for this input. A statistic that does not exist is never replaced by a number.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// There is nothing to compute it from.
    #[error("there are no {0}")]
    Empty(&'static str),
    /// Two lists that belong together differ in length.
    #[error("{what}: {found} where there are {expected} rows")]
    Length {
        /// What the list holds.
        what: &'static str,
        /// Rows of the sample.
        expected: usize,
        /// Rows of the list.
        found: usize,
    },
    /// A value is NaN, infinite or outside its domain.
    #[error("{what} in row {row} is {value}; it must be {domain}")]
    Value {
        /// What the value is.
        what: &'static str,
        /// Its row, from 0.
        row: usize,
        /// The value.
        value: f64,
        /// What would be allowed.
        domain: &'static str,
    },
    /// A parameter is outside its domain.
    #[error("{what} is {value}; it must be {domain}")]
    Parameter {
        /// Which.
        what: &'static str,
        /// What was asked for.
        value: f64,
        /// What would be allowed.
        domain: &'static str,
    },
    /// All outcomes are the same.
    #[error("{positives} positive and {negatives} negative: both are needed")]
    OneClass {
        /// Rows with the outcome.
        positives: usize,
        /// Rows without.
        negatives: usize,
    },
    /// There are some, and too few.
    #[error("{found} {what}: at least {needed} are needed")]
    TooFew {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A ratio whose denominator is zero, a variance that is zero where one divides by it, a singular matrix.
    #[error("{0}")]
    Degenerate(&'static str),
    /// An iteration did not end.
    #[error("{what} did not converge in {steps} steps")]
    NoConvergence {
        /// What was fitted.
        what: &'static str,
        /// Steps tried.
        steps: usize,
    },
}
