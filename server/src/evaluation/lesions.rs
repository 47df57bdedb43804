//! The lesions of a cohort as regions that marks can be held against.
//!
//! Invariants: an image counts only if every package looked at it, so that all are judged on the same images; it counts as free of
//! lesions only if the set says that it is. Lesions known to be benign are no lesions here: a mark on one is a false one. An
//! image that cannot be judged so is left out, with the reason.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use uvid_datasets::dicom;
use uvid_datasets::sets::{Cohort, Image, Lesion, Shape};
use uvid_evaluation::analysis::{Lesions, Marks};
use uvid_exam::{Affine, Content};
use uvid_metrics::localisation::{Mark, Mask, Point, Polygon, Rectangle, Region};

use super::declared::is_picture;
use super::exams::Unit;
use super::journal::Line;
use super::places::Places;

/// How far a lesion may reach out of its image, as a share of the side: more, and it was drawn in another image, or at another size.
const BEYOND: f64 = 0.02;

/// Images with their lesions, and images that are left out with the reason why.
pub struct Located {
    /// What can be judged.
    pub lesions: Lesions,
    /// What cannot.
    pub left_out: Vec<(String, String)>,
}

/// The lesions of every image that all packages looked at.
pub fn lesions(
    cohort: &Cohort,
    places: &Places,
    lines: &[Vec<Option<Line>>],
    units: &[Unit],
    limits: &dicom::Limits,
) -> Located {
    let mut located = Located { lesions: Lesions::default(), left_out: Vec::new() };
    for (unit, lines) in units.iter().zip(lines) {
        for image in unit.images.iter().map(|place| &cohort.images[*place]) {
            let sizes: Option<Vec<_>> = lines.iter().map(|line| size(line.as_ref()?, &image.image)).collect();
            let found = match sizes.as_deref() {
                None | Some([]) => Err("not every package looked at it".to_owned()),
                Some([size, ..]) => of_image(image, places, *size, limits),
            };
            match found {
                Ok(regions) => {
                    located.lesions.images.push((image.image.clone(), image.patient.clone()));
                    if !regions.is_empty() {
                        located.lesions.of_image.insert(image.image.clone(), regions);
                    }
                }
                Err(why) => located.left_out.push((image.image.clone(), why)),
            }
        }
    }
    located
}

/// Rows and columns of the file of an image that a package looked at: one that fills a view of an exam with scores.
fn size(line: &Line, image: &str) -> Option<(usize, usize)> {
    let (uid, _) = line.images.iter().find(|(_, name)| name == image)?;
    line.report.images.iter().find(|scored| scored.sop_instance == *uid).map(|scored| scored.file_size)
}

fn of_image(
    image: &Image,
    places: &Places,
    size: (usize, usize),
    limits: &dicom::Limits,
) -> Result<Vec<Region>, String> {
    // Where a lesion is not said to be benign or not, an image without cancer shows no cancer.
    let without = image.labels.image == Some(false);
    let benign = |lesion: &Lesion| lesion.malignant == Some(false) || lesion.malignant.is_none() && without;
    let mut wanted: Vec<&Lesion> = Vec::new();
    for lesion in image.lesions.iter().filter(|lesion| !benign(lesion)) {
        // One box with two categories is one lesion.
        if lesion.shape == Shape::None || wanted.iter().all(|other| other.shape != lesion.shape) {
            wanted.push(lesion);
        }
    }
    let other = image.size.is_some_and(|[rows, columns]| (rows as usize, columns as usize) != size);
    if other && !wanted.is_empty() {
        return Err("the set says that it has another size than its file".into());
    }
    if wanted.is_empty() && image.labels.image != Some(false) {
        return Err("it shows no outlined lesion, and is not known to be without cancer".into());
    }
    wanted.into_iter().map(|lesion| region(lesion, places, size, limits).map_err(|why| format!("{why:#}"))).collect()
}

/// The marks of each package; of one that marks several things (malignant, benign), of each by itself, as `package:name`.
pub fn marks(lines: &[Vec<Option<Line>>], lesions: &Lesions) -> Vec<Marks> {
    let judged: BTreeSet<&String> = lesions.images.iter().map(|(image, _)| image).collect();
    let mut found: Vec<((&str, &str), Marks)> = Vec::new();
    for line in lines.iter().flatten().flatten() {
        // One that marks nothing in the images that are judged finds nothing there.
        for mark in &line.marks {
            let whose = (line.report.package.name.as_str(), mark.name.as_str());
            let at = found.iter().position(|(other, _)| *other == whose).unwrap_or_else(|| {
                found.push((whose, Marks::default()));
                found.len() - 1
            });
            if !judged.contains(&mark.image) {
                continue;
            }
            let place = Mark::Point { at: Point { x: mark.column, y: mark.row }, score: mark.score };
            found[at].1.of_image.entry(mark.image.clone()).or_default().push(place);
        }
    }
    found.sort_by_key(|(whose, _)| *whose);
    let several = |package: &str| found.iter().filter(|((other, _), _)| *other == package).count() > 1;
    let names: Vec<String> = (found.iter())
        .map(|((package, name), _)| if several(package) { format!("{package}:{name}") } else { (*package).to_owned() })
        .collect();
    found.into_iter().zip(names).map(|((_, marks), model)| Marks { model, ..marks }).collect()
}

fn region(lesion: &Lesion, places: &Places, size: (usize, usize), limits: &dicom::Limits) -> anyhow::Result<Region> {
    let region = match &lesion.shape {
        Shape::None => anyhow::bail!("the set does not say where a lesion of it is"),
        Shape::Box { left, top, right, bottom } => Region::Rectangle(Rectangle::new(*left, *top, *right, *bottom)?),
        Shape::Outline(points) => {
            let corners: Vec<Point> = points.iter().map(|(row, column)| Point { x: *column, y: *row }).collect();
            Region::Polygon(Polygon::new(&corners)?)
        }
        Shape::MaskFile { .. } => {
            let candidates = places.masks(lesion);
            anyhow::ensure!(!candidates.is_empty(), "the file of a mask is not there");
            let mut masks = candidates.iter().map(|path| mask(path, limits)).collect::<anyhow::Result<Vec<_>>>()?;
            // Of a mask and the picture cut out by it, the one of the mammogram's size is meant.
            let fitting = masks.iter().position(|(rows, columns, _)| (*rows, *columns) == size);
            let fitting = fitting.context("a mask is not of the image's size")?;
            let (_, columns, within) = masks.swap_remove(fitting);
            anyhow::ensure!(within.contains(&true), "a mask is empty");
            // A mask as large as its mammogram for each lesion of a set would fill the memory.
            Region::Mask(Mask::new(columns, within)?.cropped())
        }
    };
    let (first, last) = region.bounds()?.corners();
    let beyond = |from: f64, to: f64, side: usize| from < -BEYOND * side as f64 || to > (1.0 + BEYOND) * side as f64;
    anyhow::ensure!(
        !beyond(first.y, last.y, size.0) && !beyond(first.x, last.x, size.1),
        "a lesion reaches out of its image"
    );
    Ok(region)
}

/// A picture or DICOM object, not zero within the lesion: rows, columns, pixels.
fn mask(path: &Path, limits: &dicom::Limits) -> anyhow::Result<(usize, usize, Vec<bool>)> {
    if is_picture(path) {
        let mut reader = image::ImageReader::open(path)?.with_guessed_format()?;
        let mut bounds = image::Limits::default();
        bounds.max_alloc = Some(limits.file_bytes_max as u64);
        reader.limits(bounds);
        let picture = reader.decode().context("a mask cannot be read")?.into_luma16();
        let (columns, rows) = picture.dimensions();
        return Ok((rows as usize, columns as usize, picture.into_raw().iter().map(|v| *v > 0).collect()));
    }
    let file = std::fs::File::open(path)?;
    match dicom::Object::open(file, limits)?.read().context("a mask cannot be read")?.content {
        Content::Mammogram(image) => {
            anyhow::ensure!(image.to_file == Affine::IDENTITY, "a mask's file says that it is turned");
            // What was stored, whichever way the file wants it shown.
            let within = image.pixels.values().iter().map(|v| image.pixels.stored(*v) != 0).collect();
            Ok((image.pixels.rows(), image.pixels.columns(), within))
        }
        Content::Listed(listed) => anyhow::bail!("a mask is no image, but {}", listed.what),
    }
}
