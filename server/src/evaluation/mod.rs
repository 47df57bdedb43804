//! A data set through models: the researcher's road, on the same code as production.
//!
//! ```text
//! tables of a set -> Cohort -> exams -> pipeline::score_each -> journal -> tables of scores, marks, lesions -> report
//!                                       (each exam, each package)
//! ```
//!
//! Invariants: a line of the journal is a function of an exam's files, of what the set says of them, and of the package;
//! what is done is never done again while these stay the same, whoever did it; the tables are in the cohort's order, so
//! that they do not depend on who scored what, or when. Every image that is in no table is in the list of exclusions.

mod declared;
mod exams;
mod journal;
mod lesions;
mod marks;
mod misses;
pub mod phantoms;
mod picture;
mod places;
mod run;
mod tables;

pub use exams::{Shard, Unit, units};
pub use journal::Line;
pub use lesions::{Located, lesions, marks};
pub use misses::{Shown, misses};
pub use places::Places;
pub use run::{Ran, Running, place, run};
pub use tables::{Level, Tables, tables};
