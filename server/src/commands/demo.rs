//! `uvid demo`: the first minute with Uvid. A bundled exam goes in as DICOM, scores and heat maps come out.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args as ClapArgs;
use uvid_datasets::phantom;
use uvid_model::Site;

use super::compute::DeviceArg;
use super::sources::Source;
use super::{Ended, objects, phantom as phantoms, score};
use crate::config::{Computing, Results};
use crate::pipeline::{self, Limits, Scored};
use crate::report::table;

/// Score the bundled exam: a phantom, made on the spot.
///
/// Writes a synthetic four-view exam as DICOM, scores it by the same road as any other, and writes heat maps. Needs no
/// GPU, no network, no service.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Where the exam and the heat maps go.
    #[arg(long, default_value = "uvid-demo", value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    /// Where networks are computed.
    pub device: DeviceArg,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let exam = args.folder.join("exam");
    println!("Making a synthetic four-view exam in {} ...", exam.display());
    let start = Instant::now();
    let paths = phantoms::write(&exam, &phantom::exam(&phantom::Spec::default())?)?;
    println!("  {} DICOM files in {:.1} s\n", paths.len(), start.elapsed().as_secs_f64());

    let predictor = super::predictor("density-v0", &Site::default(), &args.device.over(&Computing::default()))?;
    let limits = Limits::default();
    let sources: Vec<Source> = paths.into_iter().map(|path| Source::file(path, &limits.dicom)).collect();
    let making = objects::making(&Results::default());
    let scored = pipeline::score_describing(&sources, &predictor, &limits, None, Some(&making))?;
    println!("{}", table::text(&scored.report));
    let results = args.folder.join("results");
    let written = objects::write(&results, &scored, &predictor, &making)?;
    let Scored { report, exam, .. } = scored;
    let Some(exam) = exam.filter(|_| report.outcome.is_ok()) else { return Ok(Ended::NotAll) };
    let maps = score::write_heatmaps(&args.folder.join("heatmaps"), &report, &exam)?;
    if let Some(maps) = maps {
        println!("  Heat maps  {}", maps.display());
    }
    println!(
        "  For a PACS {} ({written} DICOM objects: CAD SR, SR, presentation states, a picture)",
        results.display()
    );
    println!(
        "\nThe exam is synthetic. It shows the road (reading, views, coordinates, transport), not the model: density-v0"
    );
    println!("never saw a phantom, and neither its letters nor its maps follow a phantom's tissue.");
    println!("\nNext:");
    println!("  uvid score YOUR-FILES --heatmaps maps     your own DICOM: files, folders, zip archives");
    println!("  uvid serve                                the server: a DICOM node, DICOMweb, REST API and a page");
    println!("  uvid model show                           what the model is for, and what it is not");
    println!("  uvid --help                               everything else");
    if let Ok(binary) = std::env::current_exe() {
        println!("(uvid is {})", binary.display());
    }
    Ok(Ended::Well)
}
