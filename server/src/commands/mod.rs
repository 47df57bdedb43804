//! The subcommands of `uvid`, one file each.

pub mod bench;
pub mod compare;
pub(crate) mod compute;
pub mod config;
pub mod conformance;
pub mod dataset;
pub mod demo;
pub mod echo;
pub mod evaluate;
mod import;
pub mod model;
mod objects;
pub mod outbox;
pub mod phantom;
mod plan;
mod progress;
mod remotes;
pub mod rescore;
pub mod score;
pub mod send;
pub mod serve;
pub mod simulate_pacs;
mod sources;
pub mod stats;
mod timings;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use uvid_exam::PackageId;
use uvid_model::{Package, Predictor, Site, SiteOperatingPoint};

use crate::config::{Computing, Config};
use crate::devices::Devices;
use crate::engine::{Packages, Unusable};
use crate::store::Role;

/// How a command ended. `--help` and README.md list the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything asked for was done.
    Well,
    /// Everything was tried, and some study has no score, some DICOM file cannot be read, some result cannot be checked,
    /// or some node did not do what it was asked to; the output says why.
    NotAll,
    /// A verification found a difference.
    Differs,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        // 1 is an error (anyhow in main), 2 wrong usage (clap).
        Self::from(match ended {
            Ended::Well => 0,
            Ended::NotAll => 3,
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
  3  it worked, but some study could not be scored, some DICOM file not be read, some result not be checked, or some
     node did not do what it was asked to; the output says why
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

/// The model of this name or in this folder, loaded on the first device that is meant.
pub fn predictor(name: &str, site: &Site, computing: &Computing) -> anyhow::Result<Predictor> {
    let package = package(name)?;
    let devices = Devices::of(computing)?;
    compute::load(&package, site, &devices).with_context(|| format!("loading the model package {name}"))
}

/// The packages that a configuration names. A shadow that cannot be read is no error: production goes on without it.
///
/// # Errors
///
/// Production's cannot be used, or a shadow has the name of another.
pub fn packages(config: &Config) -> anyhow::Result<Packages> {
    let mut packages = vec![(Role::Production, package(&config.model)?)];
    let mut unusable = Vec::new();
    for name in &config.shadows {
        let shadow = match package(name) {
            Ok(shadow) => shadow,
            Err(error) => {
                let (name, problem) = (name.clone(), format!("the shadow {name}: {error:#}"));
                unusable.push(Unusable { name, package: None, code: "package-unreadable", problem });
                continue;
            }
        };
        let own = &shadow.manifest().name;
        anyhow::ensure!(
            packages.iter().all(|(_, other)| other.manifest().name != *own),
            "the shadow {name} has the name {own:?}, as another model here has; a shadow's results are kept under its \
             name, so give it one of its own in its package.toml"
        );
        packages.push((Role::Shadow(own.clone()), shadow));
    }
    Ok(Packages { usable: packages, unusable })
}

/// What this site has set for a model, for the log: empty if nothing is.
pub fn in_force(site: &Site, model: &PackageId) -> Vec<String> {
    let of = format!("for {} {}", model.name, model.version);
    let calibration = site.calibration.iter().map(|c| format!("calibration {of}, by {}: {}", c.by, c.reason));
    let points = site.operating_points.iter().map(|point| {
        let SiteOperatingPoint { name, threshold, by, reason } = point;
        format!("operating point {name} = {threshold} {of}, by {by}: {reason}")
    });
    calibration.chain(points).collect()
}
