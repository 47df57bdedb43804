//! `uvid model`: which models there are, what they are for, whether they still say what they should, and how two differ.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use uvid_model::{Golden, GoldenDifference, Package, Predictor, Site};

use super::compute::{self, ComputeArgs};
use super::{EXIT_CODES, Ended, compare, plan};
use crate::config::Computing;
use crate::devices::Devices;

/// List, show, verify and compare model packages.
///
/// A model package is a folder: weights, the exact recipe from pixels to outputs, a card for people, and golden images
/// with the outputs that they must give.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the bundled package and those in a folder of packages.
    List {
        /// A folder whose subfolders are packages.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Print a package's card: intended use, limits, outputs, licence, digests.
    Show {
        /// The bundled package's name, or a package's folder.
        #[arg(default_value = "density-v0", value_name = "NAME|DIR")]
        model: String,
        /// Print how its networks are compiled for this processor instead: each step with its shapes, operations, bytes, and
        /// the time that it takes.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        compute: ComputeArgs,
    },
    /// Make a package of published checkpoints.
    Import(super::import::Args),
    /// Print the card of the first place of RSNA 2022, to begin a card of your own for `import timm` with.
    TimmCard,
    /// Check a package's digests and recompute its golden outputs.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The bundled package's name, or a package's folder.
        #[arg(default_value = "density-v0", value_name = "NAME|DIR")]
        model: String,
        #[command(flatten)]
        compute: ComputeArgs,
    },
    Compare(compare::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let out = &mut std::io::stdout();
    match &args.command {
        Command::List { folder } => list(out, folder.as_ref()),
        Command::Show { model, plan: false, .. } => show(out, &super::package(model)?),
        Command::Show { model, plan: true, compute } => {
            let computing = compute.computing();
            let site = Site { compute: computing.compute(), ..Site::default() };
            plan::print(out, &super::predictor(model, &site, &computing)?)?;
            Ok(Ended::Well)
        }
        Command::Import(args) => super::import::run(args),
        Command::TimmCard => {
            write!(out, "{}", uvid_model::import::RSNA_2022_FIRST)?;
            Ok(Ended::Well)
        }
        Command::Verify { model, compute } => verify(out, &super::package(model)?, &compute.computing()),
        Command::Compare(args) => compare::run(args),
    }
}

fn list(out: &mut impl Write, folder: Option<&PathBuf>) -> anyhow::Result<Ended> {
    writeln!(out, "{:<16} {:<8} {:<12}  {:<10} summary", "name", "version", "sha256", "where")?;
    line(out, &Package::bundled()?, "bundled")?;
    let Some(folder) = folder else { return Ok(Ended::Well) };
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join("package.toml").is_file() {
            match Package::open(&path) {
                Ok(package) => line(out, &package, &path.display().to_string())?,
                Err(error) => writeln!(out, "{}: {error}", path.display())?,
            }
        }
    }
    Ok(Ended::Well)
}

fn line(out: &mut impl Write, package: &Package, place: &str) -> std::io::Result<()> {
    let m = package.manifest();
    writeln!(out, "{:<16} {:<8} {:.12}  {:<10} {}", m.name, m.version, package.digest(), place, m.summary)
}

fn show(out: &mut impl Write, package: &Package) -> anyhow::Result<Ended> {
    let m = package.manifest();
    writeln!(out, "{} {}: {}\n", m.name, m.version, m.summary)?;
    writeln!(out, "Intended use\n  {}\n", m.intended_use.trim())?;
    writeln!(out, "Limits")?;
    for limit in &m.limits {
        writeln!(out, "  - {limit}")?;
    }
    writeln!(out, "\nTraining data\n  {}\n\nLicence\n  {}\n", m.training_data, m.licence)?;
    writeln!(out, "Outputs")?;
    for (name, output) in &m.outputs {
        writeln!(out, "  {name:<22} {} [{}]", output.meaning, output.unit)?;
    }
    writeln!(out, "\nOperating points")?;
    for p in &m.operating_points {
        writeln!(
            out,
            "  {}: {} >= {} has sensitivity {:.3}, specificity {:.3} ({})",
            p.name, p.output, p.threshold, p.sensitivity, p.specificity, p.source
        )?;
    }
    let predictor = Predictor::load(package, &Site::default())?;
    section(out, "Takes", &m.input)?;
    section(out, "Recipe", &m.recipe)?;
    writeln!(out, "\nDigests\n  package  sha256:{}", package.digest())?;
    writeln!(out, "  recipe   sha256:{}", predictor.id().recipe_digest)?;
    for (file, digest) in &m.files {
        writeln!(out, "  {file:<22} sha256:{digest}")?;
    }
    Ok(Ended::Well)
}

fn verify(out: &mut impl Write, package: &Package, computing: &Computing) -> anyhow::Result<Ended> {
    let m = package.manifest();
    writeln!(out, "{} {}: {} files have the digests that package.toml states", m.name, m.version, m.files.len())?;
    let site = Site { compute: computing.compute(), ..Site::default() };
    let predictor = compute::load(package, &site, &Devices::of(computing)?)?;
    writeln!(out, "computed by {}", predictor.backend())?;
    let report = predictor.verify(package)?;
    for d in &report.differences {
        let verdict = if d.agrees { "agrees" } else { "DIFFERS" };
        let found = d.found.as_ref().map_or("missing".to_owned(), ToString::to_string);
        writeln!(out, "  {:<28} expected {:>11}  found {found:>11}  {verdict}", d.what, d.expected.to_string())?;
    }
    let far = |d: &GoldenDifference| match (&d.expected, &d.found) {
        (Golden::Number(expected), Some(Golden::Number(found))) => (expected - found).abs(),
        (Golden::Text(_), Some(Golden::Text(_))) => 0.0,
        (Golden::Number(_) | Golden::Text(_), _) => f64::INFINITY,
    };
    let furthest = report.differences.iter().map(far).fold(0.0, |most, far| if far <= most { most } else { far });
    writeln!(out, "the furthest number is {furthest:.1e} off")?;
    if report.agrees() {
        writeln!(out, "all {} golden values agree within {:e}", report.differences.len(), report.tolerance)?;
        Ok(Ended::Well)
    } else {
        writeln!(out, "the package does not give its golden values: do not use it")?;
        Ok(Ended::Differs)
    }
}

/// A part of `package.toml`, as it stands there.
fn section(out: &mut impl Write, title: &str, part: &impl serde::Serialize) -> anyhow::Result<()> {
    writeln!(out, "\n{title}")?;
    for line in toml::to_string(part)?.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}
