//! Axes with their grid, numbers and labels.

use super::super::drawing::{Anchor, Area, Drawing, Place, Stroke, at};
use super::super::font::{Typeface, width};
use super::super::palette::{GRID, INK, SOFT};
use super::super::scale::{Axis, Span};
use super::super::wrap::wrapped;
use super::super::{LETTERS, SMALL};

/// Between an axis and its numbers.
const GAP: f64 = 6.0;
/// From one line of a label to the next.
const LINE: f64 = 15.0;

/// Where numbers are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) area: Area,
    pub(crate) x: Span,
    pub(crate) y: Span,
}

impl Frame {
    /// Where a point lies; outside the area if its numbers are outside the axes.
    pub(crate) fn place(&self, x: f64, y: f64) -> Place {
        at(self.across(x), self.down(y))
    }

    /// Where an x lies.
    pub(crate) fn across(&self, x: f64) -> f64 {
        self.area.x + far(self.x.share(x)) * self.area.width
    }

    /// Where a y lies.
    pub(crate) fn down(&self, y: f64) -> f64 {
        self.area.bottom() - far(self.y.share(y)) * self.area.height
    }
}

/// So that products stay numbers.
fn far(share: f64) -> f64 {
    share.clamp(-1e7, 1e7)
}

/// The numbers of the y axis for a height.
fn y_ticks(axis: &Axis, span: Span, height: f64) -> Vec<(f64, String)> {
    span.ticks(axis.numbers, axis.whole, ((height / 45.0) as usize).clamp(2, 8))
}

/// The room that the y axis's numbers and label take to the left of the area.
pub(crate) fn y_ticks_width(axis: &Axis, span: Span, height: f64) -> f64 {
    let widest =
        y_ticks(axis, span, height).iter().map(|(_, text)| width(text, SMALL, Typeface::Regular)).fold(0.0, f64::max);
    let lines = if axis.label.is_empty() { 0 } else { label_lines(&axis.label, height).len() };
    widest + GAP + LINE * lines as f64 + 8.0
}

fn label_lines(label: &str, room: f64) -> Vec<String> {
    wrapped(label, LETTERS, Typeface::Regular, room, 2)
}

/// The y axis of an area, with its grid.
pub(crate) fn y_axis(drawing: &mut Drawing, frame: &Frame, axis: &Axis) {
    let area = frame.area;
    for (value, text) in y_ticks(axis, frame.y, area.height) {
        let y = frame.down(value).clamp(area.y, area.bottom());
        drawing.segment(at(area.x, y), at(area.right(), y), Stroke::solid(GRID, 1.0));
        drawing.text(at(area.x - GAP, y + 0.36 * SMALL), text, SMALL, Anchor::End, INK);
    }
    drawing.segment(at(area.x, area.y), at(area.x, area.bottom()), Stroke::solid(SOFT, 1.0));
    let lines = label_lines(&axis.label, area.height);
    let left = area.x - y_ticks_width(axis, frame.y, area.height);
    for (i, line) in lines.into_iter().enumerate().filter(|_| !axis.label.is_empty()) {
        let x = left + 12.0 + LINE * i as f64;
        drawing.upwards(at(x, area.y + area.height / 2.0), line, LETTERS, INK);
    }
}

/// The x axis of an area: its grid within the area, its numbers and label beneath `bottom`. The height that they take.
pub(crate) fn x_axis(drawing: &mut Drawing, frame: &Frame, axis: &Axis, bottom: f64) -> f64 {
    let area = frame.area;
    for (value, text) in x_ticks(drawing.width, frame, axis) {
        let x = frame.across(value).clamp(area.x, area.right());
        drawing.segment(at(x, area.y), at(x, area.bottom()), Stroke::solid(GRID, 1.0));
        drawing.segment(at(x, bottom), at(x, bottom + 4.0), Stroke::solid(SOFT, 1.0));
        let middle = kept_within(x, &text, drawing.width);
        drawing.text(at(middle, bottom + GAP + 10.0), text, SMALL, Anchor::Middle, INK);
    }
    drawing.segment(at(area.x, bottom), at(area.right(), bottom), Stroke::solid(SOFT, 1.0));
    if axis.label.is_empty() {
        return GAP + 14.0;
    }
    let lines = label_lines(&axis.label, area.width);
    let count = lines.len();
    for (i, line) in lines.into_iter().enumerate() {
        let y = bottom + GAP + 28.0 + LINE * i as f64;
        drawing.text(at(area.x + area.width / 2.0, y), line, LETTERS, Anchor::Middle, INK);
    }
    GAP + 18.0 + LINE * count as f64
}

/// As many numbers as have room.
fn x_ticks(room: f64, frame: &Frame, axis: &Axis) -> Vec<(f64, String)> {
    for count in (2..=10).rev() {
        let ticks = frame.x.ticks(axis.numbers, axis.whole, count);
        let ends = |(value, text): &(f64, String)| {
            let half = width(text, SMALL, Typeface::Regular) / 2.0;
            let middle = kept_within(frame.across(*value), text, room);
            (middle - half, middle + half)
        };
        if ticks.windows(2).all(|pair| ends(&pair[0]).1 + 8.0 < ends(&pair[1]).0) {
            return ticks;
        }
    }
    frame.x.ticks(axis.numbers, axis.whole, 2).into_iter().take(1).collect()
}

/// The middle of a text that does not leave the drawing.
fn kept_within(x: f64, text: &str, room: f64) -> f64 {
    let half = width(text, SMALL, Typeface::Regular) / 2.0;
    x.min(room - half - 2.0).max(half + 2.0)
}
