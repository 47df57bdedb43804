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
struct Into {
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
        into: Into,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let progress = bar(&args.what);
    let step = |what: String| {
        progress.inc(1);
        progress.set_message(what);
    };
    let (mut draft, into) = draft(&args.what, |file| step(format!("reading {file}")))?;
    if let Some(name) = &into.name {
        draft.rename(name);
    }
    step("computing golden cases on phantoms".into());
    draft.record(&golden_images()?, 1e-4)?;
    step("writing".into());
    draft.write(&into.output)?;
    progress.finish_and_clear();
    say(&draft, &into.output)
}

/// The package in the making, and where it goes.
fn draft(what: &What, progress: impl FnMut(&str)) -> anyhow::Result<(Draft, &Into)> {
    match what {
        What::Gmic { checkpoints, into } => {
            let sources = checkpoints.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            Ok((import::gmic(&sources, progress)?, into))
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
    };
    // Each file, the golden cases, the writing.
    let bar = ProgressBar::new(files as u64 + 2);
    bar.enable_steady_tick(Duration::from_millis(200));
    match ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
