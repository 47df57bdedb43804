//! One view on the sheet: the image as a display shows it, the heat map over it, the outlines on top.
//!
//! Invariant: the breast hangs from the middle of the sheet, whichever way the file has it; map and outlines follow
//! through [`Mammogram::to_file`], so that they lie where the model saw them.

use uvid_datasets::dicom::voi;
use uvid_exam::{Affine, Heatmap, Laterality, Mammogram, Region, Side, Slot};

use super::canvas::{Canvas, Colour, Rect};
use crate::report::overlay;

/// The colours of outlines, by class: apart for the colour-blind as well (M. Okabe, K. Ito 2008).
pub(super) const CLASSES: [Colour; 4] = [[86, 180, 233], [240, 228, 66], [204, 121, 167], [0, 158, 115]];
/// Outlines drawn in one view; the structured report has them all.
pub(super) const REGIONS_MAX: usize = 6;
/// Width of an outline, pixels of the sheet.
const LINE: f64 = 2.0;
/// Width of the dark line beneath it.
const HALO: f64 = 4.5;
/// Height of an outline's number, pixels.
const NUMBER: usize = 18;

/// How large an image is drawn: pixels of the sheet for a pixel of the image, along rows and columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) row: f64,
    pub(super) column: f64,
}

/// One scale in millimetres for all images where all of them state their spacing; else each fills its place.
pub(super) fn scales(images: &[&Mammogram], height: usize, width: usize) -> Vec<Scale> {
    let spacing = |image: &Mammogram| image.spacing.map(|s| (s.row_mm, s.column_mm));
    let all: Option<Vec<(f64, f64)>> = images.iter().map(|image| spacing(image)).collect();
    let units = all.clone().unwrap_or_else(|| vec![(1.0, 1.0); images.len()]);
    let fits = |(image, (row, column)): (&&Mammogram, &(f64, f64))| {
        let (rows, columns) = (image.pixels.rows() as f64 * row, image.pixels.columns() as f64 * column);
        (height as f64 / rows).min(width as f64 / columns)
    };
    let each: Vec<f64> = images.iter().zip(&units).map(fits).collect();
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    let scale = |(own, (row, column)): (f64, (f64, f64))| {
        let k = if all.is_some() { least } else { own };
        Scale { row: k * row, column: k * column }
    };
    each.into_iter().zip(units).map(scale).collect()
}

/// An image in its place.
pub(super) struct Placed<'a> {
    image: &'a Mammogram,
    pub(super) rect: Rect,
    /// From the image's own coordinates to the sheet's.
    to_sheet: Affine,
}

impl<'a> Placed<'a> {
    /// With the chest wall at the middle of the sheet: `inner` is the column where it belongs, `top` and `height` the
    /// rows that there are.
    pub(super) fn new(image: &'a Mammogram, slot: Slot, scale: Scale, inner: usize, top: usize, height: usize) -> Self {
        let (rows, columns) = (image.pixels.rows(), image.pixels.columns());
        let size = |n: usize, k: f64| ((n as f64 * k).round() as usize).max(1);
        let (tall, wide) = (size(rows, scale.row), size(columns, scale.column));
        let wall = match slot.laterality() {
            Laterality::Right => Side::Right,
            Laterality::Left => Side::Left,
        };
        let left = if wall == Side::Right { inner.saturating_sub(wide) } else { inner };
        let rect = Rect { left, top: top + height.saturating_sub(tall) / 2, width: wide, height: tall };
        let turned = image.chest_wall.or(image.seen_chest_wall).is_some_and(|side| side != wall);
        let hung = if turned { Affine::mirror(columns) } else { Affine::IDENTITY };
        let (k_row, k_column) = (tall as f64 / rows as f64, wide as f64 / columns as f64);
        let to_sheet = hung.then(&Affine::scale_then_move(k_row, k_column, rect.top as f64, rect.left as f64));
        Self { image, rect, to_sheet }
    }

    /// The image, under the map if there is one.
    pub(super) fn draw(&self, canvas: &mut Canvas, map: Option<&Heatmap>) {
        let grey = voi::display(self.image, (!self.image.windows.is_empty()).then_some(0));
        let Some(to_image) = self.to_sheet.inverse() else { return };
        let map = map.filter(|map| map.rows > 0 && map.values.len() == map.rows * map.columns);
        let map = map.and_then(|map| Some((map, to_image.then(&self.image.to_file).then(&map.to_file.inverse()?))));
        let (rows, columns) = (self.image.pixels.rows(), self.image.pixels.columns());
        let rect = self.rect;
        for y in rect.top..rect.bottom() {
            for x in rect.left..rect.right() {
                let (a, b) = (to_image.apply(y as f64, x as f64), to_image.apply(y as f64 + 1.0, x as f64 + 1.0));
                let shown = mean(&grey, columns, between(a.0, b.0, rows), between(a.1, b.1, columns));
                let value = map.as_ref().and_then(|(map, to_cell)| {
                    let (row, column) = to_cell.apply(y as f64 + 0.5, x as f64 + 0.5);
                    overlay::sample(map, row, column)
                });
                canvas.mix(x, y, overlay::blend(shown, value), 1.0);
            }
        }
    }

    /// The outlines with their numbers, the strongest on top.
    pub(super) fn outline(&self, canvas: &mut Canvas, regions: &[(usize, &Region)], classes: &[&str]) {
        let Some(from_file) = self.image.to_file.inverse() else { return };
        let to_sheet = from_file.then(&self.to_sheet);
        for (number, region) in regions.iter().take(REGIONS_MAX).rev() {
            let points: Vec<_> = region.outline.iter().map(|(row, column)| to_sheet.apply(*row, *column)).collect();
            let colour = colour_of(classes, &region.name);
            canvas.polygon(&points, HALO, [0; 3], self.rect);
            canvas.polygon(&points, LINE, colour, self.rect);
            let least = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::INFINITY, f64::min);
            let (top, left) = (least(|p| p.0) as usize, least(|p| p.1) as usize);
            let y = top.saturating_sub(NUMBER + 4).clamp(self.rect.top, self.rect.bottom());
            let x = left.clamp(self.rect.left, self.rect.right().saturating_sub(2 * NUMBER).max(self.rect.left));
            let text = number.to_string();
            for (dy, dx) in [(0, 1), (2, 1), (1, 0), (1, 2)] {
                canvas.text((x + dx, y + dy), self.rect.right(), NUMBER, [0; 3], &text);
            }
            canvas.text((x + 1, y + 1), self.rect.right(), NUMBER, colour, &text);
        }
    }
}

/// The colour of a class of regions.
pub(super) fn colour_of(classes: &[&str], name: &str) -> Colour {
    let place = classes.iter().position(|class| *class == name).unwrap_or(0);
    CLASSES[place % CLASSES.len()]
}

/// The pixels from one coordinate to another, at least one.
fn between(a: f64, b: f64, count: usize) -> std::ops::Range<usize> {
    let last = count.saturating_sub(1);
    let first = (a.min(b).round().max(0.0) as usize).min(last);
    let end = (a.max(b).round().max(0.0) as usize).clamp(first + 1, count.max(first + 1));
    first..end
}

/// The mean of a rectangle of pixels.
fn mean(grey: &[u8], columns: usize, rows: std::ops::Range<usize>, across: std::ops::Range<usize>) -> u8 {
    let (mut sum, mut n) = (0u64, 0u64);
    for row in rows {
        let line = grey.get(row * columns + across.start..row * columns + across.end).unwrap_or_default();
        sum += line.iter().map(|v| u64::from(*v)).sum::<u64>();
        n += line.len() as u64;
    }
    u8::try_from((sum + n / 2).checked_div(n).unwrap_or(0)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_of_the_sheet_has_pixels_of_the_image() {
        let check = |a: f64, b: f64, expected: std::ops::Range<usize>| assert_eq!(between(a, b, 10), expected);
        check(0.0, 2.0, 0..2);
        check(2.0, 0.0, 0..2);
        check(3.2, 3.4, 3..4);
        check(9.9, 10.4, 9..10);
        check(-5.0, 0.4, 0..1);
        check(50.0, 60.0, 9..10);
    }

    #[test]
    fn the_mean_is_of_what_is_there() {
        let check = |rows, across, expected: u8| assert_eq!(mean(&[0, 10, 20, 30], 2, rows, across), expected);
        check(0..2, 0..2, 15);
        check(1..2, 1..2, 30);
        check(0..1, 0..2, 5);
        check(5..6, 0..2, 0);
    }
}
