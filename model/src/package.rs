//! A model package: a folder, or the one that is embedded in the binary.
//!
//! ```text
//! package.toml           the card, the recipe, and the digest of every other file
//! weights.safetensors    f32
//! golden/                images with the outputs they must give
//! ```
//!
//! Invariant: a [`Package`] in memory has exactly the files that its `package.toml` names, each with the digest stated
//! there. [`Package::digest`], the SHA-256 of `package.toml`, therefore stands for all of it.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::manifest::Manifest;

/// The most bytes that one file of a package may have.
pub const FILE_BYTES_MAX: u64 = 4 << 30;

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {error}")]
    Io {
        /// Which.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// `package.toml` is no manifest.
    #[error("package.toml: {0}")]
    Manifest(#[from] Box<toml::de::Error>),
    /// The manifest gives leave to reduce images to a model that depends on their pixels.
    #[error(
        "package.toml gives leave for reduced images (reduced_side_min), but its architecture takes the image's own \
         pixels: it cuts windows of a fixed number of them, or counts them, and would see another part of the breast"
    )]
    Reduced,
    /// A file is not the one that the manifest names.
    #[error("{file} has the digest {found}, package.toml says {stated}")]
    Digest {
        /// Which.
        file: String,
        /// Of the file.
        found: String,
        /// In the manifest.
        stated: String,
    },
    /// The manifest names a file outside the package.
    #[error("package.toml names {0:?}, which is no file inside the package")]
    Outside(String),
    /// The manifest does not name a file that the architecture needs.
    #[error("package.toml does not name {0}")]
    NotNamed(String),
    /// A file is larger than allowed.
    #[error("{file} has {bytes} bytes, {FILE_BYTES_MAX} are allowed")]
    TooLarge {
        /// Which.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// A device failed while golden values were recomputed, which says nothing of the package.
    #[error(transparent)]
    Device(#[from] uvid_kernels::DeviceFault),
    /// A golden case is at fault.
    #[error("golden/{0}")]
    Golden(String),
}

/// A package in memory, its digests checked.
#[derive(Debug, Clone)]
pub struct Package {
    manifest: Manifest,
    digest: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    /// The default package, embedded in the binary: breast density.
    pub fn bundled() -> Result<Self, PackageError> {
        Self::from_files(bundled::MANIFEST, |file| {
            bundled::FILES
                .iter()
                .find(|(name, _)| *name == file)
                .map(|(_, bytes)| bytes.to_vec())
                .ok_or_else(|| PackageError::Io { file: file.to_owned(), error: std::io::ErrorKind::NotFound.into() })
        })
    }

    /// A package of which `manifest` is the text of `package.toml`.
    pub(crate) fn in_memory(manifest: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Self, PackageError> {
        Self::from_files(manifest, |file| {
            let missing = || PackageError::Io { file: file.to_owned(), error: std::io::ErrorKind::NotFound.into() };
            files.get(file).cloned().ok_or_else(missing)
        })
    }

    /// Reads a package's folder.
    pub fn open(folder: &Path) -> Result<Self, PackageError> {
        let read = |file: &str| {
            let io = |error| PackageError::Io { file: folder.join(file).display().to_string(), error };
            let path = folder.join(file);
            let bytes = std::fs::metadata(&path).map_err(io)?.len();
            if bytes > FILE_BYTES_MAX {
                return Err(PackageError::TooLarge { file: file.to_owned(), bytes });
            }
            std::fs::read(&path).map_err(io)
        };
        let manifest = read("package.toml")?;
        Self::from_files(&manifest, read)
    }

    fn from_files(
        manifest_bytes: &[u8],
        read: impl Fn(&str) -> Result<Vec<u8>, PackageError>,
    ) -> Result<Self, PackageError> {
        let text = String::from_utf8_lossy(manifest_bytes);
        let manifest: Manifest = toml::from_str(&text).map_err(Box::new)?;
        if manifest.input.reduced_side_min.is_some() && !manifest.recipe.resizes() {
            return Err(PackageError::Reduced);
        }
        let mut files = BTreeMap::new();
        for (file, stated) in &manifest.files {
            let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':']);
            if !file.split('/').all(plain) {
                return Err(PackageError::Outside(file.clone()));
            }
            let bytes = read(file)?;
            let found = hex(&Sha256::digest(&bytes));
            if !found.eq_ignore_ascii_case(stated) {
                return Err(PackageError::Digest { file: file.clone(), found, stated: stated.clone() });
            }
            files.insert(file.clone(), bytes);
        }
        Ok(Self { manifest, digest: hex(&Sha256::digest(manifest_bytes)), files })
    }

    /// The card, the recipe, the list of files.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the package, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A file of the package.
    pub fn file(&self, name: &str) -> Result<&[u8], PackageError> {
        self.files.get(name).map(Vec::as_slice).ok_or_else(|| PackageError::NotNamed(name.to_owned()))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bundled package's files.
mod bundled {
    pub(super) const MANIFEST: &[u8] = include_bytes!("../packages/density-v0/package.toml");

    macro_rules! files {
        ($($name:literal),* $(,)?) => {
            pub(super) const FILES: &[(&str, &[u8])] =
                &[$(($name, include_bytes!(concat!("../packages/density-v0/", $name)))),*];
        };
    }

    files! {
        "weights.safetensors",
        "golden/cases.toml",
        "golden/L-CC.png",
        "golden/L-MLO.png",
        "golden/R-CC.png",
        "golden/R-MLO.png",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_resizes_an_image_may_be_given_a_reduced_one() {
        let check = |card: &str, may: bool| {
            for side_min in [None, Some(512)] {
                let mut manifest: Manifest = toml::from_str(card).expect("a card");
                manifest.files.clear();
                manifest.input.reduced_side_min = side_min;
                let text = toml::to_string(&manifest).expect("TOML");
                let refused = match Package::in_memory(text.as_bytes(), &BTreeMap::new()) {
                    Ok(_) => false,
                    Err(PackageError::Reduced) => true,
                    Err(error) => panic!("{}: {error}", manifest.name),
                };
                assert_eq!(refused, side_min.is_some() && !may, "{} {side_min:?}", manifest.name);
            }
        };
        check(include_str!("../packages/density-v0/package.toml"), true);
        check(include_str!("../cards/mirai.toml"), true);
        check(include_str!("../cards/rsna-2022-first.toml"), true);
        check(include_str!("../cards/gmic.toml"), false);
        check(include_str!("../cards/nyu-bcc.toml"), false);
        check(include_str!("../cards/nyu-density.toml"), false);
    }
}
