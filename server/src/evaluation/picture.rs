//! Pictures of the images on which a model was most wrong.

use std::sync::Arc;

use uvid_datasets::sets::Cohort;
use uvid_evaluation::analysis::{Lesions, Marks};
use uvid_evaluation::figure::{Outline, Panel, Picture, Whose};
use uvid_exam::{Content, Mammogram, Pixels};
use uvid_metrics::localisation::Region;

use super::declared::SetImage;
use super::places::Places;
use crate::pipeline::{Limits, Source};

/// Pixels of a picture's longer side, at most.
const SIDE_MAX: usize = 420;
/// Percentiles of the breast's pixels that become black and white.
const GREY: [f64; 2] = [0.02, 0.998];
/// Marks of the model that are shown.
const MARKS_MAX: usize = 3;

/// One image with its lesions and the model's strongest marks; `None` where its file cannot be read.
pub fn panel(
    cohort: &Cohort,
    places: &Places,
    place: usize,
    (lesions, marks): (&Lesions, Option<&Marks>),
    title: String,
    limits: &Limits,
) -> Option<Panel> {
    let image = &cohort.images[place];
    let source = SetImage::new(&cohort.set, places, image).ok()?;
    let received = source.open(&limits.dicom).ok()?.read().ok()?;
    let Content::Mammogram(mammogram) = source.declare(received).content else { return None };
    let step = mammogram.pixels.rows().max(mammogram.pixels.columns()).div_ceil(SIDE_MAX).max(1);
    let (width, height, grey) = reduced(&mammogram.pixels, step);
    let picture = Picture::grey(width as u32, height as u32, &grey).ok()?;
    let shown = Shown { mammogram: &mammogram, step: step as f64 };
    let regions = lesions.of_image.get(&image.image).map_or(&[][..], Vec::as_slice);
    let mut outlines: Vec<Outline> = regions.iter().filter_map(|region| shown.region(region)).collect();
    let mut strongest: Vec<_> =
        marks.and_then(|marks| marks.of_image.get(&image.image)).into_iter().flatten().collect();
    strongest.sort_by(|a, b| b.score().total_cmp(&a.score()));
    let points = strongest.iter().take(MARKS_MAX).map(|mark| (mark.centre().y, mark.centre().x));
    outlines.extend(points.map(|(row, column)| Outline::Point(Whose::Model, shown.point(row, column))));
    let mut lines = vec![image.image.clone()];
    lines.extend(image.covariates.get("lesion").map(|lesion| format!("lesion: {lesion}")));
    lines.extend(image.covariates.get("density").map(|density| format!("density {density}")));
    Some(Panel { title, picture: Arc::new(picture), outlines, lines })
}

/// From the file's coordinates to the picture's.
struct Shown<'a> {
    mammogram: &'a Mammogram,
    step: f64,
}

impl Shown<'_> {
    fn point(&self, row: f64, column: f64) -> (f64, f64) {
        let (row, column) = self.mammogram.to_file.inverse().map_or((row, column), |back| back.apply(row, column));
        (column / self.step, row / self.step)
    }

    fn region(&self, region: &Region) -> Option<Outline> {
        let (first, last) = region.bounds().ok()?.corners();
        let (a, b) = (self.point(first.y, first.x), self.point(last.y, last.x));
        // A turned image exchanges corners.
        Some(Outline::Box(Whose::Truth, [a.0.min(b.0), a.1.min(b.1), a.0.max(b.0), a.1.max(b.1)]))
    }
}

/// Every so many pixels, the mean of the block, in 8 bits.
fn reduced(pixels: &Pixels, step: usize) -> (usize, usize, Vec<u8>) {
    let (width, height) = ((pixels.columns() / step).max(1), (pixels.rows() / step).max(1));
    let values = pixels.values();
    let mut means = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let mut sum = 0_u64;
            for r in 0..step.min(pixels.rows()) {
                let from = (row * step + r) * pixels.columns() + column * step;
                sum += values[from..from + step.min(pixels.columns())].iter().map(|v| u64::from(*v)).sum::<u64>();
            }
            means.push(sum as f64 / (step * step) as f64);
        }
    }
    let mut sorted: Vec<f64> = means.iter().copied().filter(|mean| *mean > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get((share * sorted.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0.0);
    let (black, white) = (at(GREY[0]), at(GREY[1]).max(at(GREY[0]) + 1.0));
    let grey = means.iter().map(|mean| (255.0 * ((mean - black) / (white - black)).clamp(0.0, 1.0)).round() as u8);
    (width, height, grey.collect())
}
