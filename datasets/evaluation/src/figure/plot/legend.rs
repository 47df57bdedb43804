//! Which series is which.

use super::super::drawing::{Anchor, Area, Colour, Drawing, Fill, Stroke, at};
use super::super::font::{Typeface, width};
use super::super::palette::{INK, Marker, SOFT};
use super::super::wrap::wrapped;
use super::super::{LETTERS, SMALL};

/// The width of a sample, and from where its text begins.
const SAMPLE: f64 = 26.0;
const INDENT: f64 = 34.0;
const LINE: f64 = 15.0;
/// Between entries.
const GAP: f64 = 4.0;
/// Between columns.
const GUTTER: f64 = 18.0;

/// What an entry shows.
#[derive(Debug, Clone)]
pub(crate) enum Swatch {
    /// A line, perhaps with a marker or a band.
    Line { stroke: Stroke, marker: Option<Marker>, band: Option<Fill> },
    /// A marker.
    Point { marker: Marker, colour: Colour },
    /// An area.
    Box { stroke: Option<Stroke>, fill: Option<Fill> },
    /// Nothing: a note.
    None,
}

/// A sample and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) swatch: Swatch,
    pub(crate) label: String,
}

/// Draws entries in columns from the upper left corner and says how high they are.
pub(crate) fn legend(drawing: &mut Drawing, entries: &[Entry], left: f64, top: f64, room: f64) -> f64 {
    if entries.is_empty() {
        return 0.0;
    }
    let (notes, samples): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| matches!(entry.swatch, Swatch::None));
    let widest =
        samples.iter().map(|entry| INDENT + width(&entry.label, LETTERS, Typeface::Regular)).fold(60.0, f64::max);
    let columns = (((room + GUTTER) / (widest + GUTTER)) as usize).clamp(1, samples.len().max(1));
    let column = (room + GUTTER) / columns as f64 - GUTTER;
    let rows = samples.len().div_ceil(columns);
    let mut lowest = top;
    for (c, group) in samples.chunks(rows.max(1)).enumerate() {
        let (x, mut y) = (left + c as f64 * (column + GUTTER), top);
        for entry in group {
            sample(drawing, &entry.swatch, x, y + LINE / 2.0);
            for line in wrapped(&entry.label, LETTERS, Typeface::Regular, column - INDENT, 4) {
                drawing.text(at(x + INDENT, y + 11.5), line, LETTERS, Anchor::Start, INK);
                y += LINE;
            }
            y += GAP;
        }
        lowest = lowest.max(y);
    }
    for entry in notes {
        for line in wrapped(&entry.label, SMALL, Typeface::Regular, room, 6) {
            drawing.text(at(left, lowest + 11.5), line, SMALL, Anchor::Start, SOFT);
            lowest += LINE - 1.0;
        }
        lowest += 2.0;
    }
    lowest - top
}

fn sample(drawing: &mut Drawing, swatch: &Swatch, x: f64, y: f64) {
    match swatch {
        Swatch::Line { stroke, marker, band } => {
            if let Some(fill) = band {
                drawing.rectangle(Area { x, y: y - 6.0, width: SAMPLE, height: 12.0 }, None, Some(*fill));
            }
            drawing.segment(at(x, y), at(x + SAMPLE, y), stroke.clone());
            if let Some(marker) = marker {
                marker.draw(drawing, at(x + SAMPLE / 2.0, y), 3.6, stroke.colour, 1.0);
            }
        }
        Swatch::Point { marker, colour } => marker.draw(drawing, at(x + SAMPLE / 2.0, y), 4.0, *colour, 1.0),
        Swatch::Box { stroke, fill } => {
            drawing.rectangle(Area { x: x + 6.0, y: y - 5.0, width: 14.0, height: 10.0 }, stroke.clone(), *fill);
        }
        Swatch::None => {}
    }
}
