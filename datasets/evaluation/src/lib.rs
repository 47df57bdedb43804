//! From a table of scores to a report.
//!
//! A [`table::Table`] is read from CSV or Parquet. An [`analysis::Study`] says what its columns mean: scores, outcomes,
//! patients, readers, subgroups. The sections of [`analysis`] compute what `uvid_metrics` defines, and give
//! [`analysis::Finding`]s, full precision for programs, and what a person reads. A [`report::Report`] puts them together as a
//! [`document::Document`], written as HTML or PDF, with a summary that is made of the findings; a [`figure::Figure`] is written
//! as SVG, PDF or data.
//!
//! Invariants: every row that is not used is counted with its reason; a number that does not exist is shown with the
//! reason why, never as a number; the same table and options give the same bytes.
//!
//! From a table to a report (`examples/report.rs` has all sections):
//!
//! ```
//! use uvid_evaluation::analysis::{self, Options, Roles, Study};
//! use uvid_evaluation::report::Report;
//! use uvid_evaluation::table::Table;
//!
//! let folder = std::env::temp_dir().join(format!("uvid-evaluation-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! std::fs::write(
//!     folder.join("scores.csv"),
//!     "patient,cancer,new,old\n\
//!      a,1,0.9,0.4\na,0,0.1,0.2\nb,0,0.3,0.6\nb,0,0.2,0.1\nc,1,0.7,0.8\nc,0,0.8,0.2\nd,0,0.1,\nd,0,0.2,0.3\n",
//! )?;
//!
//! let table = Table::read(&folder.join("scores.csv"))?;
//! let roles = Roles {
//!     label: "cancer".into(),
//!     scores: vec!["new".into(), "old".into()],
//!     cluster: Some("patient".into()),
//!     ..Roles::default()
//! };
//! let study = Study::new(&table, &roles)?;
//! assert_eq!((study.rows(), &study.left_out[0]), (7, &("no score (old)".to_owned(), 1)));
//!
//! let options = Options { resamples: 200, ..Options::default() };
//! let sections = vec![
//!     analysis::rows(&study, &[])?,
//!     analysis::discrimination(&study, &options)?,
//!     analysis::comparison(&study, &options)?,
//! ];
//! // For programs: numbers at full precision.
//! let area = sections[1].findings.iter().find(|finding| finding.subject == "new" && finding.measure == "AUC");
//! assert_eq!(area.map(|area| area.value.clone()), Some(Ok(0.9)));
//!
//! // For people: report.html, report.pdf, figures.
//! let report = Report { title: "Old and new".into(), sections, ..Report::default() };
//! report.write(&folder)?;
//! assert!(folder.join("report.pdf").exists() && folder.join("figures/roc.svg").exists());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod analysis;
pub mod checklist;
pub mod document;
pub mod figure;
pub mod report;
pub mod table;
pub mod text;
#[cfg(test)]
mod xml;
