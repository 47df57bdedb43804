//! `uvid score`: DICOM in, scores out, on this machine, without a server.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;
use uvid_exam::Exam;
use uvid_model::Predictor;
use uvid_model::mirai::RiskFactors;

use super::compute::ComputeArgs;
use super::progress::bar;
use super::timings::{Meter, Timing, TimingJson};
use super::{EXIT_CODES, Ended, objects, sources, timings};
use crate::config::{self, Flags};
use crate::pipeline::{self, Scored};
use crate::report::json::ReportJson;
use crate::report::{Report, csv, overlay, table};

/// Score mammograms: DICOM files, folders or zip archives of them.
///
/// Files are grouped by study. Of each study the four standard views (L-CC, L-MLO, R-CC, R-MLO) are chosen by stated
/// rules and scored; for every other file the output says why it was not.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES, after_long_help = format!("\
Examples:
  uvid score exam/                          a folder, as a table
  uvid score a.dcm b.dcm study.zip          files and archives
  uvid score exam/ --format json            for programs
  uvid score exams/ --format csv > scores.csv
  uvid score exam/ --heatmaps maps/         with a PNG for each view, in the file's own coordinates
  uvid score exam/ --objects results/       with what a server would send to the PACS: reports, marks, pictures as DICOM
  uvid score exams/ --timings > scores.txt  and what each exam cost: time by stage, CPU time, peak memory

{EXIT_CODES}"))]
pub struct Args {
    /// DICOM files, folders (searched through) or .zip archives.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write heat maps over the images as PNG into this folder, one folder a study.
    #[arg(long, value_name = "DIR")]
    pub heatmaps: Option<PathBuf>,
    /// Write the results as DICOM into this folder, one folder a study: the kinds of `results.objects`, in
    /// `results.language`, as a server would send them to the PACS.
    #[arg(long, value_name = "DIR")]
    pub objects: Option<PathBuf>,
    /// Print what each exam cost on standard error: time by stage, CPU time, peak memory; in JSON also as `timings`.
    #[arg(long)]
    pub timings: bool,
    /// The model: the name of the bundled package, or the folder of another one [default: density-v0].
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// A risk factor that is known, for a package that takes it (a Mirai recipe with `risk_factors =
    /// "known-where-given"`): `density=2`, `parous=yes`. Repeatable; for a single study, whose report names what was used.
    #[arg(long = "risk-factor", value_name = "KEY=CLASS")]
    pub risk_factors: Vec<String>,
    #[command(flatten)]
    /// With what networks are computed.
    pub compute: ComputeArgs,
    /// The configuration whose model, calibration and limits are used, as by `uvid serve` [default: ./uvid.toml, then
    /// /etc/uvid/uvid.toml, where they are].
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// An array of reports, one for each study.
    Json,
    /// One row for each value.
    Csv,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let flags = Flags { config: args.config.clone(), model: args.model.clone(), ..Flags::default() };
    let mut config = config::load(&flags)?.config;
    config.compute = args.compute.over(&config.compute);
    let config = config;
    let limits = config.limits();
    let predictor = super::predictor(&config.model, &config.site(), &config.compute)?;
    for set in super::in_force(&config.site(), predictor.id()) {
        eprintln!("set at this site: {set}");
    }
    let known = known(&predictor, &args.risk_factors)?;
    let found = sources::find(&args.paths, &limits.dicom)?;
    anyhow::ensure!(
        !found.studies.is_empty() || !found.unreadable.is_empty(),
        "no DICOM file found ({} other files); try `uvid demo` for an exam to play with",
        found.not_dicom
    );
    anyhow::ensure!(
        known.is_none() || found.studies.len() == 1,
        "risk factors are one woman's, and there are {} studies here",
        found.studies.len()
    );
    let mut printer = Printer::new(args.format, std::io::stdout().lock())?;
    let mut ended = Ended::Well;
    let progress = bar("scoring", found.studies.len(), "studies");
    let (mut timed, mut drawn, mut written) = (Vec::new(), false, 0);
    for sources in found.studies.values() {
        let meter = args.timings.then(Meter::start);
        let making = args.objects.as_ref().map(|_| objects::making(&config.results));
        let scored = pipeline::score_describing(sources, &predictor, &limits, known.as_ref(), making.as_ref())?;
        let timing = meter.map(|meter| meter.stop(&scored.report));
        if let (Some(folder), Some(making)) = (&args.objects, &making) {
            written += objects::write(folder, &scored, &predictor, making)?;
        }
        let Scored { report, exam, .. } = scored;
        if let (Some(folder), Some(exam)) = (&args.heatmaps, &exam) {
            drawn |= write_heatmaps(folder, &report, exam)?.is_some();
        }
        if !report.is_whole() {
            ended = Ended::NotAll;
        }
        progress.suspend(|| printer.print(&report, timing.as_ref()))?;
        timed.extend(timing);
        progress.inc(1);
    }
    progress.finish_and_clear();
    if !found.unreadable.is_empty() {
        ended = Ended::NotAll;
        printer.print(&Report::of_unreadable(predictor.id(), found.unreadable), None)?;
    }
    printer.finish()?;
    match found.not_dicom {
        0 => {}
        1 => eprintln!("1 file is not DICOM and was left out"),
        n => eprintln!("{n} files are not DICOM and were left out"),
    }
    if let Some(folder) = &args.heatmaps {
        match drawn {
            true => eprintln!("heat maps: {}", folder.display()),
            false => eprintln!("no heat maps: the model drew none"),
        }
    }
    if let Some(folder) = &args.objects {
        eprintln!("{written} objects: {}", folder.display());
    }
    if args.timings {
        eprintln!("computed by {}", predictor.backend());
        eprint!("{}", timings::table(predictor.id(), &timed));
    }
    Ok(ended)
}

/// What is known of the woman, as the package understands it.
fn known(predictor: &Predictor, given: &[String]) -> anyhow::Result<Option<RiskFactors>> {
    if given.is_empty() {
        return Ok(None);
    }
    let pair = |text: &'_ String| -> anyhow::Result<(String, String)> {
        let (key, class) = text.split_once('=').with_context(|| format!("--risk-factor {text}: not KEY=CLASS"))?;
        Ok((key.to_owned(), class.to_owned()))
    };
    let pairs = given.iter().map(pair).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Some(predictor.risk_factors(pairs.iter().map(|(key, class)| (key.as_str(), class.as_str())))?))
}

/// Writes `DIR/<study>/<view>_<map>.png` for every image of a report; returns the folder of the study, if the model
/// draws any map.
pub(super) fn write_heatmaps(folder: &Path, report: &Report, exam: &Exam) -> anyhow::Result<Option<PathBuf>> {
    let folder = folder.join(exam.study().as_str());
    if report.outcome.iter().flat_map(|s| &s.images).all(|image| image.heatmaps.is_empty()) {
        return Ok(None);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    for image in report.outcome.iter().flat_map(|s| &s.images) {
        let Some(mammogram) = exam.images().get(&image.slot) else { continue };
        for map in &image.heatmaps {
            let path = folder.join(format!("{}_{}.png", image.slot, map.name));
            let png = overlay::draw(mammogram, map)?;
            std::fs::write(&path, png).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(Some(folder))
}

/// A report with what it cost, if that was asked for.
#[derive(Serialize)]
struct TimedJson {
    #[serde(flatten)]
    report: ReportJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<TimingJson>,
}

/// Prints reports one by one in one of the formats.
struct Printer<W: Write> {
    format: Format,
    out: W,
    printed: usize,
}

impl<W: Write> Printer<W> {
    fn new(format: Format, mut out: W) -> anyhow::Result<Self> {
        match format {
            Format::Csv => ::csv::Writer::from_writer(&mut out).write_record(csv::HEADER)?,
            Format::Json => write!(out, "[")?,
            Format::Table => {}
        }
        Ok(Self { format, out, printed: 0 })
    }

    fn print(&mut self, report: &Report, timing: Option<&Timing>) -> anyhow::Result<()> {
        let between = if self.printed > 0 { ",\n" } else { "\n" };
        match self.format {
            Format::Table => write!(self.out, "{}{}", if self.printed > 0 { "\n" } else { "" }, table::text(report))?,
            Format::Json => {
                write!(self.out, "{between}")?;
                let timed = TimedJson { report: report.into(), timings: timing.map(TimingJson::from) };
                serde_json::to_writer_pretty(&mut self.out, &timed)?;
            }
            Format::Csv => {
                let mut rows = ::csv::Writer::from_writer(&mut self.out);
                csv::write(&mut rows, &ReportJson::from(report))?;
                rows.flush()?;
            }
        }
        self.out.flush()?;
        self.printed += 1;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        if self.format == Format::Json {
            writeln!(self.out, "\n]")?;
        }
        self.out.flush()?;
        Ok(())
    }
}
