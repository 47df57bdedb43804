//! `uvid conformance`: the DICOM Conformance Statement.

use std::io::Write as _;

use super::Ended;
use crate::conformance;

/// Print the DICOM Conformance Statement (PS3.2) of this version as Markdown.
///
/// It is written from the tables that the program works by: what it lists is what is negotiated, made and limited.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
///
/// Standard output is closed.
pub fn run(_: &Args) -> anyhow::Result<Ended> {
    std::io::stdout().write_all(conformance::statement().as_bytes())?;
    Ok(Ended::Well)
}
