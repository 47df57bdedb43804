//! Marks over the images: Grayscale Softcopy Presentation State (PS3.3 A.33.1).
//!
//! A presentation state is applied in place of what the image says of its display (PS3.4 N.2): so what the image says
//! is repeated, rescale, window and polarity. There is one for each breast, in a series of its own; images of a breast that need another
//! rescale or polarity get their own, since a state has one of each.
//!
//! Invariants: marks lie in the coordinates of the file, on a layer of their own, and so does the text; every image
//! carries the notice; what has no score has no presentation state, and neither has an image whose Modality LUT is a
//! table, which cannot be repeated here.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use uvid_exam::{ImageScores, Laterality, Scores};

use super::gsps_graphics as graphics;
use super::modules::{
    Form, begin, by_series, decimal, finish, long_string, moment, optional, reference, sequence, text, words,
};
use super::uids::uid;
use super::{Context, ObjectError, ResultObject};
use crate::config::ObjectKind;
use uvid_datasets::dicom::{Source, SourceTable};

/// Grayscale Softcopy Presentation State Storage.
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.11.1";

/// An image with its scores, and what the file says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marked<'a> {
    pub(super) scores: &'a ImageScores,
    pub(super) source: &'a Source,
}

impl Marked<'_> {
    /// The item that names the image, as sequences about some of the images of a state begin.
    pub(super) fn reference(&self) -> InMemDicomObject {
        reference(self.source.sop_class.as_str(), self.source.sop_instance.as_str())
    }

    /// Presentation LUT Shape (2050,0020): that of an image is its own, or its Photometric Interpretation (PS3.4 N.2).
    fn shape(&self) -> &'static str {
        let source = self.source;
        let inverse = source.photometric.as_deref() == Some("MONOCHROME1")
            || source.presentation_lut_shape.as_deref() == Some("INVERSE");
        if inverse { "INVERSE" } else { "IDENTITY" }
    }

    /// Rescale Slope and Intercept, where they change anything.
    fn rescale(&self) -> Option<(f64, f64)> {
        let (slope, intercept, _) = self.source.rescale.as_ref()?;
        ((*slope, *intercept) != (1.0, 0.0)).then_some((*slope, *intercept))
    }

    fn laterality(&self) -> Laterality {
        self.scores.slot.laterality()
    }

    /// Whether one presentation state can be about both.
    fn goes_with(&self, other: &Self) -> bool {
        self.laterality() == other.laterality() && self.shape() == other.shape() && self.rescale() == other.rescale()
    }
}

/// The presentation states of a result: none where there is no score.
///
/// # Errors
///
/// An object cannot be written, or a UID is none.
pub fn presentation_states(context: &Context<'_>) -> Result<Vec<ResultObject>, ObjectError> {
    let Ok(scores) = &context.report.outcome else { return Ok(vec![]) };
    let mut groups: Vec<Vec<Marked<'_>>> = Vec::new();
    for image in marked(context, scores) {
        match groups.iter_mut().find(|group| group.iter().all(|other| image.goes_with(other))) {
            Some(group) => group.push(image),
            None => groups.push(vec![image]),
        }
    }
    (1..).zip(&groups).map(|(instance, group)| state(context, instance, group)).collect()
}

fn marked<'a>(context: &Context<'a>, scores: &'a Scores) -> Vec<Marked<'a>> {
    let sources = context.sources;
    let marked = scores.images.iter().filter_map(|scores| {
        let source = sources.iter().find(|source| source.sop_instance == scores.sop_instance)?;
        let shown = source.rows > 0 && source.columns > 0 && !source.has_modality_lut;
        shown.then_some(Marked { scores, source })
    });
    marked.collect()
}

fn state(context: &Context<'_>, instance: u32, images: &[Marked<'_>]) -> Result<ResultObject, ObjectError> {
    let form = Form {
        kind: ObjectKind::Gsps,
        sop_class: SOP_CLASS,
        modality: "PR",
        description: "Uvid marks, research only",
        instance,
    };
    let mut object = begin(context, &form)?;
    let o = &mut object;
    if let Some(image) = images.first() {
        series(o, context, image.laterality())?;
    }
    identification(o, context, images);
    let of = |image: &Marked<'_>| {
        (image.source.sop_class.clone(), image.source.series_uid.clone(), image.source.sop_instance.clone())
    };
    let named: Vec<_> = images.iter().map(of).collect();
    let named = named.iter().map(|(class, series, uid)| (class.as_str(), series.as_str(), uid.as_str()));
    sequence(o, tags::REFERENCED_SERIES_SEQUENCE, by_series(named, tags::REFERENCED_IMAGE_SEQUENCE));
    sequence(o, tags::DISPLAYED_AREA_SELECTION_SEQUENCE, images.iter().map(displayed_area).collect());
    let voi: Vec<_> = images.iter().filter_map(voi).collect();
    if !voi.is_empty() {
        sequence(o, tags::SOFTCOPY_VOILUT_SEQUENCE, voi);
    }
    if let Some(image) = images.first() {
        text(o, tags::PRESENTATION_LUT_SHAPE, VR::CS, image.shape());
        if let Some((slope, intercept)) = image.rescale() {
            let unit = image.source.rescale.as_ref().and_then(|(_, _, unit)| unit.clone());
            text(o, tags::RESCALE_INTERCEPT, VR::DS, &decimal(intercept));
            text(o, tags::RESCALE_SLOPE, VR::DS, &decimal(slope));
            text(o, tags::RESCALE_TYPE, VR::LO, &long_string(unit.as_deref().unwrap_or("US")));
        }
    }
    let notes = images.iter().flat_map(|image| graphics::annotations(context, image)).collect();
    sequence(o, tags::GRAPHIC_ANNOTATION_SEQUENCE, notes);
    sequence(o, tags::GRAPHIC_LAYER_SEQUENCE, graphics::layers(context, images));
    finish(context, &form, object)
}

/// A series for each breast: Laterality (0020,0060) is of the series, and a state of paired organs must have it.
fn series(o: &mut InMemDicomObject, context: &Context<'_>, side: Laterality) -> Result<(), ObjectError> {
    let number = match side {
        Laterality::Right => "9113",
        Laterality::Left => "9123",
    };
    text(o, tags::SERIES_INSTANCE_UID, VR::UI, &uid(context, ObjectKind::Gsps, &format!("series {side}"))?);
    text(o, tags::SERIES_NUMBER, VR::IS, number);
    text(o, tags::LATERALITY, VR::CS, &side.to_string());
    Ok(())
}

/// Presentation State Identification (PS3.3 C.11.10).
fn identification(o: &mut InMemDicomObject, context: &Context<'_>, images: &[Marked<'_>]) {
    let package = &context.report.package;
    let side = images.first().map(|image| image.laterality().to_string()).unwrap_or_default();
    let (date, time) = moment(context);
    text(o, tags::CONTENT_LABEL, VR::CS, &format!("UVID {side}"));
    let description = format!("{side}: {} {}, research only", package.name, package.version);
    text(o, tags::CONTENT_DESCRIPTION, VR::LO, &long_string(&description));
    text(o, tags::CONTENT_CREATOR_NAME, VR::PN, "Uvid^Inference server");
    text(o, tags::PRESENTATION_CREATION_DATE, VR::DA, &date);
    text(o, tags::PRESENTATION_CREATION_TIME, VR::TM, &time);
}

/// The whole image (PS3.3 C.10.4).
fn displayed_area(image: &Marked<'_>) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    let (rows, columns) = (i32::from(image.source.rows), i32::from(image.source.columns));
    sequence(&mut item, tags::REFERENCED_IMAGE_SEQUENCE, vec![image.reference()]);
    for (tag, corner) in [
        (tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, [1, 1]),
        (tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, [columns, rows]),
    ] {
        item.put(DataElement::new(tag, VR::SL, PrimitiveValue::I32(corner.as_slice().into())));
    }
    text(&mut item, tags::PRESENTATION_SIZE_MODE, VR::CS, "SCALE TO FIT");
    text(&mut item, tags::PRESENTATION_PIXEL_ASPECT_RATIO, VR::IS, &aspect_ratio(image.source.spacing()));
    item
}

/// Vertical to horizontal size of a pixel, as two whole numbers.
fn aspect_ratio(spacing: Option<(f64, f64)>) -> String {
    // A ten-thousandth of a millimetre tells any two pixel sizes apart.
    let whole = |mm: f64| (mm * 1e4).round().clamp(1.0, 1e9) as u64;
    match spacing {
        Some((row, column)) if whole(row) != whole(column) => format!("{}\\{}", whole(row), whole(column)),
        Some(_) | None => "1\\1".to_owned(),
    }
}

/// What the image is seen through at first: the first VOI LUT, else the first window (PS3.3 C.11.8).
fn voi(image: &Marked<'_>) -> Option<InMemDicomObject> {
    let source = image.source;
    let mut item = InMemDicomObject::new_empty();
    if let Some(table) = source.voi_tables.first() {
        let mut lut = InMemDicomObject::new_empty();
        let ([count, first, _], (bits, entries)) = (table.descriptor, repeatable(table));
        if table.signed {
            let descriptor = [count, first, bits].map(u16::cast_signed);
            let value = PrimitiveValue::I16(descriptor.as_slice().into());
            lut.put(DataElement::new(tags::LUT_DESCRIPTOR, VR::SS, value));
        } else {
            words(&mut lut, tags::LUT_DESCRIPTOR, &[count, first, bits]);
        }
        optional(&mut lut, tags::LUT_EXPLANATION, VR::LO, table.explanation.as_deref().map(long_string).as_deref());
        lut.put(DataElement::new(tags::LUT_DATA, VR::OW, PrimitiveValue::U16(entries.as_slice().into())));
        sequence(&mut item, tags::VOILUT_SEQUENCE, vec![lut]);
    } else {
        let function = source.voi_function.as_deref();
        let function = function.filter(|name| ["LINEAR", "LINEAR_EXACT", "SIGMOID"].contains(name));
        let (at, (center, width)) =
            source.windows.iter().enumerate().find(|(_, (_, width))| is_width(*width, function))?;
        text(&mut item, tags::WINDOW_CENTER, VR::DS, &decimal(*center));
        text(&mut item, tags::WINDOW_WIDTH, VR::DS, &decimal(*width));
        let explanation = source.window_explanations.get(at).filter(|text| !text.is_empty());
        let explanation = explanation.map(|text| long_string(text));
        optional(&mut item, tags::WINDOW_CENTER_WIDTH_EXPLANATION, VR::LO, explanation.as_deref());
        optional(&mut item, tags::VOILUT_FUNCTION, VR::CS, function);
    }
    sequence(&mut item, tags::REFERENCED_IMAGE_SEQUENCE, vec![image.reference()]);
    Some(item)
}

/// Whether a window may be so wide (PS3.3 C.11.2.1.2): at least 1 where it is LINEAR, else above 0.
fn is_width(width: f64, function: Option<&str>) -> bool {
    match function {
        None | Some("LINEAR") => width >= 1.0,
        Some(_) => width > 0.0,
    }
}

/// Bits and entries of a table as a presentation state may have them: 8 or 16 bits (PS3.3 C.11.8), where an image may
/// have any number between (C.11.2.1.1); the smallest and the largest entry stay so.
fn repeatable(table: &SourceTable) -> (u16, Vec<u16>) {
    let [.., bits] = table.descriptor;
    if !(9..=15).contains(&bits) {
        return (bits, table.entries.clone());
    }
    let full = (1u32 << bits) - 1;
    let wide = |entry: &u16| u16::try_from((u32::from(*entry) * 65_535 + full / 2) / full).unwrap_or(u16::MAX);
    (16, table.entries.iter().map(wide).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_repeated_in_8_or_16_bits() {
        let check = |bits: u16, entries: &[u16], expected: (u16, Vec<u16>)| {
            let table =
                SourceTable { descriptor: [4, 0, bits], signed: false, entries: entries.to_vec(), explanation: None };
            assert_eq!(repeatable(&table), expected, "{bits}");
        };
        check(8, &[0, 255], (8, vec![0, 255]));
        check(12, &[0, 2048, 4095], (16, vec![0, 32_776, 65_535]));
        check(15, &[u16::MAX], (16, vec![65_535]));
        check(16, &[1, 65_535], (16, vec![1, 65_535]));
    }

    #[test]
    fn a_window_has_a_width() {
        let check = |width: f64, function, expected: bool| assert_eq!(is_width(width, function), expected, "{width}");
        check(1.0, None, true);
        check(0.5, Some("LINEAR"), false);
        check(0.5, Some("LINEAR_EXACT"), true);
        check(0.0, Some("SIGMOID"), false);
        check(-2.0, None, false);
    }

    #[test]
    fn a_pixel_is_as_high_and_wide_as_the_file_says() {
        let check = |spacing, expected: &str| assert_eq!(aspect_ratio(spacing), expected, "{spacing:?}");
        check(None, "1\\1");
        check(Some((0.07, 0.07)), "1\\1");
        check(Some((0.1, 0.05)), "1000\\500");
    }
}
