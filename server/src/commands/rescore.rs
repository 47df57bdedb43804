//! `uvid rescore`: stored results, made again: to check them, or because the model has changed.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use uvid_exam::StudyInstanceUid;
use uvid_model::{Compute, PrecisionName, Predictor, Site};

use super::compute::DeviceArg;
use super::progress::bar;
use super::{EXIT_CODES, Ended};
use crate::config::{self, Config, Flags};
use crate::devices::Devices;
use crate::engine::NotOpened;
use crate::report::json::{PackageJson, without_times};
use crate::rescore::{Difference, Shelf, Unchecked, Verdict, check};
use crate::store::{Archive, Due, KeptRun, Outcome, Store};

/// Differences of a result that the table shows.
const SHOWN: usize = 10;

/// Score stored studies again: with --check to compare, bit for bit; without, because a model has changed.
///
/// With --check nothing is changed, and the server may run: each stored result is recomputed from the stored objects by
/// the package and recipe with the digests that it names, and compared value by value. `equal` means every bit, on the
/// same backend; only the times are left out. Where only words that explain have changed (the disclaimer, what became of a
/// file, the text of a reason), it says so, and that is no difference.
///
/// Without it, every study whose current result is not by the configured packages and recipes, or has failed, goes back
/// into the queue, for production and every shadow; the server must be stopped, and scores them when it is started. With
/// --force all do, whatever their result: one that comes out otherwise supersedes it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = format!("\
Examples:
  uvid rescore --check                               every current result, production and shadows
  uvid rescore --check --all --model old-package/    superseded ones, too; with a package that is no longer configured
  uvid rescore --check --study 1.2.3 --format json
  uvid rescore                                       after `model`, `shadows` or `calibration` has changed
  uvid rescore --force --study 1.2.3                 because its result is in doubt

{EXIT_CODES}"))]
pub struct Args {
    /// Only compare: recompute stored results and say whether they are equal.
    #[arg(long)]
    check: bool,
    /// Put studies back into the queue even if their results are by the configured packages and recipes.
    #[arg(long, conflicts_with = "check")]
    force: bool,
    /// Only this study. May be repeated.
    #[arg(long = "study", value_name = "UID")]
    studies: Vec<String>,
    /// Check superseded results, too.
    #[arg(long, requires = "check")]
    all: bool,
    /// Another package to find a result's model among, besides those of the configuration. May be repeated.
    #[arg(long = "model", value_name = "NAME|DIR", requires = "check")]
    models: Vec<String>,
    /// How the outcome of a check is printed.
    #[arg(long, value_enum, default_value_t = Format::Table, requires = "check")]
    format: Format,
    #[command(flatten)]
    device: DeviceArg,
    /// The data folder [default: that of the configuration].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The server's configuration [default: ./uvid.toml, then /etc/uvid/uvid.toml].
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG")]
    config: Option<PathBuf>,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What became of one result.
#[derive(Serialize)]
struct RunJson {
    study: String,
    role: String,
    superseded: bool,
    /// `equal`, `equal-but-for-wording`, `differs` or `unchecked`.
    verdict: &'static str,
    /// How many values differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    differing: Option<usize>,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Why it could not be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What became of all.
#[derive(Default, Serialize)]
struct ChecksJson {
    equal: usize,
    /// Equal but for wording.
    wording: usize,
    differ: usize,
    unchecked: usize,
    runs: Vec<RunJson>,
}

/// Runs the command.
///
/// # Errors
///
/// The configuration, the data folder or a package cannot be used, or there is no such result.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let flags = Flags { config: args.config.clone(), data_dir: args.data_dir.clone(), ..Flags::default() };
    let mut config = config::load(&flags)?.config;
    config.compute = args.device.over(&config.compute);
    let config = config;
    let uid = |text: &String| text.parse().with_context(|| format!("--study {text:?} is no UID"));
    let studies: Vec<StudyInstanceUid> = args.studies.iter().map(uid).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.check {
        runtime.block_on(check_all(args, &config, &studies))
    } else {
        runtime.block_on(requeue(args.force, &config, &studies))
    }
}

/// Puts back into the queue what the configured models have not scored, or all.
async fn requeue(force: bool, config: &Config, studies: &[StudyInstanceUid]) -> anyhow::Result<Ended> {
    let packages = super::packages(config)?;
    anyhow::ensure!(config.data_dir.is_dir(), "there is no data folder {}", config.data_dir.display());
    let store = Store::open(&config.data_dir, packages.policy(config))
        .await
        .with_context(|| format!("the data folder {} cannot be used", config.data_dir.display()))?;
    for study in studies {
        let known = store.study(study).await?.is_some();
        anyhow::ensure!(known, "there is no study {study} in {}", config.data_dir.display());
    }
    let devices = Devices::of(&config.compute)?;
    let first = Site { compute: devices.first(config.site().compute), ..config.site() };
    let loaded = match packages.load(&first) {
        Err(NotOpened::Device(_)) if devices.or_cpu() => packages.load(&config.site()),
        loaded => loaded,
    };
    let models = loaded?.cards(config.site());
    if let Some(shadow) = models.unusable().first() {
        anyhow::bail!("the shadow {} cannot be used: {}", shadow.name, shadow.problem);
    }
    for (role, model) in models.all() {
        let site = models.site(role);
        let due = if force { Due::All } else { Due::Unless(model.id(), &site) };
        let count = store.requeue(role, due, studies).await?;
        println!("{role}: {count} studies are due again, by {} {}", model.id().name, model.id().version);
    }
    store.close().await;
    Ok(Ended::Well)
}

/// Checks what is stored.
async fn check_all(args: &Args, config: &Config, studies: &[StudyInstanceUid]) -> anyhow::Result<Ended> {
    let cannot = || format!("the data folder {} cannot be read", config.data_dir.display());
    let archive = Archive::open(&config.data_dir).await.with_context(cannot)?;
    let shelf = shelf(config, &args.models)?;
    let runs = archive.runs(studies, args.all).await?;
    if let Some(study) = studies.iter().find(|study| runs.iter().all(|run| run.study != **study)) {
        anyhow::bail!("there is no stored result of the study {study} in {}", config.data_dir.display());
    }
    anyhow::ensure!(!runs.is_empty(), "there is no stored result to check in {}", config.data_dir.display());
    let out = &mut std::io::stdout();
    let progress = bar("checking", runs.len(), "results");
    let mut checks = ChecksJson::default();
    for run in &runs {
        let checked = RunJson::new(run, check_one(run, &archive, &shelf, config).await?);
        *match checked.verdict {
            "equal" => &mut checks.equal,
            "equal-but-for-wording" => &mut checks.wording,
            "differs" => &mut checks.differ,
            _ => &mut checks.unchecked,
        } += 1;
        match args.format {
            Format::Table => progress.suspend(|| checked.print(out))?,
            Format::Json => checks.runs.push(checked),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let ChecksJson { equal, wording, differ, unchecked, .. } = &checks;
    match args.format {
        Format::Table => {
            let n = runs.len();
            writeln!(
                out,
                "{n} results: {equal} equal, {wording} equal but for wording, {differ} differ, {unchecked} cannot be checked"
            )?;
        }
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&checks)?)?,
    }
    Ok(match (differ, unchecked) {
        (0, 0) => Ended::Well,
        (0, _) => Ended::NotAll,
        _ => Ended::Differs,
    })
}

/// The packages of the configuration and of `--model`, each as it is and as this site has set it.
fn shelf(config: &Config, others: &[String]) -> anyhow::Result<Shelf> {
    let mut shelf = Shelf::new(Devices::of(&config.compute)?);
    let configured = super::packages(config)?.usable.into_iter().map(|(_, package)| Ok(package));
    for package in configured.chain(others.iter().map(|name| super::package(name))) {
        let package = package?;
        if config.site() != Site::default() {
            shelf.add(package.clone(), config.site());
        }
        // As a shadow, or before this site set anything: with its instructions, which are the machine's.
        let compute = Compute { precision: PrecisionName::F32, ..config.site().compute };
        shelf.add(package, Site { compute, ..Site::default() });
    }
    Ok(shelf)
}

async fn check_one(run: &KeptRun, archive: &Archive, shelf: &Shelf, config: &Config) -> anyhow::Result<Verdict> {
    if run.outcome == Outcome::Failed {
        return Ok(Verdict::Unchecked(Unchecked::NoResult));
    }
    let stored = without_times(&archive.report(run).await?);
    let named = stored.and_then(|report| Some((PackageJson::deserialize(&report["package"]).ok()?, report)));
    let Some((package, stored)) = named else {
        return Ok(Verdict::Unchecked(Unchecked::NoReport));
    };
    let Some(predictor) = find(shelf, &package)? else {
        let PackageJson { name, digest, recipe_digest, .. } = package;
        return Ok(Verdict::Unchecked(Unchecked::NoPackage(name, digest, recipe_digest)));
    };
    let Some(objects) = archive.objects_of(run, &package.digest, &package.recipe_digest).await? else {
        return Ok(Verdict::Unchecked(Unchecked::OtherObjects));
    };
    Ok(check(&stored, &run.study, &objects, predictor, archive.objects(), &config.limits()))
}

fn find<'a>(shelf: &'a Shelf, package: &PackageJson) -> anyhow::Result<Option<&'a Predictor>> {
    shelf.find(package).with_context(|| format!("loading the package {}", package.name))
}

impl RunJson {
    fn new(run: &KeptRun, verdict: Verdict) -> Self {
        let (verdict, differing, differences, reason) = match verdict {
            Verdict::Equal => ("equal", None, Vec::new(), None),
            Verdict::Wording(count, first) => ("equal-but-for-wording", Some(count), first, None),
            Verdict::Differs(count, first) => ("differs", Some(count), first, None),
            Verdict::Unchecked(because) => ("unchecked", None, Vec::new(), Some(because.to_string())),
        };
        let (study, role) = (run.study.to_string(), run.role.to_string());
        Self { study, role, superseded: run.superseded, verdict, differing, differences, reason }
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let old = if self.superseded { " (superseded)" } else { "" };
        let said = match (&self.reason, self.differing) {
            (Some(reason), _) => format!("cannot be checked: {reason}"),
            (None, Some(_)) if self.verdict == "equal-but-for-wording" => "equal but for wording".to_owned(),
            (None, Some(1)) => "differs in 1 value".to_owned(),
            (None, Some(count)) => format!("differs in {count} values"),
            (None, None) => self.verdict.to_owned(),
        };
        writeln!(out, "{} {}{old}: {said}", self.study, self.role)?;
        for difference in self.differences.iter().take(SHOWN) {
            let short = |value: &serde_json::Value| value.to_string().chars().take(60).collect::<String>();
            let Difference { place, stored, now } = difference;
            writeln!(out, "    {place}: stored {}, now {}", short(stored), short(now))?;
        }
        let more = self.differing.unwrap_or(0).saturating_sub(SHOWN);
        if more > 0 { writeln!(out, "    and {more} more") } else { Ok(()) }
    }
}
