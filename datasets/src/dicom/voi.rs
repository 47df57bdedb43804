//! What the file offers for display, and the step from a mammogram to what a reader sees. The curves themselves are
//! [`Window::apply`].
//!
//! Invariant: nothing here feeds a model unless its recipe asks for it by name.

use dicom_dictionary_std::tags;
use uvid_exam::{Mammogram, Window, WindowFunction};

use super::element::DataSet;
use super::record::Record;

/// The image as a display shows it: 0 to 255, row-major, larger = brighter, padding 0.
///
/// `window` is an index into [`Mammogram::windows`]. `None`, or one that does not exist, maps the smallest to the
/// largest pixel outside the padding linearly onto 0 to 255; an image of one value is 0.
pub fn display(image: &Mammogram, window: Option<usize>) -> Vec<u8> {
    let pixels = &image.pixels;
    let curve = match window.and_then(|index| image.windows.get(index)) {
        Some(window) => image.seen_through(window).into_iter().map(to_byte).collect(),
        None => spread(image),
    };
    let padded = |pixel: &u16| image.padding.as_ref().is_some_and(|range| range.contains(pixel));
    let shown = |pixel: &u16| if padded(pixel) { 0 } else { curve.get(usize::from(*pixel)).copied().unwrap_or(255) };
    pixels.values().iter().map(shown).collect()
}

fn spread(image: &Mammogram) -> Vec<u8> {
    let padded = |pixel: &u16| image.padding.as_ref().is_some_and(|range| range.contains(pixel));
    let (lo, hi) =
        image.pixels.values().iter().filter(|p| !padded(p)).fold((u16::MAX, 0), |(lo, hi), &p| (lo.min(p), hi.max(p)));
    let span = f64::from(hi.saturating_sub(lo)).max(1.0);
    (0..=image.pixels.max()).map(|p| to_byte(f64::from(p.saturating_sub(lo)) / span)).collect()
}

fn to_byte(y: f64) -> u8 {
    // A cast of a float saturates, and takes NaN to 0.
    (y * 255.0).round() as u8
}

/// Everything the file offers: the items of the VOI LUT Sequence first, then the windows, each in the file's order.
/// `negative` says whether rescaled values can be below 0.
pub(super) fn windows(data: &DataSet<'_>, negative: bool, record: &mut Record) -> Vec<Window> {
    let mut windows: Vec<Window> =
        data.items(tags::VOILUT_SEQUENCE).iter().filter_map(|item| table(item, negative, record)).collect();
    windows.extend(functions(data, record));
    windows
}

/// LUT Descriptor (0028,3002): number of entries (0 means 65536), first value mapped, bits of an entry.
fn table(item: &DataSet<'_>, negative: bool, record: &mut Record) -> Option<Window> {
    let [count, first, bits] = item.words(tags::LUT_DESCRIPTOR)[..] else {
        record.note("LUT Descriptor (0028,3002) of the VOI LUT Sequence does not have three values");
        return None;
    };
    // PS3.3 C.11.2.1.1: the first value mapped is signed where what comes in can be negative.
    let vr = item.get(tags::LUT_DESCRIPTOR).and_then(|e| e.vr);
    let signed = vr == Some(*b"SS") || (vr != Some(*b"US") && negative);
    let first = if signed { i32::from(first.cast_signed()) } else { i32::from(first) };
    let count = if count == 0 { 65536 } else { usize::from(count) };
    if !(8..=16).contains(&bits) {
        record.note("LUT Descriptor (0028,3002) of the VOI LUT Sequence has an impossible number of bits");
        return None;
    }
    let mut entries = item.words(tags::LUT_DATA);
    let bytes = item.get(tags::LUT_DATA).map_or(&[][..], |e| e.bytes);
    if bits == 8 && bytes.len() < count * 2 && bytes.len() >= count {
        entries = bytes.iter().map(|&b| u16::from(b)).collect();
    }
    entries.truncate(count);
    if entries.len() < count {
        record.note("LUT Data (0028,3006) of the VOI LUT Sequence is shorter than its descriptor says");
    }
    if entries.is_empty() {
        return None;
    }
    Some(Window::Table { first, bits, entries, explanation: item.text(tags::LUT_EXPLANATION) })
}

fn functions(data: &DataSet<'_>, record: &mut Record) -> Vec<Window> {
    let centers = data.numbers(tags::WINDOW_CENTER);
    let widths = data.numbers(tags::WINDOW_WIDTH);
    if centers.len() != widths.len() {
        record.note("Window Center (0028,1050) and Window Width (0028,1051) differ in number");
    }
    let function = match data.upper(tags::VOILUT_FUNCTION).as_deref() {
        None | Some("LINEAR") => WindowFunction::Linear,
        Some("LINEAR_EXACT") => WindowFunction::LinearExact,
        Some("SIGMOID") => WindowFunction::Sigmoid,
        Some(_) => {
            record.note("VOI LUT Function (0028,1056) is none of the defined terms and counts as LINEAR");
            WindowFunction::Linear
        }
    };
    let explanations = data.text(tags::WINDOW_CENTER_WIDTH_EXPLANATION).unwrap_or_default();
    let mut explanations = explanations.split('\\').map(str::trim);
    let mut windows = Vec::new();
    for (center, width) in centers.into_iter().zip(widths) {
        let explanation = explanations.next().filter(|e| !e.is_empty()).map(str::to_owned);
        let least = if function == WindowFunction::Linear { 1.0 } else { f64::MIN_POSITIVE };
        match (center, width) {
            (Some(center), Some(width)) if width >= least => {
                windows.push(Window::Function { center, width, function, explanation });
            }
            _ => record.note("Window Center (0028,1050) or Window Width (0028,1051) has a value that is no window"),
        }
    }
    windows
}
