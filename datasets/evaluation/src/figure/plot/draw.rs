//! Series and references within a frame.

use std::collections::BTreeSet;

use super::super::clip;
use super::super::drawing::{Colour, Drawing, Fill, Place, Stroke, at};
use super::super::palette::{COLOURS, CROWD, DASHES, Marker, REFERENCE};
use super::{Entry, Form, Frame, Look, Plot, Reference, Series, Swatch};

/// How a series looks.
#[derive(Debug, Clone)]
struct Style {
    stroke: Stroke,
    marker: Marker,
    radius: f64,
}

/// Dashes of lines to compare with.
const REFERENCE_DASHES: [&[f64]; 3] = [&[4.0, 3.0], &[1.5, 2.5], &[8.0, 3.0, 2.0, 3.0]];

fn styles(all: &[Series]) -> Vec<Style> {
    let mut next = 0;
    let mut style = |series: &Series| match series.look {
        Look::Crowd => {
            let stroke = Stroke { opacity: 0.75, ..Stroke::solid(CROWD, 0.9) };
            Style { stroke, marker: Marker::Ring, radius: 3.2 }
        }
        Look::Number(number) => numbered(number),
        Look::Next => {
            next += 1;
            numbered(next - 1)
        }
    };
    all.iter().map(&mut style).collect()
}

fn numbered(number: usize) -> Style {
    // The first seven are told apart by dashes too: colours may be lost in print.
    let stroke = Stroke::solid(COLOURS[number % 7], 1.8).dashed(DASHES[(number + number / 7) % 5]);
    Style { stroke, marker: Marker::ALL[number % 7], radius: 3.8 }
}

/// Steps that are too small to be seen, pixels.
const STEP: f64 = 0.1;

/// Draws references, then series.
pub(super) fn all(drawing: &mut Drawing, plot: &Plot, frame: &Frame) {
    for (i, reference) in plot.references.iter().enumerate() {
        for piece in clip::line(&ends(reference, frame), frame.area) {
            drawing.line(piece, reference_stroke(i));
        }
    }
    let styles = styles(&plot.series);
    // Bands behind all lines, so that none hides another series.
    for (series, style) in plot.series.iter().zip(&styles) {
        band(drawing, series, style, frame);
    }
    for (series, style) in plot.series.iter().zip(&styles) {
        lines(drawing, series, style, frame);
    }
    for (series, style) in plot.series.iter().zip(&styles) {
        points(drawing, series, style, frame);
    }
}

fn reference_stroke(number: usize) -> Stroke {
    Stroke::solid(REFERENCE, 1.2).dashed(REFERENCE_DASHES[number % 3])
}

fn ends(reference: &Reference, frame: &Frame) -> Vec<Place> {
    let area = frame.area;
    match reference {
        Reference::Horizontal(y, _) => vec![at(area.x, frame.down(*y)), at(area.right(), frame.down(*y))],
        Reference::Vertical(x, _) => vec![at(frame.across(*x), area.y), at(frame.across(*x), area.bottom())],
        // On an axis of logarithms the diagonal is a curve.
        Reference::Diagonal(_) => {
            let x = |share: f64| match frame.x.scale {
                super::super::Scale::Linear => frame.x.low + share * (frame.x.high - frame.x.low),
                super::super::Scale::Log10 => frame.x.low * (frame.x.high / frame.x.low).powf(share),
            };
            (0..=100).map(|i| x(f64::from(i) / 100.0)).map(|x| frame.place(x, x)).collect()
        }
    }
}

/// The points of a staircase: each y holds until the next x.
fn staircase(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = Vec::with_capacity(points.len() * 2);
    for (i, (x, y)) in points.iter().enumerate() {
        if i > 0 {
            corners.push((*x, points[i - 1].1));
        }
        corners.push((*x, *y));
    }
    corners
}

fn band(drawing: &mut Drawing, series: &Series, style: &Style, frame: &Frame) {
    let edge = |pick: fn(&(f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
        let points: Vec<(f64, f64)> = series.band.iter().map(|row| (row.0, pick(row))).collect();
        if series.form == Form::Steps { staircase(&points) } else { points }
    };
    let (mut around, upper) = (edge(|row| row.1), edge(|row| row.2));
    around.extend(upper.into_iter().rev());
    let places: Vec<Place> = around.into_iter().map(|(x, y)| frame.place(x, y)).collect();
    drawing.polygon(clip::polygon(&places, frame.area), None, Some(band_fill(style.stroke.colour)));
}

fn band_fill(colour: Colour) -> Fill {
    Fill { colour, opacity: 0.14 }
}

fn lines(drawing: &mut Drawing, series: &Series, style: &Style, frame: &Frame) {
    let points = match series.form {
        Form::Points => return,
        Form::Steps => staircase(&series.points),
        Form::Line | Form::LineAndPoints => series.points.clone(),
    };
    let places: Vec<Place> = points.into_iter().map(|(x, y)| frame.place(x, y)).collect();
    for piece in clip::line(&thinned(&places), frame.area) {
        drawing.line(piece, style.stroke.clone());
    }
}

/// Without places that lie where the one before lies, to the eye: a curve of a million points is a file of thousands.
fn thinned(places: &[Place]) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::new();
    for (i, place) in places.iter().enumerate() {
        let far = |last: &Place| (last.x - place.x).abs() >= STEP || (last.y - place.y).abs() >= STEP;
        if i + 1 == places.len() || kept.last().is_none_or(far) {
            kept.push(*place);
        }
    }
    kept
}

fn points(drawing: &mut Drawing, series: &Series, style: &Style, frame: &Frame) {
    let bar = Stroke { dash: &[], width: 1.2, ..style.stroke.clone() };
    // Of points that lie on each other one is drawn.
    let mut seen = BTreeSet::new();
    for (row, (x, y)) in series.points.iter().enumerate() {
        if let Some((low, high)) = series.bars.get(row) {
            whisker(drawing, frame, frame.place(*x, *low), frame.place(*x, *high), &bar);
        }
        if let Some((low, high)) = series.bars_across.get(row) {
            whisker(drawing, frame, frame.place(*low, *y), frame.place(*high, *y), &bar);
        }
        let place = frame.place(*x, *y);
        let shown = matches!(series.form, Form::Points | Form::LineAndPoints) && clip::holds(frame.area, place);
        if shown && seen.insert(((place.x / STEP).round() as i64, (place.y / STEP).round() as i64)) {
            // Where there are many, each is smaller and shines through.
            let (radius, opacity) = if series.points.len() > 200 { (2.0, 0.5) } else { (style.radius, 1.0) };
            style.marker.draw(drawing, place, radius, style.stroke.colour, opacity);
        }
    }
}

/// A bar with short strokes at those ends that lie within the area.
fn whisker(drawing: &mut Drawing, frame: &Frame, from: Place, to: Place, stroke: &Stroke) {
    for piece in clip::line(&[from, to], frame.area) {
        drawing.line(piece, stroke.clone());
    }
    let cap = if from.x == to.x { at(3.0, 0.0) } else { at(0.0, 3.0) };
    for end in [from, to].into_iter().filter(|end| clip::holds(frame.area, *end)) {
        let across = [at(end.x - cap.x, end.y - cap.y), at(end.x + cap.x, end.y + cap.y)];
        drawing.line(across.to_vec(), stroke.clone());
    }
}

/// Entries of the legend: series, references, notes. A label is named once for one look.
pub(super) fn entries(plot: &Plot) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut crowds = BTreeSet::new();
    for (series, style) in plot.series.iter().zip(styles(&plot.series)) {
        let again = series.look == Look::Crowd && !crowds.insert(series.label.clone());
        if series.label.is_empty() || again {
            continue;
        }
        let colour = style.stroke.colour;
        let band = (!series.band.is_empty()).then(|| band_fill(colour));
        let swatch = match series.form {
            Form::Points => Swatch::Point { marker: style.marker, colour },
            Form::Line | Form::Steps => Swatch::Line { stroke: style.stroke, marker: None, band },
            Form::LineAndPoints => Swatch::Line { stroke: style.stroke, marker: Some(style.marker), band },
        };
        entries.push(Entry { swatch, label: series.label.clone() });
    }
    for (i, reference) in plot.references.iter().enumerate().filter(|(_, reference)| !reference.label().is_empty()) {
        let swatch = Swatch::Line { stroke: reference_stroke(i), marker: None, band: None };
        entries.push(Entry { swatch, label: reference.label().to_owned() });
    }
    entries.extend(plot.notes.iter().map(|note| Entry { swatch: Swatch::None, label: note.clone() }));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_many_points_is_drawn_with_few_and_keeps_its_ends() {
        let places: Vec<Place> = (0..=1_000_000).map(|i| at(f64::from(i) / 10_000.0, f64::from(i / 500_000))).collect();
        let few = thinned(&places);
        assert!(few.len() < 1_100, "{}", few.len());
        assert_eq!((few[0], few[few.len() - 1]), (places[0], places[places.len() - 1]));
        // No kept place is further from the next one than the step, but for the jump.
        assert!(few.windows(2).all(|pair| pair[1].x - pair[0].x <= STEP + 1e-3));
    }
}
