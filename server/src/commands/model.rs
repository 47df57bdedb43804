//! `uvid model`: which models there are, what they are for, and whether they still say what they should.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use uvid_model::{Package, Predictor};

use super::{EXIT_CODES, Ended};

/// List, show and verify model packages.
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
    },
    /// Check a package's digests and recompute its golden outputs.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The bundled package's name, or a package's folder.
        #[arg(default_value = "density-v0", value_name = "NAME|DIR")]
        model: String,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    match &args.command {
        Command::List { folder } => list(folder.as_ref()),
        Command::Show { model } => show(&super::package(model)?),
        Command::Verify { model } => verify(&super::package(model)?),
    }
}

fn list(folder: Option<&PathBuf>) -> anyhow::Result<Ended> {
    let line = |package: &Package, place: &str| {
        let m = package.manifest();
        println!("{:<16} {:<8} {:.12}  {:<10} {}", m.name, m.version, package.digest(), place, m.summary);
    };
    println!("{:<16} {:<8} {:<12}  {:<10} summary", "name", "version", "sha256", "where");
    line(&Package::bundled()?, "bundled");
    let Some(folder) = folder else { return Ok(Ended::Well) };
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join("package.toml").is_file() {
            match Package::open(&path) {
                Ok(package) => line(&package, &path.display().to_string()),
                Err(error) => println!("{}: {error}", path.display()),
            }
        }
    }
    Ok(Ended::Well)
}

fn show(package: &Package) -> anyhow::Result<Ended> {
    let m = package.manifest();
    println!("{} {}: {}\n", m.name, m.version, m.summary);
    println!("Intended use\n  {}\n", m.intended_use.trim());
    println!("Limits");
    for limit in &m.limits {
        println!("  - {limit}");
    }
    println!("\nTraining data\n  {}\n\nLicence\n  {}\n", m.training_data, m.licence);
    println!("Outputs");
    for (name, output) in &m.outputs {
        println!("  {name:<22} {} [{}]", output.meaning, output.unit);
    }
    println!("\nOperating points");
    for p in &m.operating_points {
        println!(
            "  {}: {} >= {} has sensitivity {:.3}, specificity {:.3} ({})",
            p.name, p.output, p.threshold, p.sensitivity, p.specificity, p.source
        );
    }
    let predictor = Predictor::load(package, None)?;
    println!("\nTakes\n  {:?}", predictor.rules());
    println!("\nRecipe\n  {:#?}", m.recipe);
    println!("\nDigests\n  package  sha256:{}", package.digest());
    println!("  recipe   sha256:{}", predictor.id().recipe_digest);
    for (file, digest) in &m.files {
        println!("  {file:<22} sha256:{digest}");
    }
    Ok(Ended::Well)
}

fn verify(package: &Package) -> anyhow::Result<Ended> {
    let m = package.manifest();
    println!("{} {}: {} files have the digests that package.toml states", m.name, m.version, m.files.len());
    let report = Predictor::load(package, None)?.verify(package)?;
    let show = |value: Option<f64>| value.map_or("missing".to_owned(), |v| format!("{v:.7}"));
    for d in &report.differences {
        let verdict = if d.agrees { "agrees" } else { "DIFFERS" };
        println!("  {:<24} expected {:>11.7}  found {:>11}  {verdict}", d.what, d.expected, show(d.found));
    }
    if report.agrees() {
        println!("all {} golden values agree within {:e}", report.differences.len(), report.tolerance);
        Ok(Ended::Well)
    } else {
        println!("the package does not give its golden values: do not use it");
        Ok(Ended::Differs)
    }
}
