//! `uvid phantom`: mammograms of women who do not exist, as valid DICOM.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};
use uvid_datasets::phantom::{self, Implants, Lesion, LesionKind, PhantomFile, Position, Spec, Style, TransferSyntax};
use uvid_exam::{Intent, Laterality};

use super::Ended;

/// Make a synthetic four-view exam as DICOM files.
///
/// The same options give the same bytes on every machine. Nobody's images, free to share: for trying Uvid, for
/// integration tests with a PACS, for load tests. They test the road, not a model: density-v0 never saw one, and its
/// letters do not follow --density. Files of the same names in the folder are replaced.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "\
Examples:
  uvid phantom exam/                                  the default exam
  uvid phantom exam/ --seed 7 --density 0.7           a denser breast of another woman
  uvid phantom exam/ --mass 18 --style beta           an 18 mm mass in the right breast, MONOCHROME1 of 14 bits
  uvid phantom exams/ --count 100 --rows 576 --columns 480 --spacing-mm 0.4   for a load test")]
pub struct Args {
    /// The folder to write to; with --count, one subfolder for each exam.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Decides everything that is random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many exams, with seeds from --seed on.
    #[arg(long, default_value_t = 1)]
    pub count: u64,
    /// Rows of the detector.
    #[arg(long, default_value_t = 2294)]
    pub rows: usize,
    /// Columns of the detector.
    #[arg(long, default_value_t = 1914)]
    pub columns: usize,
    /// Distance between pixel centres, mm.
    #[arg(long, default_value_t = 0.1)]
    pub spacing_mm: f64,
    /// Fibroglandular share of the breast, 0 to 1.
    #[arg(long, default_value_t = 0.35)]
    pub density: f64,
    /// The look of the equipment (all makers are invented).
    #[arg(long, value_enum, default_value_t = StyleName::Alfa)]
    pub style: StyleName,
    /// How the files are written.
    #[arg(long, value_enum, default_value_t = SyntaxName::ExplicitLittle)]
    pub transfer_syntax: SyntaxName,
    /// Put a mass of this diameter (mm) into the right breast.
    #[arg(long, value_name = "MM")]
    pub mass: Option<f64>,
    /// Put a cluster of calcifications of this diameter (mm) into the left breast.
    #[arg(long, value_name = "MM")]
    pub calcifications: Option<f64>,
    /// With breast implants.
    #[arg(long)]
    pub implants: bool,
    /// Raw images, for processing instead of for presentation.
    #[arg(long)]
    pub for_processing: bool,
}

/// Vendor-like looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StyleName {
    /// 12 bits, MONOCHROME2, three windows.
    Alfa,
    /// 14 bits, MONOCHROME1.
    Beta,
    /// 12 bits, VOI LUT Sequence, padded border.
    Gama,
    /// 16 bits, sigmoid window.
    Delta,
    /// 10 bits, MONOCHROME1, padded border.
    Epsilon,
}

/// Transfer syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SyntaxName {
    /// Implicit VR little endian.
    ImplicitLittle,
    /// Explicit VR little endian.
    ExplicitLittle,
    /// Explicit VR big endian (retired, still met).
    ExplicitBig,
    /// Deflated explicit VR little endian.
    Deflated,
    /// RLE lossless.
    Rle,
    /// JPEG lossless, process 14 selection value 1: the usual one of mammographs.
    JpegLossless,
    /// JPEG-LS lossless.
    JpegLs,
    /// JPEG 2000 lossless.
    Jpeg2000,
}

impl Args {
    fn spec(&self, number: u64) -> Spec {
        let lesion = |kind, laterality, diameter_mm| Lesion {
            kind,
            laterality,
            position: Position { depth: 0.5, lateral: 0.25, superior: 0.2 },
            diameter_mm,
            contrast: 0.8,
        };
        let mass = self.mass.map(|mm| lesion(LesionKind::SpiculatedMass, Laterality::Right, mm));
        let specks = self.calcifications.map(|mm| lesion(LesionKind::Calcifications, Laterality::Left, mm));
        Spec {
            seed: self.seed.wrapping_add(number),
            rows: self.rows,
            columns: self.columns,
            spacing_mm: self.spacing_mm,
            style: match self.style {
                StyleName::Alfa => Style::alfa(),
                StyleName::Beta => Style::beta(),
                StyleName::Gama => Style::gama(),
                StyleName::Delta => Style::delta(),
                StyleName::Epsilon => Style::epsilon(),
            },
            density: self.density,
            lesions: mass.into_iter().chain(specks).collect(),
            implants: if self.implants { Implants::Present } else { Implants::Absent },
            intent: if self.for_processing { Intent::ForProcessing } else { Intent::ForPresentation },
            transfer_syntax: match self.transfer_syntax {
                SyntaxName::ImplicitLittle => TransferSyntax::ImplicitLittle,
                SyntaxName::ExplicitLittle => TransferSyntax::ExplicitLittle,
                SyntaxName::ExplicitBig => TransferSyntax::ExplicitBig,
                SyntaxName::Deflated => TransferSyntax::Deflated,
                SyntaxName::Rle => TransferSyntax::RleLossless,
                SyntaxName::JpegLossless => TransferSyntax::JpegLossless,
                SyntaxName::JpegLs => TransferSyntax::JpegLsLossless,
                SyntaxName::Jpeg2000 => TransferSyntax::Jpeg2000Lossless,
            },
            ..Spec::default()
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    for number in 0..args.count {
        let spec = args.spec(number);
        let folder =
            if args.count == 1 { args.folder.clone() } else { args.folder.join(format!("seed-{}", spec.seed)) };
        let files = phantom::exam(&spec)?;
        write(&folder, &files)?;
        println!("{}: {} files", folder.display(), files.len());
    }
    Ok(Ended::Well)
}

/// Writes an exam's files into a folder; returns their paths.
pub(super) fn write(folder: &Path, files: &[PhantomFile]) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let write = |file: &PhantomFile| {
        let path = folder.join(&file.file_name);
        std::fs::write(&path, &file.bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    };
    files.iter().map(write).collect()
}
