//! How numbers of one or more classes are spread.

use super::drawing::{Anchor, Area, Drawing, Fill, Stroke, at};
use super::palette::{COLOURS, DASHES, REFERENCE, SOFT};
use super::plot::{Entry, Frame, Swatch, check_bins, legend, x_axis, y_axis, y_ticks_width};
use super::scale::Span;
use super::{About, Axis, Data, Figure, FigureError, SMALL, WIDTH, finite, some};

/// Where a class is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// All upwards from one line, one before the other.
    Overlaid,
    /// The first upwards, all others downwards.
    Mirrored,
}

/// Counts of one or more classes in the same bins.
///
/// ```
/// use uvid_evaluation::figure::{About, Axis, Histogram, Side};
///
/// let about = About::new("scores", "Scores with and without cancer", "Shares of each class.");
/// let edges: Vec<f64> = (0..=4).map(|i| f64::from(i) / 4.0).collect();
/// let figure = Histogram::new(about, Axis::new("Score").range(0.0, 1.0), &edges, Side::Mirrored)
///     .class("No cancer (1,300)", &[900, 300, 80, 20])
///     .class("Cancer (85)", &[5, 10, 30, 40])
///     .shares()
///     .threshold(0.5, "Threshold 0.5")
///     .figure()?;
/// assert_eq!(figure.data().rows.len(), 8);
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// What it says of itself.
    pub about: About,
    /// To the right.
    pub x: Axis,
    /// Edges of the bins, rising.
    pub edges: Vec<f64>,
    /// What each class is called, and how many of it are in each bin.
    pub classes: Vec<(String, Vec<u64>)>,
    /// Where classes are drawn.
    pub side: Side,
    /// Whether heights are shares of the class rather than counts: a rare class is seen beside a common one.
    pub as_shares: bool,
    /// Lines at an x, with what they are.
    pub thresholds: Vec<(f64, String)>,
}

impl Histogram {
    /// Bins without classes yet.
    pub fn new(about: About, x: Axis, edges: &[f64], side: Side) -> Self {
        let (classes, thresholds) = (Vec::new(), Vec::new());
        Self { about, x, edges: edges.to_vec(), classes, side, as_shares: false, thresholds }
    }

    /// With one more class.
    #[must_use]
    pub fn class(mut self, label: impl Into<String>, counts: &[u64]) -> Self {
        self.classes.push((label.into(), counts.to_vec()));
        self
    }

    /// Heights are shares of each class.
    #[must_use]
    pub fn shares(mut self) -> Self {
        self.as_shares = true;
        self
    }

    /// With a line at an x.
    #[must_use]
    pub fn threshold(mut self, x: f64, label: impl Into<String>) -> Self {
        self.thresholds.push((x, label.into()));
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// Edges do not rise, counts do not fit between them, a number is NaN or infinite, there is no class.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "classes", &self.classes)?;
        let counts: Vec<&Vec<u64>> = self.classes.iter().map(|(_, counts)| counts).collect();
        check_bins(&self.about, &self.edges, &counts)?;
        for (row, (x, _)) in self.thresholds.iter().enumerate() {
            finite(&self.about, "a threshold", row, *x)?;
        }
        let drawing = self.drawing()?;
        let mut data = Data::new(&["class", "from", "to", "count"]);
        for (label, counts) in &self.classes {
            for (edges, count) in self.edges.windows(2).zip(counts) {
                data.rows.push(vec![label.as_str().into(), edges[0].into(), edges[1].into(), (*count).into()]);
            }
        }
        let names: Vec<&str> = self.classes.iter().map(|(label, _)| label.as_str()).collect();
        let description = format!("Histogram of {}. Classes: {}", self.x.label, names.join("; "));
        Figure::new(self.about, description, drawing, data)
    }

    /// Heights of a class, by bin.
    fn heights(&self, counts: &[u64]) -> Vec<f64> {
        let all = if self.as_shares { counts.iter().sum::<u64>().max(1) as f64 } else { 1.0 };
        counts.iter().map(|count| *count as f64 / all).collect()
    }

    fn downwards(&self, class: usize) -> bool {
        class > 0 && self.side == Side::Mirrored
    }

    fn drawing(&self) -> Result<Drawing, FigureError> {
        let heights: Vec<Vec<f64>> = self.classes.iter().map(|(_, counts)| self.heights(counts)).collect();
        let highest = |down: bool| {
            let of = heights.iter().enumerate().filter(|(class, _)| self.downwards(*class) == down);
            of.flat_map(|(_, heights)| heights.iter().copied()).fold(0.0, f64::max)
        };
        let (up, down) = (highest(false), highest(true));
        let most = if up.max(down) > 0.0 { up.max(down) } else { 1.0 };
        let label = if self.as_shares { "Share of the class" } else { "Count" };
        let low = if down > 0.0 { -1.08 * down.max(most / 20.0) } else { 0.0 };
        let y = Axis::new(label).range(low, 1.08 * up.max(most / 20.0));
        let y = if self.as_shares { y.percent() } else { y.whole() };
        let x_span = Span::of(&self.x, self.edges.iter().copied(), &self.about.id)?;
        let y_span = Span::of(&y, std::iter::empty(), &self.about.id)?;
        let left = y_ticks_width(&y, y_span, 260.0) + 2.0;
        let area = Area { x: left, y: 12.0, width: WIDTH - left - 22.0, height: 260.0 };
        let frame = Frame { area, x: x_span, y: y_span };
        let mut drawing = Drawing::new(WIDTH, 0.0);
        y_axis_unsigned(&mut drawing, &frame, &y);
        let mut bottom = area.bottom() + x_axis(&mut drawing, &frame, &self.x, area.bottom());
        let mut entries = Vec::new();
        for (class, ((label, _), heights)) in self.classes.iter().zip(&heights).enumerate() {
            let colour = COLOURS[class % COLOURS.len()];
            let (fill, stroke) = (Fill { colour, opacity: 0.4 }, Stroke::solid(colour, 1.3).dashed(DASHES[class % 5]));
            self.bars(&mut drawing, &frame, heights, self.downwards(class), fill, &stroke);
            entries
                .push(Entry { swatch: Swatch::Box { stroke: Some(stroke), fill: Some(fill) }, label: label.clone() });
        }
        let zero = frame.down(0.0).clamp(area.y, area.bottom());
        drawing.segment(at(area.x, zero), at(area.right(), zero), Stroke::solid(SOFT, 1.0));
        for (i, (x, label)) in self.thresholds.iter().enumerate() {
            let stroke = Stroke::solid(REFERENCE, 1.4).dashed(DASHES[1 + i % 4]);
            let x = frame.across(*x);
            if x >= area.x && x <= area.right() {
                drawing.segment(at(x, area.y), at(x, area.bottom()), stroke.clone());
            }
            entries.push(Entry { swatch: Swatch::Line { stroke, marker: None, band: None }, label: label.clone() });
        }
        bottom += 12.0;
        bottom += legend(&mut drawing, &entries, area.x, bottom, WIDTH - area.x - 6.0);
        drawing.height = (bottom + 8.0).ceil();
        Ok(drawing)
    }

    /// One outline around a class's bars.
    fn bars(&self, drawing: &mut Drawing, frame: &Frame, heights: &[f64], down: bool, fill: Fill, stroke: &Stroke) {
        let sign = if down { -1.0 } else { 1.0 };
        let (left, right) = (frame.area.x, frame.area.right());
        let mut outline = Vec::with_capacity(2 * heights.len() + 2);
        let zero = frame.down(0.0).clamp(frame.area.y, frame.area.bottom());
        outline.push(at(frame.across(self.edges[0]).clamp(left, right), zero));
        for (edges, height) in self.edges.windows(2).zip(heights) {
            let y = frame.down(sign * height).clamp(frame.area.y, frame.area.bottom());
            outline.push(at(frame.across(edges[0]).clamp(left, right), y));
            outline.push(at(frame.across(edges[1]).clamp(left, right), y));
        }
        outline.push(at(frame.across(self.edges[self.edges.len() - 1]).clamp(left, right), zero));
        drawing.polygon(outline.clone(), None, Some(fill));
        drawing.line(outline, stroke.clone());
    }
}

/// A y axis whose numbers have no sign: downwards is a direction, not a debt.
fn y_axis_unsigned(drawing: &mut Drawing, frame: &Frame, axis: &Axis) {
    let from = drawing.marks.len();
    y_axis(drawing, frame, axis);
    for mark in &mut drawing.marks[from..] {
        if let super::drawing::Mark::Text(label) = mark
            && label.anchor == Anchor::End
            && label.size == SMALL
        {
            label.text = label.text.trim_start_matches('−').to_owned();
        }
    }
}
