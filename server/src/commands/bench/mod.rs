//! `uvid bench`: how fast networks and models run here, and how that compares with what the device could do at most.
//!
//! Invariant: what is reported was measured in this run, ceilings included; a network that gives other bits in another
//! batch is an error, whatever its speed.

mod device;
mod energy;
mod exam;
mod measure;
mod print;
mod subject;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};
use uvid_kernels::{Ceilings, Precision};
use uvid_model::{Compute, PrecisionName, Site, published};

use super::progress::bar;
use super::{Ended, compute};
use device::Device;
use energy::Meter;
use measure::{Asked, Row};
use subject::Subject;

/// Measure networks and models on this machine.
///
/// Without --network or --model the bundled model is measured. A model is measured in two ways: each of its networks alone, on
/// made-up inputs, and whole exams, phantoms, from decoded pixels to scores. Networks of the literature (--network) have
/// their published sizes and made-up weights.
///
/// Time is from inputs in the host's memory to results in the host's memory. On a GPU, `up`, `network` and `down` are
/// the parts of it that the GPU spends, by its own clock; what is left is the host's. GFLOP/s and GB/s are of
/// `network`: operations as the layers are defined, and values and weights that the fused steps read and write, once
/// each. `roofline` is the share of the time that the device's ceilings, measured first, would allow.
///
/// An exam is four images: CC and MLO of both sides.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "\
Examples:
  uvid bench                                             the bundled model, here
  uvid bench --device cuda:0 --network gmic --network mirai --precision f32,bf16
  uvid bench --network gmic --batch 1 --layers           where the time goes, step by step
  uvid bench --model my-model/ --in-flight 2 --format json > bench.json

A busy machine measures itself: look at the load, and at p5 and p95.")]
pub struct Args {
    /// The bundled model's name, or a package's folder; several times for several.
    #[arg(long = "model", value_name = "NAME|DIR")]
    pub models: Vec<String>,
    /// A network of the literature: gmic, nyu-bcc, mirai, density, resnet18, convnext-small, efficientnetv2-s; several
    /// times for several.
    #[arg(long = "network", value_name = "NAME")]
    pub networks: Vec<String>,
    #[command(flatten)]
    /// On what.
    pub device: compute::DeviceArg,
    /// What products are computed of; several with commas. A model is measured in those that its package allows.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "f32", value_name = "PRECISION")]
    pub precision: Vec<compute::Precision>,
    /// Images a run; several with commas. A network that takes an exam at a time runs whole exams.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32", value_name = "IMAGES")]
    pub batch: Vec<usize>,
    /// Seconds of each measurement; three runs at least, unless they take ten times as long.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Runs under way at once, as the server has them: one's copies pass while another computes.
    #[arg(long, default_value_t = 1, value_name = "RUNS")]
    pub in_flight: usize,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Write the same, for programs, into this file as well.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print each network's steps as well, for one image or exam.
    #[arg(long)]
    pub layers: bool,
    /// Write each network's graph, weights, inputs and results into this folder, for others to run the same
    /// (tests/gpu/peer.py).
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// A table for a document.
    Markdown,
    /// One object, for programs.
    Json,
}

/// The most images of a run.
const BATCH_MAX: usize = 1024;
/// The most runs under way at once.
const IN_FLIGHT_MAX: usize = 16;
/// The longest measurement, s.
const SECONDS_MAX: f64 = 3600.0;

/// All that was measured.
struct Results {
    device: Device,
    ceilings: Option<Ceilings>,
    rows: Vec<Row>,
    exams: Vec<exam::Exams>,
    layers: Vec<subject::Layers>,
    /// What could not be measured, and why.
    skipped: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// The device, a model or a network cannot be had, or a run fails.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    anyhow::ensure!(args.seconds > 0.0 && args.seconds <= SECONDS_MAX, "--seconds is from 0 to {SECONDS_MAX}");
    anyhow::ensure!((1..=IN_FLIGHT_MAX).contains(&args.in_flight), "--in-flight is from 1 to {IN_FLIGHT_MAX}");
    anyhow::ensure!(args.batch.iter().all(|n| (1..=BATCH_MAX).contains(n)), "--batch is from 1 to {BATCH_MAX}");
    let results = measured(args)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Table => print::table(&mut out, &results)?,
        Format::Markdown => print::markdown(&mut out, &results)?,
        Format::Json => writeln!(out, "{:#}", print::json(&results))?,
    }
    if let Some(file) = &args.json {
        let text = format!("{:#}\n", print::json(&results));
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    for skipped in &results.skipped {
        eprintln!("skipped: {skipped}");
    }
    match measure::differing(&results.rows) {
        None => Ok(Ended::Well),
        Some(which) => {
            eprintln!("the first item's results are not the same bits in every batch: {which}");
            Ok(Ended::Differs)
        }
    }
}

fn measured(args: &Args) -> anyhow::Result<Results> {
    let device = Device::of(&args.device)?;
    let precisions: Vec<Precision> = args.precision.iter().map(|p| PrecisionName::from(*p).into()).collect();
    let ceilings = Ceilings::of(device.backend(Precision::F32)).context("measuring what the device could do")?;
    let meter = device.gpu().and_then(Meter::of);
    let mut results = Results { device, ceilings, rows: vec![], exams: vec![], layers: vec![], skipped: vec![] };
    let asked = Asked { images: &args.batch, seconds: args.seconds, in_flight: args.in_flight, meter: meter.as_ref() };
    let bundled = "density-v0".to_owned();
    let models: Vec<&String> = match args.networks.is_empty() && args.models.is_empty() {
        true => vec![&bundled],
        false => args.models.iter().collect(),
    };
    let subjects = (args.networks.len() + models.len()) * precisions.len();
    let progress = bar("measuring", subjects, "networks and models");
    for name in &args.networks {
        for precision in &precisions {
            let network = published(name)?;
            let what = format!("{} in {precision}", network.name);
            match published::Loaded::new(network, &weights(name)?, results.device.backend(*precision)) {
                Ok(loaded) => {
                    let subject = Subject::published(&loaded)?;
                    if let Some(folder) = args.export.as_deref().filter(|_| *precision == precisions[0]) {
                        subject::export(&loaded, folder)?;
                    }
                    results.measure(&subject, *precision, &asked, args.layers).with_context(|| what)?;
                }
                Err(uvid_kernels::CompileError::Unavailable(why)) => results.skipped.push(format!("{what}: {why}")),
                Err(error) => return Err(anyhow::Error::from(error).context(what)),
            }
            progress.inc(1);
        }
    }
    for name in models {
        let package = super::package(name)?;
        for precision in &precisions {
            let compute =
                Compute { precision: (*precision).into(), gpu: results.device.ordinal(), ..Compute::default() };
            match uvid_model::Predictor::load(&package, &Site { compute, ..Site::default() }) {
                Ok(predictor) => {
                    for subject in Subject::of_model(&predictor)? {
                        results.measure(&subject, *precision, &asked, args.layers)?;
                    }
                    results.exams.push(exam::exams(&predictor, *precision, args.seconds)?);
                }
                Err(uvid_model::LoadError::Precision(_)) => {
                    results.skipped.push(format!("{name} in {precision}: its package does not name that precision"));
                }
                Err(error) => return Err(anyhow::Error::from(error).context(format!("loading {name}"))),
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(results)
}

impl Results {
    fn measure(
        &mut self,
        subject: &Subject<'_>,
        precision: Precision,
        asked: &Asked<'_>,
        layers: bool,
    ) -> anyhow::Result<()> {
        let backend = self.device.backend(precision);
        self.rows.extend(measure::rows(subject, backend, self.ceilings.as_ref(), asked)?);
        if layers {
            self.layers.push(subject.layers(backend)?);
        }
        Ok(())
    }
}

/// The network of this name.
fn published(name: &str) -> anyhow::Result<published::Network> {
    let all = published::all()?;
    let names: Vec<&str> = all.iter().map(|n| n.key).collect();
    let said = format!("there is no network {name:?}; there are {}", names.join(", "));
    all.into_iter().find(|n| n.key == name).context(said)
}

fn weights(name: &str) -> anyhow::Result<uvid_kernels::Weights> {
    Ok(published::folder::weights(&published(name)?)?)
}
