//! The binary from the outside: as a stranger at a terminal, as a PACS, as a researcher.
//!
//! - `cli`: every subcommand, its formats and exit codes.
//! - `dicomweb`: QIDO-RS and WADO-RS for clients that others wrote; our own clients against Orthanc.
//! - `exam0`: a real exam in many guises, by command line and server, always with one score.
//! - `gmic`: a package made of GMIC weights, from DICOM to the authors' numbers.
//! - `mirai`: the same for Mirai, whose way starts with the authors' own decoding of the file.
//! - `nyu_bcc`, `nyu_density`: packages of NYU's other models, from DICOM to what was published.
//! - `packages`: what those tests make packages with.
//! - `import`: published checkpoints of the others become packages.
//! - `models`: several models at once: shadows, results made again, differences, costs.
//! - `peers`: clients that others wrote.
//! - `real_files`: files from real equipment.
//! - `structure`: who may use whom.
//!
//! What needs a program or a file that is not there says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod dicomweb;
mod exam0;
mod gmic;
mod import;
mod mirai;
mod models;
mod nyu_bcc;
mod nyu_density;
mod packages;
mod peers;
mod real_files;
#[allow(dead_code)]
#[path = "../../model/tests/fixtures/recipe_weights.rs"]
mod recipe_weights;
mod structure;
mod support;
