//! The subcommands of `uvid`, one file each.

pub mod compare;
pub mod config;
pub mod demo;
mod import;
pub mod model;
pub mod phantom;
mod progress;
pub mod rescore;
pub mod score;
pub mod serve;
mod sources;
mod timings;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use uvid_model::{Package, Predictor, Site};

use crate::config::Config;
use crate::engine::Models;
use crate::store::Role;

/// How a command ended. `--help` and README.md list the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything asked for was done.
    Well,
    /// Everything was tried, and some study has no score, some DICOM file cannot be read, or some result cannot be
    /// checked; the output says why.
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
  3  it worked, but some study could not be scored, some DICOM file not be read, or some result not be checked; the
     output says why
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

/// The packages that a configuration names, with their roles, production first.
///
/// # Errors
///
/// One of them cannot be used, or a shadow has the name of another.
pub fn packages(config: &Config) -> anyhow::Result<Vec<(Role, Package)>> {
    let mut packages = vec![(Role::Production, package(&config.model)?)];
    for name in &config.shadows {
        let shadow = package(name).with_context(|| format!("the shadow {name}"))?;
        let own = &shadow.manifest().name;
        anyhow::ensure!(
            packages.iter().all(|(_, other)| other.manifest().name != *own),
            "the shadow {name} has the name {own:?}, as another model here has; a shadow's results are kept under its \
             name, so give it one of its own in its package.toml"
        );
        packages.push((Role::Shadow(own.clone()), shadow));
    }
    Ok(packages)
}

/// The packages, loaded. What the site has set is for the production model alone.
///
/// # Errors
///
/// One of them cannot be loaded.
pub fn models(packages: &[(Role, Package)], site: &Site) -> anyhow::Result<Models> {
    let mut loaded = packages.iter().map(|(role, package)| {
        let site = if *role == Role::Production { site } else { &Site::default() };
        Predictor::load(package, site)
            .with_context(|| format!("loading the package {} ({role})", package.manifest().name))
    });
    let production = loaded.next().context("no production model")??;
    Ok(Models::new(production, loaded.collect::<Result<_, _>>()?))
}
