//! The lesions of a cohort as regions that marks can be held against.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use uvid_datasets::dicom;
use uvid_datasets::sets::{Cohort, Files, Lesion, Shape};
use uvid_evaluation::analysis::{Lesions, Marks};
use uvid_exam::Content;
use uvid_metrics::localisation::{Mark, Mask, Point, Polygon, Rectangle, Region};

use super::exams::Unit;
use super::journal::Line;

/// The lesions of every image that was scored by at least one package.
///
/// # Errors
///
/// A mask cannot be read.
pub fn lesions(
    cohort: &Cohort,
    root: &Path,
    files: &Files,
    lines: &[Vec<Option<Line>>],
    units: &[Unit],
    limits: &dicom::Limits,
) -> anyhow::Result<Lesions> {
    let mut found = Lesions::default();
    for (unit, lines) in units.iter().zip(lines) {
        let lines: Vec<&Line> = lines.iter().flatten().collect();
        for image in unit.images.iter().map(|place| &cohort.images[*place]) {
            if !lines.iter().any(|line| scored(line, &image.image)) {
                continue;
            }
            found.images.push((image.image.clone(), image.patient.clone()));
            let mut regions = Vec::new();
            for lesion in &image.lesions {
                let region = region(lesion, root, files, image.size, limits);
                regions.extend(region.with_context(|| format!("lesion {} of image {}", lesion.id, image.image))?);
            }
            if !regions.is_empty() {
                found.of_image.insert(image.image.clone(), regions);
            }
        }
    }
    Ok(found)
}

/// Whether a package looked at an image: it filled a view of an exam that has scores.
pub(super) fn scored(line: &Line, image: &str) -> bool {
    let uid = line.images.iter().find(|(_, name)| name == image).map(|(uid, _)| uid);
    uid.is_some_and(|uid| line.report.images.iter().any(|scored| scored.sop_instance == *uid))
}

/// The marks of each package.
pub fn marks(lines: &[Vec<Option<Line>>]) -> Vec<Marks> {
    let mut models: Vec<Marks> = Vec::new();
    for line in lines.iter().flatten().flatten() {
        let name = &line.report.package.name;
        let at = models.iter().position(|marks| marks.model == *name).unwrap_or_else(|| {
            models.push(Marks { model: name.clone(), of_image: BTreeMap::new() });
            models.len() - 1
        });
        for mark in &line.marks {
            let place = Mark::Point { at: Point { x: mark.column, y: mark.row }, score: mark.score };
            models[at].of_image.entry(mark.image.clone()).or_default().push(place);
        }
    }
    models
}

fn region(
    lesion: &Lesion,
    root: &Path,
    files: &Files,
    size: Option<[u32; 2]>,
    limits: &dicom::Limits,
) -> anyhow::Result<Option<Region>> {
    Ok(match &lesion.shape {
        Shape::None => None,
        Shape::Box { left, top, right, bottom } => {
            Some(Region::Rectangle(Rectangle::new(*left, *top, *right, *bottom)?))
        }
        Shape::Outline(points) => {
            let corners: Vec<Point> = points.iter().map(|(row, column)| Point { x: *column, y: *row }).collect();
            Some(Region::Polygon(Polygon::new(&corners)?))
        }
        Shape::MaskFile { .. } => {
            let candidates = files.masks(lesion);
            anyhow::ensure!(!candidates.is_empty(), "no file of its mask is there");
            let masks =
                candidates.iter().map(|path| mask(&root.join(path), limits)).collect::<anyhow::Result<Vec<_>>>()?;
            // Of a mask and the picture cut out by it, the one of the mammogram's size is meant; else the larger.
            let fits = |(rows, columns, _): &&(usize, usize, Vec<bool>)| {
                size.is_some_and(|[height, width]| (*rows, *columns) == (height as usize, width as usize))
            };
            let chosen =
                masks.iter().find(fits).or_else(|| masks.iter().max_by_key(|(rows, columns, _)| rows * columns));
            match chosen {
                Some((_, columns, within)) if within.contains(&true) => {
                    Some(Region::Mask(Mask::new(*columns, within.clone())?))
                }
                Some(_) | None => anyhow::bail!("its mask is empty"),
            }
        }
    })
}

/// A picture or DICOM object, not zero within the lesion.
fn mask(path: &Path, limits: &dicom::Limits) -> anyhow::Result<(usize, usize, Vec<bool>)> {
    let is_dicom = path.extension().is_none_or(|e| e.eq_ignore_ascii_case("dcm"));
    let failed = || format!("reading {}", path.display());
    if !is_dicom {
        let picture = image::open(path).with_context(failed)?.into_luma8();
        let (columns, rows) = picture.dimensions();
        return Ok((rows as usize, columns as usize, picture.into_raw().iter().map(|v| *v > 0).collect()));
    }
    let file = std::fs::File::open(path).with_context(failed)?;
    match dicom::Object::open(file, limits).with_context(failed)?.read().with_context(failed)?.content {
        Content::Mammogram(image) => {
            let within = image.pixels.values().iter().map(|v| *v > 0).collect();
            Ok((image.pixels.rows(), image.pixels.columns(), within))
        }
        Content::Listed(listed) => anyhow::bail!("{}: no image, but {}", path.display(), listed.what),
    }
}
