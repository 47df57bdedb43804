//! Results as DICOM files in a folder: what a server would send to the PACS.

use std::path::Path;

use anyhow::Context;
use uvid_model::Predictor;

use crate::config::{ObjectKind, Results};
use crate::pipeline::{self, Scored};
use crate::report::dicom::{Made, Making};

/// What a command makes: the kinds of the configuration, now, of nobody's earlier results.
pub(super) fn making(results: &Results) -> Making {
    Making {
        kinds: results.objects.iter().copied().collect(),
        language: results.language,
        uid_root: results.uid_root.clone(),
        at: results.now(),
        charsets: Vec::new(),
        supersedes: Vec::new(),
    }
}

/// Writes `DIR/<study>/<kind>.dcm`, numbered where there are several of a kind; says on standard error what cannot be
/// made. Returns how many were written.
///
/// # Errors
///
/// The folder or a file cannot be written.
pub(super) fn write(folder: &Path, scored: &Scored, predictor: &Predictor, making: &Making) -> anyhow::Result<usize> {
    let Made { objects, problems } = pipeline::objects(scored, predictor, making);
    for problem in problems {
        eprintln!("an object cannot be made: {problem}");
    }
    let mut seen: Vec<ObjectKind> = Vec::new();
    for object in &objects {
        let folder = folder.join(object.study.as_str());
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let earlier = seen.iter().filter(|kind| **kind == object.kind).count();
        let name = match earlier {
            0 => format!("{}.dcm", object.kind.name()),
            n => format!("{}-{}.dcm", object.kind.name(), n + 1),
        };
        let path = folder.join(name);
        std::fs::write(&path, &object.bytes).with_context(|| format!("writing {}", path.display()))?;
        seen.push(object.kind);
    }
    Ok(objects.len())
}
