//! `uvid model import`: published checkpoints become a package, without Python.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use uvid_datasets::phantom;
use uvid_exam::Slot;
use uvid_model::import::{self, Draft, GoldenImage, Source};
use uvid_model::mirai::risk_factors::RiskFactorSource;

use super::Ended;

/// Make a model package of published checkpoints.
///
/// Reads the very files that the authors published (PyTorch's old and new formats, whole pickled modules, safetensors)
/// without running anything in them, checks that every tensor is there in its shape, and writes a package: weights, the
/// authors' exact recipe, a card, and golden cases. docs/models.md says what to download from where, and on what terms.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  uvid model import gmic sample_model_1.p sample_model_2.p sample_model_3.p sample_model_4.p sample_model_5.p -o gmic/
  uvid model verify gmic/
  uvid score exam/ --model gmic/")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// Where the package goes.
#[derive(Debug, ClapArgs)]
struct Destination {
    /// The folder of the new package; it must not exist, or be empty.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Another name for the package.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// GMIC: one to five of sample_model_1.p … sample_model_5.p.
    Gmic {
        /// The checkpoints; `sample_model_N.p` is model N, any other name counts by its place.
        #[arg(required = true, value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        #[command(flatten)]
        to: Destination,
    },
    /// Mirai: the image encoder, the aggregator and the calibrator of release v0.8.0.
    Mirai {
        /// mgh_mammo_MIRAI_Base_May20_2019.p
        #[arg(long, value_name = "FILE")]
        encoder: PathBuf,
        /// mgh_mammo_cancer_MIRAI_Transformer_Jan13_2020.p
        #[arg(long, value_name = "FILE")]
        aggregator: PathBuf,
        /// calibrators/Mirai_calibrator_mar12_2022.p [default: its published constants]
        #[arg(long, value_name = "FILE")]
        calibrator: Option<PathBuf>,
        /// Let known risk factors (`uvid score --risk-factor`) take the place of those that the model predicts from the
        /// images. The published model does not.
        #[arg(long)]
        known_risk_factors: bool,
        #[command(flatten)]
        to: Destination,
    },
    /// NYU breast cancer classifier: sample_image_model.p, or another of its four.
    NyuBcc {
        /// The classifier; whether it scores exams or images, and sees heat maps, its tensors tell.
        #[arg(value_name = "FILE")]
        classifier: PathBuf,
        /// sample_patch_model.p, which draws the heat maps that a three-channel classifier sees.
        #[arg(long, value_name = "FILE")]
        patches: Option<PathBuf>,
        /// Average over the authors' ten random windows of each view, as their published tables do; ten times the time.
        #[arg(long)]
        augmented: bool,
        #[command(flatten)]
        to: Destination,
    },
    /// NYU breast density by histograms: histogram_model.p in its PyTorch form.
    NyuDensity {
        /// The checkpoint.
        #[arg(value_name = "FILE")]
        checkpoint: PathBuf,
        #[command(flatten)]
        to: Destination,
    },
    /// A classifier with timm's names (ConvNeXt, EfficientNet): a card and the folds of one training.
    Timm {
        /// The checkpoints: safetensors, or what timm's training script saves.
        #[arg(required = true, value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        /// A package.toml without members and files, which states network, preparation and outputs [default: the first
        /// place of RSNA 2022; `uvid model timm-card` prints it].
        #[arg(long, value_name = "FILE")]
        card: Option<PathBuf>,
        #[command(flatten)]
        to: Destination,
    },
}

impl What {
    fn destination(&self) -> &Destination {
        match self {
            Self::Gmic { to, .. }
            | Self::Mirai { to, .. }
            | Self::NyuBcc { to, .. }
            | Self::NyuDensity { to, .. }
            | Self::Timm { to, .. } => to,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let progress = bar(&args.what);
    let step = |what: String| {
        progress.inc(1);
        progress.set_message(what);
    };
    Draft::check_place(&args.what.destination().output)?;
    let (mut draft, to) = draft(&args.what, |file| step(format!("reading {file}")))?;
    if let Some(name) = &to.name {
        draft.rename(name)?;
    }
    step("computing golden cases on phantoms".into());
    draft.record(&golden_images()?, 1e-4)?;
    step("writing".into());
    draft.write(&to.output)?;
    progress.finish_and_clear();
    say(&draft, &to.output)
}

/// The package in the making, and where it goes.
fn draft(what: &What, progress: impl FnMut(&str)) -> anyhow::Result<(Draft, &Destination)> {
    match what {
        What::Gmic { checkpoints, to } => {
            let sources = checkpoints.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            Ok((import::gmic(&sources, progress)?, to))
        }
        What::Mirai { encoder, aggregator, calibrator, known_risk_factors, to } => {
            let calibrator = calibrator.as_deref().map(read).transpose()?;
            let factors =
                if *known_risk_factors { RiskFactorSource::KnownWhereGiven } else { RiskFactorSource::Predicted };
            let (encoder, aggregator) = (read(encoder)?, read(aggregator)?);
            Ok((import::mirai(&encoder, &aggregator, calibrator.as_ref(), factors, progress)?, to))
        }
        What::NyuBcc { classifier, patches, augmented, to } => {
            let patches = patches.as_deref().map(read).transpose()?;
            Ok((import::nyu_bcc(&read(classifier)?, patches.as_ref(), *augmented, progress)?, to))
        }
        What::NyuDensity { checkpoint, to } => Ok((import::nyu_density(&read(checkpoint)?, progress)?, to)),
        What::Timm { checkpoints, card, to } => {
            let card = match card {
                Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
                None => import::RSNA_2022_FIRST.to_owned(),
            };
            let sources = checkpoints.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            Ok((import::timm(&card, &sources, progress)?, to))
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Source> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(Source { name, bytes })
}

/// Four phantoms, large enough for every recipe.
fn golden_images() -> anyhow::Result<Vec<GoldenImage>> {
    let spec = phantom::Spec { rows: 832, columns: 640, spacing_mm: 0.28, ..phantom::Spec::default() };
    let image = |slot: Slot| {
        let pixels = phantom::image(&spec, slot)?.pixels;
        Ok(GoldenImage { slot, rows: spec.rows, columns: spec.columns, bits: 16, pixels })
    };
    Slot::ALL.into_iter().map(image).collect()
}

fn say(draft: &Draft, folder: &Path) -> anyhow::Result<Ended> {
    let out = &mut std::io::stdout().lock();
    for line in draft.summary() {
        writeln!(out, "  {line}")?;
    }
    let package = draft.package()?;
    let card = draft.manifest();
    writeln!(out, "\n{} {}: {}", card.name, card.version, card.summary)?;
    writeln!(out, "  package  sha256:{}", package.digest())?;
    writeln!(out, "  licence  {}", card.licence)?;
    let folder = folder.display();
    writeln!(
        out,
        "\nNext:\n  uvid model verify {folder}\n  uvid model show {folder}\n  uvid score EXAM --model {folder}"
    )?;
    Ok(Ended::Well)
}

fn bar(what: &What) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let files = match what {
        What::Gmic { checkpoints, .. } => checkpoints.len(),
        What::Mirai { calibrator, .. } => 2 + usize::from(calibrator.is_some()),
        What::NyuBcc { patches, .. } => 1 + usize::from(patches.is_some()),
        What::NyuDensity { .. } => 1,
        What::Timm { checkpoints, .. } => checkpoints.len(),
    };
    // Each file, the golden cases, the writing.
    let bar = ProgressBar::new(files as u64 + 2);
    bar.enable_steady_tick(Duration::from_millis(200));
    match ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
