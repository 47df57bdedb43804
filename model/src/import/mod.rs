//! Published checkpoints become packages.
//!
//! A card in `model/cards/` says what is known of a published model: its exact recipe, what it is for, what its outputs
//! mean, the terms of its weights. The checkpoints give the weights and, where the authors pickled them, the
//! hyper-parameters. Golden cases are what the new package says of phantoms: they hold later runs to this one.
//!
//! Invariant: every tensor that the network needs is in the package, bit for bit as published (as f32), and none else;
//! the package names each file that it was made from, by SHA-256.

mod gmic;
mod mirai;
mod nyu_bcc;
mod nyu_density;
mod timm;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use uvid_exam::Slot;
use uvid_kernels::{Backend, Weights};

pub use gmic::gmic;
pub use mirai::mirai;
pub use nyu_bcc::nyu_bcc;
pub use nyu_density::nyu_density;
pub use timm::{RSNA_2022_FIRST, timm};

use crate::checkpoint::{Checkpoint, CheckpointError, Limits};
use crate::golden::{self, Image};
use crate::manifest::{Manifest, Site, SourceFile};
use crate::package::{Package, PackageError, hex};
use crate::predictor::{LoadError, Predictor};

/// Why checkpoints do not become a package.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file is no checkpoint that can be read.
    #[error("{file}: {error}")]
    Checkpoint {
        /// Which.
        file: String,
        /// Why.
        error: CheckpointError,
    },
    /// A checkpoint does not serve the architecture.
    #[error("{file} is no checkpoint of this model{looks_like}: {error}")]
    Weights {
        /// Which.
        file: String,
        /// What it seems to be instead, if that can be told.
        looks_like: String,
        /// Why.
        error: Box<LoadError>,
    },
    /// The files as a whole make no package.
    #[error("{0}")]
    Files(String),
    /// The package that was made does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The package that was made is at fault.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The card is at fault.
    #[error("the card: {0}")]
    Card(String),
    /// Something is where the package should go.
    #[error("{0} exists and is no empty folder; give another")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{file}: {error}")]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// How the tensors of published models begin.
const MARKS: [(&str, &str); 8] = [
    ("ds_net.", "GMIC: `import gmic`"),
    ("four_view_resnet.", "an NYU breast cancer classifier: `import nyu-bcc`"),
    ("features.denseblock1.", "the patch classifier of NYU BCC: `import nyu-bcc --patches`"),
    ("_model.downsampler.", "Mirai's image encoder: `import mirai --encoder`"),
    ("projection_layer.", "Mirai's aggregator: `import mirai --aggregator`"),
    ("stages.0.blocks.", "a ConvNeXt of timm: `import timm`"),
    ("conv_stem.", "an EfficientNet of timm: `import timm`"),
    ("fc1.weight", "NYU's histogram model of density: `import nyu-density`"),
];

/// A file as it was downloaded.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, without folders.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Source {
    /// The checkpoint's weights, f32.
    fn weights(&self) -> Result<Weights, ImportError> {
        self.read()?.weights().map_err(|error| self.fault(error))
    }

    fn read(&self) -> Result<Checkpoint<'_>, ImportError> {
        // A view may repeat what is stored once, as BCC's left and right columns do; not without end.
        let limits = Limits { tensor_bytes_max: self.bytes.len().saturating_mul(8), ..Limits::default() };
        Checkpoint::read(&self.bytes, &limits).map_err(|error| self.fault(error))
    }

    fn fault(&self, error: CheckpointError) -> ImportError {
        ImportError::Checkpoint { file: self.name.clone(), error }
    }

    /// What the file holds is not what it should.
    fn odd(&self, problem: &str) -> ImportError {
        ImportError::Files(format!("{}: {problem}", self.name))
    }

    fn misfit(&self, weights: &Weights, error: impl Into<LoadError>) -> ImportError {
        let looks_like = MARKS.iter().find(|(mark, _)| weights.any_under(mark));
        let looks_like = looks_like.map(|(_, what)| format!(" (it looks like {what})")).unwrap_or_default();
        ImportError::Weights { file: self.name.clone(), looks_like, error: Box::new(error.into()) }
    }
}

/// An image whose outputs become golden.
#[derive(Debug, Clone)]
pub struct GoldenImage {
    /// The view that it fills.
    pub slot: Slot,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Bits of a value, 1 to 16.
    pub bits: u32,
    /// Row-major, larger = brighter.
    pub pixels: Vec<u16>,
}

/// A package in the making.
#[derive(Debug, Clone)]
pub struct Draft {
    manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    summary: Vec<String>,
}

impl Draft {
    fn new(card: &str) -> Result<Self, ImportError> {
        let manifest = toml::from_str(card).map_err(|e| ImportError::Card(e.to_string()))?;
        Ok(Self { manifest, files: BTreeMap::new(), summary: Vec::new() })
    }

    /// The card, the recipe, the files so far.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Gives the package another name: letters, digits, `-`, `_` and `.`, at most 64, and not the bundled package's.
    ///
    /// # Errors
    ///
    /// It is no such name.
    pub fn rename(&mut self, name: &str) -> Result<(), ImportError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let sound = (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.');
        if !sound || name == Package::bundled()?.manifest().name {
            return Err(ImportError::Files(format!("{name:?} is no name for a package, or the bundled one's")));
        }
        name.clone_into(&mut self.manifest.name);
        Ok(())
    }

    /// Demands that nothing is where the package should go.
    ///
    /// # Errors
    ///
    /// Something is.
    pub fn check_place(folder: &Path) -> Result<(), ImportError> {
        let empty = |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if folder.exists() && !empty(folder) { Err(ImportError::Exists(folder.to_owned())) } else { Ok(()) }
    }

    /// What was made of each file, line by line.
    pub fn summary(&self) -> &[String] {
        &self.summary
    }

    /// Takes the tensors of these names from a checkpoint into a safetensors file of the package.
    fn take(&mut self, source: &Source, file: &str, weights: &Weights, names: &[String]) -> Result<(), ImportError> {
        let tensors = names.iter().filter_map(|name| Some((name, weights.get(name)?)));
        let mut data = Vec::new();
        for (name, tensor) in tensors {
            data.push((name, tensor.dims().to_vec(), f32_bytes(tensor).map_err(|e| source.misfit(weights, e))?));
        }
        let views = data.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            view.map(|view| (name.as_str(), view)).map_err(|e| ImportError::Files(format!("{file}: {e}")))
        });
        let views = views.collect::<Result<Vec<_>, _>>()?;
        let bytes = safetensors::serialize(views, None).map_err(|e| ImportError::Files(format!("{file}: {e}")))?;
        let idle: Vec<&str> = weights.names().filter(|name| !names.iter().any(|n| n == name)).collect();
        let left = match idle.as_slice() {
            [] => String::new(),
            [one] => format!("; left out: {one}"),
            [first, ..] => format!("; {} left out, {first} the first", idle.len()),
        };
        self.summary.push(format!("{} -> {file}: {} tensors, {} bytes{left}", source.name, names.len(), bytes.len()));
        if let Some((same, _)) = self.files.iter().find(|(_, other)| **other == bytes) {
            return Err(ImportError::Files(format!("{} holds the same weights as {same}", source.name)));
        }
        self.files.insert(file.to_owned(), bytes);
        self.made_from(source);
        Ok(())
    }

    fn note(&mut self, line: String) {
        self.summary.push(line);
    }

    fn made_from(&mut self, source: &Source) {
        let sha256 = hex(&Sha256::digest(&source.bytes));
        self.manifest.sources.push(SourceFile { file: source.name.clone(), sha256 });
    }

    /// The package, in memory.
    pub fn package(&self) -> Result<Package, ImportError> {
        Ok(Package::in_memory(self.text()?.as_bytes(), &self.files)?)
    }

    /// Runs the package on these images and keeps its outputs as golden, to be recomputed within `tolerance`.
    pub fn record(&mut self, images: &[GoldenImage], tolerance: f64) -> Result<(), ImportError> {
        let mut cases = Vec::new();
        for image in images {
            let file = format!("golden/{}.png", image.slot);
            self.files.insert(file.clone(), png(image)?);
            cases.push(Image { slot: image.slot.into(), file, bits: image.bits });
        }
        let package = self.package()?;
        let text = golden::record(
            &Predictor::load_on(&package, &Site::default(), Backend::Reference)?,
            &package,
            cases,
            tolerance,
        )?;
        self.files.insert("golden/cases.toml".to_owned(), text.into_bytes());
        Ok(())
    }

    /// Writes the package into a new or empty folder, `package.toml` last.
    pub fn write(&self, folder: &Path) -> Result<(), ImportError> {
        let io = |file: &Path| {
            let file = file.to_owned();
            move |error| ImportError::Io { file, error }
        };
        Self::check_place(folder)?;
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(io(parent))?;
            }
            std::fs::write(&path, bytes).map_err(io(&path))?;
        }
        let path = folder.join("package.toml");
        std::fs::write(&path, self.text()?).map_err(io(&path))
    }

    /// `package.toml`, with the digest of every file.
    fn text(&self) -> Result<String, ImportError> {
        let mut manifest = self.manifest.clone();
        let digest = |(name, bytes): (&String, &Vec<u8>)| (name.clone(), hex(&Sha256::digest(bytes)));
        manifest.files = self.files.iter().map(digest).collect();
        toml::to_string_pretty(&manifest).map_err(|e| ImportError::Card(e.to_string()))
    }
}

/// Little-endian, row-major.
fn f32_bytes(tensor: &Tensor) -> Result<Vec<u8>, uvid_kernels::WeightsError> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn png(image: &GoldenImage) -> Result<Vec<u8>, ImportError> {
    let failed = |e: String| ImportError::Files(format!("golden image {}: {e}", image.slot));
    let size = |n: usize| u32::try_from(n).map_err(|e| failed(e.to_string()));
    let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(
        size(image.columns)?,
        size(image.rows)?,
        image.pixels.as_slice().to_vec(),
    );
    let picture = picture.ok_or_else(|| failed("rows and columns are not those of its pixels".into()))?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(|e| failed(e.to_string()))?;
    Ok(bytes.into_inner())
}
