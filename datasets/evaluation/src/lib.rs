//! From a table of scores to a report.
//!
//! A [`table::Table`] is read from CSV or Parquet. An [`analysis::Study`] says what its columns mean: scores, outcomes,
//! patients, readers, subgroups. The sections of [`analysis`] compute what `uvid_metrics` defines, and give
//! [`analysis::Finding`]s, full precision for programs, and what a person reads. A [`report::Report`] puts them together as a
//! [`document::Document`], written as HTML or PDF; a [`figure::Figure`] is written as SVG, PDF or data.
//!
//! Invariants: every row that is not used is counted with its reason; a number that does not exist is shown with the
//! reason why, never as a number; the same table and options give the same bytes.

pub mod analysis;
pub mod checklist;
pub mod document;
pub mod figure;
pub mod report;
pub mod table;
pub mod text;
#[cfg(test)]
mod xml;
