//! The binary from the outside: as a stranger at a terminal, as a PACS, as a researcher.
//!
//! - `cli`: every subcommand, its formats and exit codes.
//! - `exam0`: a real exam in many guises, by command line and server, always with one score.
//! - `gmic`: a package made of GMIC weights, from DICOM to the authors' numbers.
//! - `models`: several models at once: shadows, results made again, differences, costs.
//! - `peers`: clients that others wrote.
//! - `real_files`: files from real equipment.
//! - `structure`: who may use whom.
//!
//! What needs a program or a file that is not there says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod exam0;
mod gmic;
mod models;
mod peers;
mod real_files;
mod structure;
mod support;
