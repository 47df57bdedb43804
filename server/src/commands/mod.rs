//! The subcommands of `uvid`, one file each.

pub mod config;
pub mod demo;
mod import;
pub mod model;
pub mod phantom;
pub mod score;
pub mod serve;
mod sources;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use uvid_model::{Package, Predictor, Site};

/// How a command ended. `--help` and README.md list the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything asked for was done.
    Well,
    /// Everything was tried, and some study has no score, or some DICOM file cannot be read; the output says why.
    NotAllScored,
    /// A verification found a difference.
    Differs,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        // 1 is an error (anyhow in main), 2 wrong usage (clap).
        Self::from(match ended {
            Ended::Well => 0,
            Ended::NotAllScored => 3,
            Ended::Differs => 4,
        })
    }
}

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  everything was done; every study has a score, every DICOM file could be read
  1  it failed: a path, package or configuration could not be used; the message says which and why
  2  wrong usage
  3  it worked, but some study could not be scored or some DICOM file not be read; the output says why, in codes
  4  a verification found a difference";

/// The package of this name or in this folder.
pub fn package(name: &str) -> anyhow::Result<Package> {
    let bundled = Package::bundled().context("the bundled package")?;
    if name == bundled.manifest().name {
        return Ok(bundled);
    }
    let folder = Path::new(name);
    if !folder.is_dir() {
        anyhow::bail!(
            "there is no model package {name:?}: neither the bundled {:?} nor a folder with a package.toml",
            bundled.manifest().name
        );
    }
    Package::open(folder).with_context(|| format!("the model package in {}", folder.display()))
}

/// The model of this name or in this folder, loaded.
pub fn predictor(name: &str, site: &Site) -> anyhow::Result<Predictor> {
    let package = package(name)?;
    Predictor::load(&package, site).with_context(|| format!("loading the model package {name}"))
}
