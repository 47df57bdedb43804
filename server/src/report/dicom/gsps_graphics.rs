//! Outlines and words of a presentation state (PS3.3 C.10.5, C.10.7).
//!
//! Invariants: every point lies within the image; an outline has few enough points for its element; text lies where
//! there is no breast.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use uvid_exam::{Affine, Laterality, Region, Side};

use super::Context;
use super::gsps::Marked;
use super::modules::{floats, long_string, sequence, text, words};
use crate::config::Language;
use crate::report::sheet::words::{Phrase, name, raw, values};

/// The layer of outlines.
const MARKS: &str = "UVID MARKS";
/// The layer of texts.
const TEXTS: &str = "UVID TEXT";

/// Outlines of one image; a presentation state shows the strongest.
pub(super) const REGIONS_MAX: usize = 64;
/// Points of one outline. An element of VR FL holds 8191 at most (PS3.5 section 7.1.2).
pub(super) const POINTS_MAX: usize = 2000;
/// Points of an outline that are looked at: of a longer one every second, third and so on, since thinning takes a time
/// that grows with the square of their number.
const POINTS_READ_MAX: usize = 4 * POINTS_MAX;
/// How far a thinned outline may lie from the whole one, in pixels of the file.
const THINNING: f64 = 0.5;
/// Values of an image that are written over it.
const VALUES_MAX: usize = 6;

/// Height of a line of text and width of a letter, as fractions of the image's (DISPLAY units).
const LINE: f32 = 0.028;
const LETTER: f32 = 0.014;
/// Free space at the edge of the image, likewise.
const EDGE: f32 = 0.015;

/// The layers, lowest first: an outline must not cover a text.
pub(super) fn layers(context: &Context<'_>, images: &[Marked<'_>]) -> Vec<InMemDicomObject> {
    let marks = images.iter().any(|image| !presented(context, image).is_empty());
    let named = [(MARKS, "Outlines of what the model points at"), (TEXTS, "Values of the model, and the notice")];
    let named = named.into_iter().filter(|(layer, _)| marks || *layer == TEXTS);
    let item = |(order, (layer, description)): (u32, (&str, &str))| {
        let mut item = InMemDicomObject::new_empty();
        text(&mut item, tags::GRAPHIC_LAYER, VR::CS, layer);
        text(&mut item, tags::GRAPHIC_LAYER_ORDER, VR::IS, &order.to_string());
        words(&mut item, tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_GRAYSCALE_VALUE, &[u16::MAX]);
        // Sky blue, rgb(86, 180, 233), as PCS-Values (PS3.3 C.10.7.1.1): L* 69.7, a* -12.6, b* -34.2.
        words(&mut item, tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &[45_678, 29_658, 24_107]);
        text(&mut item, tags::GRAPHIC_LAYER_DESCRIPTION, VR::LO, description);
        item
    };
    (1..).zip(named).map(item).collect()
}

/// What is drawn over an image, a Graphic Annotation item for each layer.
pub(super) fn annotations(context: &Context<'_>, image: &Marked<'_>) -> Vec<InMemDicomObject> {
    let size = (f64::from(image.source.rows), f64::from(image.source.columns));
    let presented = presented(context, image);
    let regions = || presented.iter().copied().take(REGIONS_MAX);
    let outlines: Vec<_> = regions().filter_map(|region| polyline(region, size)).collect();
    let mut texts = corner_texts(context, image);
    texts.extend(regions().filter_map(|region| label(region, size, context.making.language)));
    let annotation = |layer: &str, tag, items: Vec<InMemDicomObject>| {
        let mut item = InMemDicomObject::new_empty();
        sequence(&mut item, tags::REFERENCED_IMAGE_SEQUENCE, vec![image.reference()]);
        text(&mut item, tags::GRAPHIC_LAYER, VR::CS, layer);
        sequence(&mut item, tag, items);
        item
    };
    let mut items = Vec::new();
    if !outlines.is_empty() {
        items.push(annotation(MARKS, tags::GRAPHIC_OBJECT_SEQUENCE, outlines));
    }
    items.push(annotation(TEXTS, tags::TEXT_OBJECT_SEQUENCE, texts));
    items
}

/// The regions that are meant to be seen.
fn presented<'a>(context: &'a Context<'_>, image: &'a Marked<'_>) -> Vec<&'a Region> {
    let scores = context.report.outcome.as_ref().ok();
    let regions = scores.map(|scores| super::presented(context.manifest, scores, image.scores));
    regions.into_iter().flatten().map(|(_, region)| region).collect()
}

/// A closed outline. In PIXEL units the upper left corner of the image is 0\0, the lower right one Columns\Rows.
fn polyline(region: &Region, (rows, columns): (f64, f64)) -> Option<InMemDicomObject> {
    let mut points = thinned(&region.outline);
    if points.len() < 3 || !points.iter().all(|(r, c)| r.is_finite() && c.is_finite()) {
        return None;
    }
    points.extend(points.first().copied());
    let data: Vec<f32> =
        points.iter().flat_map(|(r, c)| [c.clamp(0.0, columns) as f32, r.clamp(0.0, rows) as f32]).collect();
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::GRAPHIC_ANNOTATION_UNITS, VR::CS, "PIXEL");
    words(&mut item, tags::GRAPHIC_DIMENSIONS, &[2]);
    words(&mut item, tags::NUMBER_OF_GRAPHIC_POINTS, &[u16::try_from(points.len()).ok()?]);
    floats(&mut item, tags::GRAPHIC_DATA, &data);
    text(&mut item, tags::GRAPHIC_TYPE, VR::CS, "POLYLINE");
    text(&mut item, tags::GRAPHIC_FILLED, VR::CS, "N");
    Some(item)
}

/// What an outline is for and how strongly, at its upper right corner.
fn label(region: &Region, (rows, columns): (f64, f64), language: Language) -> Option<InMemDicomObject> {
    let inside = region.outline.iter().filter(|(r, c)| r.is_finite() && c.is_finite());
    let corner = inside.copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, "PIXEL");
    let said = format!("{} {}", name(&region.name), raw(region.score.get(), 2, language));
    text(&mut item, tags::UNFORMATTED_TEXT_VALUE, VR::ST, &long_string(&said));
    let anchor = [corner.1.clamp(0.0, columns) as f32, corner.0.clamp(0.0, rows) as f32];
    floats(&mut item, tags::ANCHOR_POINT, &anchor);
    text(&mut item, tags::ANCHOR_POINT_VISIBILITY, VR::CS, "N");
    Some(item)
}

/// The values of the image and the notice, a text a line, in the corner away from the breast.
fn corner_texts(context: &Context<'_>, image: &Marked<'_>) -> Vec<InMemDicomObject> {
    let package = &context.report.package;
    let language = context.making.language;
    let mut lines = vec![Phrase::ShortNotice.in_language(language)];
    lines.push(format!("Uvid: {} {}", package.name, package.version));
    lines.extend(clauses(&context.manifest.summary));
    let values = values(&image.scores.outputs, language).into_iter();
    lines.extend(values.map(|(name, value)| format!("{name} {value}")).take(VALUES_MAX));
    let (low, right) = free_corner(context, image);
    let height = LINE * lines.len() as f32;
    let top = if low { 1.0 - EDGE - height } else { EDGE };
    let place = |(i, line): (usize, &String)| {
        let line = long_string(line);
        let width = (LETTER * line.chars().count() as f32).min(1.0 - 2.0 * EDGE);
        let left = if right { 1.0 - EDGE - width } else { EDGE };
        let y = top + LINE * i as f32;
        let mut item = InMemDicomObject::new_empty();
        text(&mut item, tags::BOUNDING_BOX_ANNOTATION_UNITS, VR::CS, "DISPLAY");
        text(&mut item, tags::UNFORMATTED_TEXT_VALUE, VR::ST, &line);
        floats(&mut item, tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER, &[left, y]);
        floats(&mut item, tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER, &[left + width, y + LINE]);
        let justified = if right { "RIGHT" } else { "LEFT" };
        text(&mut item, tags::BOUNDING_BOX_TEXT_HORIZONTAL_JUSTIFICATION, VR::CS, justified);
        item
    };
    lines.iter().enumerate().map(place).collect()
}

/// A package's summary in lines: each of its clauses, so that none is cut off.
fn clauses(summary: &str) -> impl Iterator<Item = String> {
    summary.split("; ").map(|clause| clause.trim().to_owned()).filter(|clause| !clause.is_empty())
}

/// Which corner of the file's image is free, as (whether low, whether on the right): of the image as a reader sees it,
/// the upper one away from the chest wall.
fn free_corner(context: &Context<'_>, image: &Marked<'_>) -> (bool, bool) {
    let read = context.exam.and_then(|exam| exam.images().get(&image.scores.slot));
    let read = read.filter(|read| read.sop_instance == image.source.sop_instance);
    let by_orientation = || match image.source.orientation.as_ref().map(|(row, _)| row.as_str()) {
        Some(row) if row.starts_with('A') => Some(Side::Left),
        Some(row) if row.starts_with('P') => Some(Side::Right),
        Some(_) | None => None,
    };
    let usual = match image.scores.slot.laterality() {
        Laterality::Left => Side::Left,
        Laterality::Right => Side::Right,
    };
    match read {
        Some(read) => {
            let wall = read.chest_wall.or(read.seen_chest_wall).unwrap_or(usual);
            corner(&read.to_file, read.pixels.columns(), read.file_size, wall)
        }
        None => (false, by_orientation().unwrap_or(usual) == Side::Left),
    }
}

/// The upper corner of an upright image away from the chest wall, in the file.
fn corner(to_file: &Affine, columns: usize, file: (usize, usize), wall: Side) -> (bool, bool) {
    let column = if wall == Side::Left { columns as f64 } else { 0.0 };
    let (row, column) = to_file.apply(0.0, column);
    (row > file.0 as f64 / 2.0, column > file.1 as f64 / 2.0)
}

/// A closed polygon with fewer points, no further from the whole one than [`THINNING`], or, where that leaves more than
/// [`POINTS_MAX`], than it takes.
pub(super) fn thinned(outline: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = outline.len().div_ceil(POINTS_READ_MAX).max(1);
    let ring: Vec<(f64, f64)> = outline.iter().step_by(step).copied().collect();
    let mut tolerance = THINNING;
    loop {
        let kept = douglas_peucker(&ring, tolerance);
        if tolerance > THINNING && kept.len() < 3 {
            // Narrow and ragged: better coarse than flat.
            return ring.iter().step_by(ring.len().div_ceil(POINTS_MAX - 1)).copied().collect();
        }
        if kept.len() < POINTS_MAX {
            return kept;
        }
        tolerance *= 2.0;
    }
}

/// D. Douglas, T. Peucker 1973, on a ring: cut at the first point and the one that is farthest from it.
fn douglas_peucker(ring: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let [first, ..] = ring else { return vec![] };
    let away = |p: &(f64, f64)| (p.0 - first.0).hypot(p.1 - first.1);
    let Some(far) = (0..ring.len()).max_by(|a, b| away(&ring[*a]).total_cmp(&away(&ring[*b]))) else { return vec![] };
    let mut kept = vec![false; ring.len()];
    (kept[0], kept[far]) = (true, true);
    // The end of the second half is the first point again.
    let at = |i: usize| ring[i % ring.len()];
    let mut open = vec![(0, far), (far, ring.len())];
    while let Some((from, to)) = open.pop() {
        let distances = (from + 1..to).map(|i| (i, distance(at(i), at(from), at(to))));
        let Some((farthest, off)) = distances.max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        if off > tolerance {
            kept[farthest] = true;
            open.extend([(from, farthest), (farthest, to)]);
        }
    }
    ring.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// From a point to a stretch of line.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (d, e) = (b.0 - a.0, b.1 - a.1);
    let squared = d * d + e * e;
    let along = if squared > 0.0 { ((p.0 - a.0) * d + (p.1 - a.1) * e) / squared } else { 0.0 };
    let t = along.clamp(0.0, 1.0);
    (p.0 - a.0 - t * d).hypot(p.1 - a.1 - t * e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_outline_keeps_its_corners_and_no_more() {
        let check = |ring: &[(f64, f64)], expected: &[(f64, f64)]| assert_eq!(thinned(ring), expected);
        check(&[], &[]);
        check(&[(1.0, 1.0)], &[(1.0, 1.0)]);
        let square = [(0.0, 0.0), (0.0, 5.0), (0.0, 10.0), (5.0, 10.0), (10.0, 10.0), (10.0, 0.0)];
        check(&square, &[(0.0, 0.0), (0.0, 10.0), (10.0, 10.0), (10.0, 0.0)]);
        check(&[(0.0, 0.0), (0.4, 5.0), (0.0, 10.0), (10.0, 10.0)], &[(0.0, 0.0), (0.0, 10.0), (10.0, 10.0)]);
    }

    #[test]
    fn a_long_outline_fits_its_element() {
        let jagged: Vec<_> = (0..50_000).map(|i| (f64::from(i), if i % 4 < 2 { 0.0 } else { 40.0 })).collect();
        let kept = thinned(&jagged);
        assert!((3..POINTS_MAX).contains(&kept.len()), "{}", kept.len());
    }

    proptest! {
        #[test]
        fn a_thinned_outline_lies_near_the_whole(
            ring in prop::collection::vec((0.0f64..4000.0, 0.0f64..4000.0), 3..60),
        ) {
            let kept = thinned(&ring);
            let edges: Vec<_> = kept.iter().copied().zip(kept.iter().copied().cycle().skip(1)).collect();
            for point in &ring {
                let off = edges.iter().map(|(a, b)| distance(*point, *a, *b)).fold(f64::INFINITY, f64::min);
                prop_assert!(off <= THINNING + 1e-9, "{point:?} is {off} away");
            }
        }
    }

    #[test]
    fn text_lies_in_the_free_corner_of_the_file() {
        let check = |to_file: Affine, wall: Side, expected: (bool, bool)| {
            assert_eq!(corner(&to_file, 200, (300, 200), wall), expected, "{to_file:?} {wall:?}");
        };
        check(Affine::IDENTITY, Side::Left, (false, true));
        check(Affine::IDENTITY, Side::Right, (false, false));
        // Upside down in the file.
        let flipped = Affine { row: [-1.0, 0.0, 300.0], column: [0.0, 1.0, 0.0] };
        check(flipped, Side::Left, (true, true));
        check(Affine::mirror(200), Side::Left, (false, false));
    }
}
