//! How scores are judged: pure functions from scores and outcomes to numbers with honest intervals.
//!
//! Each module's doc gives the formula, its source, what ties do, and when there is no number. Where there is none, the
//! answer is [`Undefined`] with the reason: never 0.5, never NaN, never a row silently left out.
//!
//! Invariants: every input is checked once, at the door ([`Binary::new`] and its like); every number that is returned is
//! finite; the same input and seed give the same bits on every number of threads.

pub mod distributions;
mod error;
mod interval;
pub mod ranks;
mod rounding;
mod sample;

pub mod agreement;
pub mod bootstrap;
pub mod calibration;
pub mod decision_curve;
pub mod localisation;
pub mod operating_point;
pub mod precision_recall;
pub mod proportions;
pub mod readers;
pub mod roc;
pub mod rsna;
pub mod subgroups;
pub mod survival;
pub mod workflow;

pub use error::Undefined;
pub use interval::{Confidence, Estimate, Interval, Test};
pub use sample::{Binary, Clusters};

/// A number, or why there is none.
pub type Result<T> = std::result::Result<T, Undefined>;
