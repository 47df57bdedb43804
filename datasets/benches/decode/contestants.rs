//! Who decodes, from where.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use dicom_pixeldata::PixelDecoder;
use serde_json::json;

use crate::files::File;
use crate::python::Python;
use crate::{dcmtk, ours};

/// How long it took, and what came out.
pub(crate) type Decoded = (Duration, Vec<u16>);

/// Where a contestant starts; all end with samples in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// A code stream (or a parsed object) in memory.
    Memory,
    /// The path of a DICOM file.
    Disk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    Uvid {
        threads: NonZeroUsize,
    },
    UvidFile,
    /// A function of imagecodecs.
    Imagecodecs(&'static str),
    /// A decoding plugin of pydicom; the empty one lets pydicom choose.
    Pydicom(&'static str),
    /// A program.
    Dcmtk(&'static str),
    DicomRs,
    DicomRsFile,
}

/// Threads of the machine.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Those who may decode a file, as far as they are there.
pub(crate) fn all(file: &File, python: bool) -> Vec<Contestant> {
    let mut all = Vec::new();
    if file.syntax.format.is_some() {
        all.extend([Contestant::Uvid { threads: NonZeroUsize::MIN }, Contestant::Uvid { threads: cores() }]);
    }
    all.push(Contestant::UvidFile);
    if python {
        all.extend(file.syntax.imagecodecs.iter().map(|f| Contestant::Imagecodecs(f)));
        // Nothing to plug in where the frame is not compressed.
        let plugins: &[&str] = if file.syntax.format.is_some() { &["", "pylibjpeg", "gdcm"] } else { &[""] };
        all.extend(plugins.iter().map(|p| Contestant::Pydicom(p)));
    }
    all.extend(file.syntax.format.map(|_| Contestant::DicomRs));
    all.push(Contestant::DicomRsFile);
    all.extend(file.syntax.dcmtk.filter(|program| dcmtk::installed(program)).map(Contestant::Dcmtk));
    // With one core, one thread is all threads.
    all.dedup();
    all
}

impl Contestant {
    pub(crate) fn from(self) -> From {
        match self {
            Self::Uvid { .. } | Self::Imagecodecs(_) | Self::DicomRs => From::Memory,
            Self::UvidFile | Self::Pydicom(_) | Self::Dcmtk(_) | Self::DicomRsFile => From::Disk,
        }
    }

    /// Whether it is ours.
    pub(crate) fn ours(self) -> bool {
        matches!(self, Self::Uvid { .. } | Self::UvidFile)
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Uvid { threads } if threads.get() == 1 => "Uvid".into(),
            Self::Uvid { threads } => format!("Uvid, {threads} threads"),
            Self::UvidFile => "Uvid".into(),
            Self::Imagecodecs(function) => library(function).into(),
            Self::Pydicom("") => "pydicom".into(),
            Self::Pydicom(plugin) => format!("pydicom with {plugin}"),
            Self::Dcmtk(program) => program.into(),
            Self::DicomRs | Self::DicomRsFile => "dicom-rs".into(),
        }
    }

    /// Decodes once; an error is the contestant's own.
    pub(crate) fn decode(self, file: &File, python: Option<&mut Python>) -> Result<Decoded, String> {
        match self {
            Self::Uvid { threads } => ours::frame(file, threads),
            Self::UvidFile => ours::file(file),
            Self::Imagecodecs(function) => by_python("frame", function, &file.frame_path, file, python),
            Self::Pydicom(plugin) => by_python("file", plugin, &file.path, file, python),
            Self::Dcmtk(program) => dcmtk::decode(program, file),
            Self::DicomRs => {
                let object = dicom_object::open_file(&file.path).map_err(|e| e.to_string())?;
                let start = Instant::now();
                let pixels = object.decode_pixel_data().map_err(|e| causes(&e))?;
                Ok((start.elapsed(), words(pixels.data(), pixels.bits_allocated() > 8)))
            }
            Self::DicomRsFile => {
                let start = Instant::now();
                let object = dicom_object::open_file(&file.path).map_err(|e| e.to_string())?;
                let pixels = object.decode_pixel_data().map_err(|e| causes(&e))?;
                Ok((start.elapsed(), words(pixels.data(), pixels.bits_allocated() > 8)))
            }
        }
    }
}

/// The library behind a function of imagecodecs.
fn library(function: &str) -> &str {
    match function {
        "jpeg8_decode" => "libjpeg-turbo",
        "ljpeg_decode" => "liblj92",
        "jpegsof3_decode" => "jpegsof3",
        "jpegls_decode" => "CharLS",
        "jpeg2k_decode" => "OpenJPEG",
        "htj2k_decode" => "OpenJPH",
        "jpegxl_decode" => "libjxl",
        "deflate_decode" => "libdeflate",
        "dicomrle_decode" => "imagecodecs",
        other => other,
    }
}

fn by_python(what: &str, with: &str, path: &Path, file: &File, python: Option<&mut Python>) -> Result<Decoded, String> {
    let python = python.ok_or("no Python")?;
    let out = std::path::absolute(file.path.with_file_name("peer.samples")).map_err(|e| e.to_string())?;
    let path = std::path::absolute(path).map_err(|e| e.to_string())?;
    let count = file.shape.samples();
    let time = python.time(&json!({"do": what, "with": with, "file": path, "count": count, "out": out}))?;
    Ok((time, words(&std::fs::read(out).map_err(|e| e.to_string())?, true)))
}

/// Little-endian samples of two bytes, or of one.
pub(crate) fn words(bytes: &[u8], wide: bool) -> Vec<u16> {
    match wide {
        true => bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect(),
        false => bytes.iter().map(|b| u16::from(*b)).collect(),
    }
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
