//! Where the parts of a forest plot lie.

use super::super::drawing::{Anchor, Area, Colour, Drawing, Fill, Stroke, at};
use super::super::font::{Typeface, width};
use super::super::palette::{COLOURS, GRID, INK, REFERENCE, SOFT};
use super::super::plot::{Frame, x_axis};
use super::super::scale::{Scale, Span};
use super::super::wrap::{shortened, wrapped};
use super::super::{FigureError, LETTERS, SMALL, WIDTH};
use super::{Forest, ForestRow, extent, weight};

/// The plot, laid out.
pub(super) fn drawing(forest: &Forest) -> Result<Drawing, FigureError> {
    let ends = forest.rows.iter().filter_map(extent).flat_map(|(low, high)| [low, high]);
    let span = match Span::of(&forest.x, ends.chain(forest.line), &forest.about.id) {
        // No row has a number: the reasons are worth a figure all the same.
        Err(FigureError::Empty { .. }) => Span { low: 0.0, high: 1.0, scale: Scale::Linear },
        other => other?,
    };
    let columns = Columns::of(forest);
    let mut drawing = Drawing::new(WIDTH, 0.0);
    let top = 8.0 + columns.heads(&mut drawing, &forest.heads);
    let rows: Vec<(Vec<String>, f64)> = forest.rows.iter().map(|row| columns.lines(row)).collect();
    let height: f64 = rows.iter().map(|(_, height)| height).sum();
    let area = Area { x: columns.plot.0, y: top, width: columns.plot.1, height: height + 4.0 };
    let frame = Frame { area, x: span, y: Span { low: 0.0, high: 1.0, scale: Scale::Linear } };
    let beneath = x_axis(&mut drawing, &frame, &forest.x, area.bottom());
    if let Some(line) = forest.line.map(|line| frame.across(line)).filter(|x| (area.x..=area.right()).contains(x)) {
        drawing.segment(at(line, area.y), at(line, area.bottom()), Stroke::solid(REFERENCE, 1.2).dashed(&[4.0, 3.0]));
    }
    let heaviest = forest.rows.iter().filter_map(weight).fold(0.0, f64::max);
    let mut y = top + 2.0;
    for (row, (lines, height)) in forest.rows.iter().zip(&rows) {
        columns.row(&mut drawing, row, lines, y);
        let middle = y + height / 2.0;
        let share = weight(row).map(|weight| (weight / heaviest).sqrt());
        mark(&mut drawing, &frame, row, middle, share.unwrap_or(1.0));
        y += height;
    }
    let mut bottom = area.bottom() + beneath + 6.0;
    for note in &forest.notes {
        for line in wrapped(note, SMALL, Typeface::Regular, WIDTH - 12.0, 4) {
            drawing.text(at(6.0, bottom + 11.0), line, SMALL, Anchor::Start, SOFT);
            bottom += 15.0;
        }
    }
    drawing.height = (bottom + 6.0).ceil();
    Ok(drawing)
}

/// Left edge and width of each.
struct Columns {
    label: (f64, f64),
    counts: (f64, f64),
    plot: (f64, f64),
    text: (f64, f64),
}

impl Columns {
    fn of(forest: &Forest) -> Self {
        let mut widths = forest.heads.each_ref().map(|head| width(head, SMALL, Typeface::Bold).min(110.0));
        for row in &forest.rows {
            let (label, counts, text, typeface) = match row {
                ForestRow::Heading(_) => continue,
                ForestRow::Estimate { label, counts, text, .. } => (label, counts, text.as_str(), Typeface::Regular),
                ForestRow::Summary { label, counts, text, .. } => (label, counts, text.as_str(), Typeface::Bold),
                ForestRow::Missing { label, counts, .. } => (label, counts, "", Typeface::Regular),
            };
            for (widest, (cell, more)) in widths.iter_mut().zip([(label.as_str(), 12.0), (counts, 0.0), (text, 0.0)]) {
                *widest = widest.max(width(cell, LETTERS, typeface) + more);
            }
        }
        let [label, counts, text] = [widths[0].min(165.0), widths[1].min(105.0), widths[2].min(150.0)];
        let plot = 6.0 + label + 12.0 + counts + 16.0;
        let right = WIDTH - 6.0 - text;
        Self {
            label: (6.0, label),
            counts: (6.0 + label + 12.0, counts),
            plot: (plot, right - 16.0 - plot),
            text: (right, text),
        }
    }

    /// The heads' height.
    fn heads(&self, drawing: &mut Drawing, heads: &[String; 3]) -> f64 {
        let wrap = |text: &String, room| wrapped(text, SMALL, Typeface::Bold, room, 3);
        let cells = [(&heads[0], self.label), (&heads[1], self.counts), (&heads[2], self.text)];
        let cells = cells.map(|(head, (left, room))| (wrap(head, room), left));
        let lines = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or(1) as f64;
        for (head, left) in cells {
            let first = 8.0 + 14.0 * (lines - head.len() as f64) + 10.0;
            for (i, line) in head.into_iter().enumerate() {
                drawing.bold(at(left, first + 14.0 * i as f64), line, SMALL, Anchor::Start, INK);
            }
        }
        let bottom = 14.0 * lines + 4.0;
        drawing.segment(at(6.0, 8.0 + bottom), at(WIDTH - 6.0, 8.0 + bottom), Stroke::solid(GRID, 1.0));
        bottom
    }

    /// A row's label in lines, and the row's height.
    fn lines(&self, row: &ForestRow) -> (Vec<String>, f64) {
        let lines = match row {
            ForestRow::Heading(text) => wrapped(text, LETTERS, Typeface::Bold, self.label.1 + 12.0 + self.counts.1, 3),
            ForestRow::Estimate { label, .. } | ForestRow::Missing { label, .. } => {
                wrapped(label, LETTERS, Typeface::Regular, self.label.1 - 12.0, 3)
            }
            ForestRow::Summary { label, .. } => wrapped(label, LETTERS, Typeface::Bold, self.label.1, 3),
        };
        let height = 15.0 * lines.len() as f64 + 7.0;
        (lines, height)
    }

    fn row(&self, drawing: &mut Drawing, row: &ForestRow, lines: &[String], top: f64) {
        let base = |i: usize| top + 14.5 + 15.0 * i as f64;
        let middle = top + 14.5 + 7.5 * (lines.len() as f64 - 1.0);
        let (typeface, indent) = match row {
            ForestRow::Heading(_) | ForestRow::Summary { .. } => (Typeface::Bold, 0.0),
            ForestRow::Estimate { .. } | ForestRow::Missing { .. } => (Typeface::Regular, 12.0),
        };
        for (i, line) in lines.iter().enumerate() {
            drawing.label(at(self.label.0 + indent, base(i)), line.clone(), LETTERS, typeface, Anchor::Start, INK);
        }
        let fit = |text: &str, room: f64| shortened(text, LETTERS, typeface, room);
        match row {
            ForestRow::Heading(_) => {}
            ForestRow::Estimate { counts, text, .. } | ForestRow::Summary { counts, text, .. } => {
                let counts = fit(counts, self.counts.1);
                drawing.label(at(self.counts.0, middle), counts, LETTERS, typeface, Anchor::Start, INK);
                let text = fit(text, self.text.1);
                drawing.label(at(self.text.0, middle), text, LETTERS, typeface, Anchor::Start, INK);
            }
            ForestRow::Missing { counts, reason, .. } => {
                drawing.text(at(self.counts.0, middle), fit(counts, self.counts.1), LETTERS, Anchor::Start, INK);
                // A reason is longer than a number: it has the plot's room.
                let room = self.text.0 + self.text.1 - self.plot.0;
                let reason = shortened(reason, SMALL, Typeface::Regular, room);
                let wide = width(&reason, SMALL, Typeface::Regular) + 8.0;
                let under = Area { x: self.text.0 + self.text.1 - wide, y: middle - 11.0, width: wide, height: 15.0 };
                drawing.rectangle(under, None, Some(Fill::solid(Colour::WHITE)));
                drawing.text(at(self.text.0 + self.text.1, middle), reason, SMALL, Anchor::End, SOFT);
            }
        }
    }
}

/// The square with its whisker, or the diamond.
fn mark(drawing: &mut Drawing, frame: &Frame, row: &ForestRow, y: f64, share: f64) {
    let area = frame.area;
    let colour = COLOURS[0];
    let within = |value: f64| frame.across(value).clamp(area.x, area.right());
    match row {
        ForestRow::Heading(_) | ForestRow::Missing { .. } => {}
        ForestRow::Estimate { value, interval, .. } => {
            if let Some((lower, upper)) = interval {
                drawing.segment(at(within(*lower), y), at(within(*upper), y), Stroke::solid(INK, 1.2));
            }
            for (end, towards) in interval.iter().flat_map(|ends| [(ends.0, 4.0), (ends.1, -4.0)]) {
                let x = within(end);
                if x == frame.across(end) {
                    drawing.segment(at(x, y - 3.5), at(x, y + 3.5), Stroke::solid(INK, 1.2));
                } else {
                    // The interval goes on: an arrow says so.
                    drawing.line(
                        vec![at(x + towards, y - 3.0), at(x, y), at(x + towards, y + 3.0)],
                        Stroke::solid(INK, 1.2),
                    );
                }
            }
            let x = frame.across(*value);
            if (area.x..=area.right()).contains(&x) {
                let half = 2.2 + 4.3 * share;
                let square = Area { x: x - half, y: y - half, width: 2.0 * half, height: 2.0 * half };
                drawing.rectangle(square, None, Some(Fill::solid(colour)));
            }
        }
        ForestRow::Summary { value, interval, .. } => {
            let corners = [(interval.0, 0.0), (*value, -6.0), (interval.1, 0.0), (*value, 6.0)];
            let corners = corners.map(|(x, dy)| at(within(x), y + dy)).to_vec();
            drawing.polygon(corners, Some(Stroke::solid(INK, 0.8)), Some(Fill::solid(COLOURS[1])));
        }
    }
}
