//! The binary from the outside: as a stranger at a terminal, as a PACS, as a researcher.
//!
//! - `cli`: every subcommand, its formats and exit codes.
//! - `codecs`: frames that we encode for decoders that others wrote, and theirs for ours.
//! - `dimse`: DICOM senders that others wrote.
//! - `commissioning`: `uvid echo`, `send` and `simulate-pacs`, and our service class user, with nodes that others wrote.
//! - `dicomweb`: QIDO-RS and WADO-RS for clients that others wrote; our own clients against Orthanc.
//! - `evaluate`: data sets and tables in, reports out.
//! - `exam0`: a real exam in many guises, by command line and server, always with one score.
//! - `gmic`: a package made of GMIC weights, from DICOM to the authors' numbers.
//! - `mirai`: the same for Mirai, whose way starts with the authors' own decoding of the file.
//! - `nyu_bcc`, `nyu_density`: packages of NYU's other models, from DICOM to what was published.
//! - `packages`: what those tests make packages with.
//! - `hospital`, `orthanc`: a PACS, senders that others wrote, and Uvid between them.
//! - `import`: published checkpoints of the others become packages.
//! - `models`: several models at once: shadows, results made again, differences, costs.
//! - `objects`: reports as DICOM objects, before validators and readers that others wrote.
//! - `peers`: clients that others wrote.
//! - `priors`: earlier exams, from a PACS that has others, too.
//! - `real_files`: files from real equipment.
//! - `structure`: who may use whom.
//!
//! What needs a program or a file that is not there says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod codecs;
mod commissioning;
mod dicomweb;
mod dimse;
mod evaluate;
mod exam0;
mod gmic;
mod hospital;
mod import;
mod mirai;
mod models;
mod nyu_bcc;
mod nyu_density;
mod objects;
mod orthanc;
mod packages;
mod peers;
mod priors;
mod real_files;
#[allow(dead_code)]
#[path = "../../model/tests/fixtures/recipe_weights.rs"]
mod recipe_weights;
mod structure;
mod support;
