//! `uvid model compare`: two models over the same exams.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use uvid_model::Site;

use super::compute::DeviceArg;
use super::progress::bar;
use super::{EXIT_CODES, Ended, sources};
use crate::compare::{Comparison, ComparisonJson};
use crate::config::{self, Computing, Config, Flags};
use crate::pipeline;
use crate::report::comparison;
use crate::report::json::{PackageJson, ReportJson};
use crate::store::Archive;

/// Compare two models over the same exams: paired differences of every output that both give, and of their flags.
///
/// Of files: both packages score each exam, as they are (what this site has set is left out). With --stored: what the
/// server's production model and its shadows have said of the same studies, as it is stored; the server may run.
///
/// A difference says that two models do not agree, not which of them is right.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = format!("\
Examples:
  uvid model compare density-v0 my-package/ exams/              as a table
  uvid model compare density-v0 my-package/ exams/ --format csv
  uvid model compare --stored                                   production against every shadow
  uvid model compare --stored --shadow my-model --data-dir /var/lib/uvid --format json

{EXIT_CODES}"))]
pub struct Args {
    /// The first model: the bundled package's name, or a package's folder.
    #[arg(required_unless_present = "stored", value_name = "A")]
    a: Option<String>,
    /// The second.
    #[arg(required_unless_present = "stored", value_name = "B")]
    b: Option<String>,
    /// DICOM files, folders (searched through) or .zip archives.
    #[arg(required_unless_present = "stored")]
    paths: Vec<PathBuf>,
    /// Compare what a server has stored: production (A) and its shadows (B).
    #[arg(long, conflicts_with_all = ["a", "b", "paths"])]
    stored: bool,
    /// Only the shadow of this name.
    #[arg(long, value_name = "NAME", requires = "stored")]
    shadow: Option<String>,
    /// The server's data folder [default: that of the configuration].
    #[arg(long, value_name = "FOLDER", requires = "stored")]
    data_dir: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    device: DeviceArg,
    /// The configuration whose limits and data folder are used [default: ./uvid.toml, then /etc/uvid/uvid.toml].
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG")]
    config: Option<PathBuf>,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// An array of comparisons.
    Json,
    /// One row for each output.
    Csv,
}

/// Runs the command.
///
/// # Errors
///
/// A package, path, configuration or data folder cannot be used.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let flags = Flags { config: args.config.clone(), data_dir: args.data_dir.clone(), ..Flags::default() };
    let config = config::load(&flags)?.config;
    let (comparisons, ended) = match (&args.a, &args.b) {
        (Some(a), Some(b)) => of_files(a, b, &args.paths, &config, &args.device.over(&Computing::default()))?,
        _ => (of_stored(args.shadow.as_deref(), &config)?, Ended::Well),
    };
    let out = &mut std::io::stdout().lock();
    match args.format {
        Format::Table => comparisons.iter().try_for_each(|c| out.write_all(comparison::table(c).as_bytes()))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &comparisons)?;
            writeln!(out)?;
        }
        Format::Csv => comparison::csv(out, &comparisons)?,
    }
    Ok(ended)
}

/// Both packages score each exam.
fn of_files(
    a: &str,
    b: &str,
    paths: &[PathBuf],
    config: &Config,
    computing: &Computing,
) -> anyhow::Result<(Vec<ComparisonJson>, Ended)> {
    let load = |name: &str| super::predictor(name, &Site::default(), computing);
    let models = (load(a)?, load(b)?);
    let limits = config.limits();
    let found = sources::find(paths, &limits.dicom)?;
    anyhow::ensure!(!found.studies.is_empty(), "no DICOM file found that can be read");
    let mut ended = if found.unreadable.is_empty() { Ended::Well } else { Ended::NotAll };
    for file in &found.unreadable {
        eprintln!("{}: {}", file.name, file.problem);
    }
    let progress = bar("scoring twice", found.studies.len(), "studies");
    let mut comparison = Comparison::new(models.0.id().into(), models.1.id().into());
    for sources in found.studies.values() {
        let reports =
            (pipeline::score(sources, &models.0, &limits)?.0, pipeline::score(sources, &models.1, &limits)?.0);
        if !(reports.0.is_whole() && reports.1.is_whole()) {
            ended = Ended::NotAll;
        }
        comparison.add(&ReportJson::from(&reports.0), &ReportJson::from(&reports.1));
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok((vec![comparison.finish()], ended))
}

/// What production and its shadows have said; one comparison for each two packages that met.
fn of_stored(shadow: Option<&str>, config: &Config) -> anyhow::Result<Vec<ComparisonJson>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cannot = || format!("the data folder {} cannot be read", config.data_dir.display());
        let archive = Archive::open(&config.data_dir).await.with_context(cannot)?;
        let mut comparisons: BTreeMap<[String; 4], Comparison> = BTreeMap::new();
        for role in archive.shadows().await? {
            if shadow.is_some_and(|name| role.to_string() != format!("shadow:{name}")) {
                continue;
            }
            for pair in archive.pairs(&role).await? {
                let read = |text: &str| serde_json::from_str::<ReportJson>(text).context("a stored report is none");
                let [production, shadow] = archive.reports(pair).await?;
                let (a, b) = (read(&production)?, read(&shadow)?);
                let digests = |p: &PackageJson| (p.digest.clone(), p.recipe_digest.clone());
                let ((a1, a2), (b1, b2)) = (digests(&a.package), digests(&b.package));
                let new = || Comparison::new(a.package.clone(), b.package.clone());
                comparisons.entry([b1, b2, a1, a2]).or_insert_with(new).add(&a, &b);
            }
        }
        let which = shadow
            .map_or("no shadow has".to_owned(), |name| format!("the shadow {name} does not exist there, or has not"));
        anyhow::ensure!(
            !comparisons.is_empty(),
            "{which} scored the same objects of a study as production in {}; `shadows` in `uvid config` names them",
            config.data_dir.display()
        );
        Ok(comparisons.into_values().map(Comparison::finish).collect())
    })
}
