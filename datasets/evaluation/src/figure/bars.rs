//! Numbers by category, as bars to the right.

use super::drawing::{Anchor, Area, Drawing, Fill, Stroke, at};
use super::font::Typeface;
use super::palette::{COLOURS, INK, SOFT};
use super::plot::{Entry, Frame, Swatch, legend, x_axis};
use super::scale::{Scale, Span};
use super::wrap::wrapped;
use super::{About, Axis, Cell, Data, Figure, FigureError, LETTERS, SMALL, WIDTH, finite, same_length, some};

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// How long the bar is.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// What is written behind it, as "0.88" or "120 of 1,440".
    pub text: String,
}

impl Bar {
    /// Without an interval.
    pub fn new(value: f64, text: impl Into<String>) -> Self {
        Self { value, interval: None, text: text.into() }
    }

    /// With an interval.
    #[must_use]
    pub fn interval(mut self, lower: f64, upper: f64) -> Self {
        self.interval = Some((lower, upper));
        self
    }
}

/// Numbers by category, one or more for each.
///
/// ```
/// use uvid_evaluation::figure::{About, Axis, Bar, Bars};
///
/// let figure = Bars::new(About::new("density", "Density", ""), Axis::new("Share of women").percent(), &["GE", "Hologic"])
///     .category("A: almost entirely fatty", vec![Some(Bar::new(0.1, "10%")), Some(Bar::new(0.12, "12%"))])
///     .category("B: scattered", vec![Some(Bar::new(0.4, "40%").interval(0.35, 0.45)), None])
///     .figure()?;
/// assert_eq!(figure.data().rows.len(), 4);
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What it says of itself.
    pub about: About,
    /// To the right; holds 0.
    pub x: Axis,
    /// Names of the series.
    pub series: Vec<String>,
    /// Names of the categories, and for each series its bar; none where there is no number.
    pub categories: Vec<(String, Vec<Option<Bar>>)>,
}

impl Bars {
    /// Series without categories yet. With one series there is no legend.
    pub fn new(about: About, x: Axis, series: &[&str]) -> Self {
        let series = series.iter().map(|&name| name.to_owned()).collect();
        Self { about, x, series, categories: Vec::new() }
    }

    /// With one more category: a bar for each series.
    #[must_use]
    pub fn category(mut self, label: impl Into<String>, bars: Vec<Option<Bar>>) -> Self {
        self.categories.push((label.into(), bars));
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// There is nothing to draw, a category has not one bar a series, a number is NaN or infinite, the axis is one of
    /// logarithms.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "series", &self.series)?;
        some(&self.about, "categories", &self.categories)?;
        let mut data = Data::new(&["category", "series", &self.x.label, "lower", "upper", "text"]);
        for (row, (label, bars)) in self.categories.iter().enumerate() {
            same_length(&self.about, "bars of a category", self.series.len(), bars.len())?;
            for (name, bar) in self.series.iter().zip(bars) {
                let names: [Cell; 2] = [label.as_str().into(), name.as_str().into()];
                let Some(bar) = bar else {
                    data.rows.push([names.as_slice(), &vec![Cell::Empty; 4]].concat());
                    continue;
                };
                finite(&self.about, "a bar", row, bar.value)?;
                if let Some((lower, upper)) = bar.interval {
                    finite(&self.about, "a bar's lower end", row, lower)?;
                    finite(&self.about, "a bar's upper end", row, upper)?;
                }
                let ends = [bar.interval.map(|(lower, _)| lower).into(), bar.interval.map(|(_, upper)| upper).into()];
                data.rows.push([names.as_slice(), &[bar.value.into()], &ends, &[bar.text.as_str().into()]].concat());
            }
        }
        let drawing = self.drawing()?;
        let description = format!("Bars of {} by category. Series: {}", self.x.label, self.series.join("; "));
        Figure::new(self.about, description, drawing, data)
    }

    fn drawing(&self) -> Result<Drawing, FigureError> {
        let bars = || self.categories.iter().flat_map(|(_, bars)| bars.iter().flatten());
        let ends =
            bars().flat_map(|bar| [bar.value, bar.interval.map_or(0.0, |i| i.0), bar.interval.map_or(0.0, |i| i.1)]);
        let span = match self.x.range {
            Some(_) => Span::of(&self.x, std::iter::empty(), &self.about.id)?,
            None => {
                let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
                let high = if low == high { 1.0 } else { high };
                Span::of(&self.x.clone().range(low * 1.05, high * 1.05), std::iter::empty(), &self.about.id)?
            }
        };
        if span.scale == Scale::Log10 {
            let (figure, what) = (self.about.id.clone(), "the axis of bars");
            return Err(FigureError::Domain { figure, what, value: span.low, domain: "even: a bar begins at 0" });
        }
        let text = |text: &str| super::font::width(text, SMALL, Typeface::Regular);
        let label = |text: &str| super::font::width(text, LETTERS, Typeface::Regular);
        let behind = bars().map(|bar| text(&bar.text)).fold(0.0, f64::max).min(150.0);
        let before = self.categories.iter().map(|(name, _)| label(name)).fold(0.0, f64::max).min(190.0);
        let left = before + 16.0;
        let thick = if self.series.len() == 1 { 18.0 } else { 14.0 };
        let rows: Vec<Vec<String>> =
            self.categories.iter().map(|(name, _)| wrapped(name, LETTERS, Typeface::Regular, before, 3)).collect();
        let height = |lines: &Vec<String>| (thick * self.series.len() as f64).max(15.0 * lines.len() as f64) + 10.0;
        let all: f64 = rows.iter().map(height).sum();
        let area = Area { x: left, y: 8.0, width: WIDTH - left - behind - 16.0, height: all };
        // The other axis has categories, not numbers.
        let frame = Frame { area, x: span, y: Span { low: 0.0, high: 1.0, scale: Scale::Linear } };
        let mut drawing = Drawing::new(WIDTH, 0.0);
        let mut bottom = area.bottom() + x_axis(&mut drawing, &frame, &self.x, area.bottom());
        let mut top = area.y;
        for ((_, bars), lines) in self.categories.iter().zip(&rows) {
            let high = height(lines);
            let first = top + high / 2.0 - 7.5 * lines.len() as f64 + 11.5;
            for (i, line) in lines.iter().enumerate() {
                drawing.text(at(left - 8.0, first + 15.0 * i as f64), line.clone(), LETTERS, Anchor::End, INK);
            }
            let mut y = top + high / 2.0 - thick * bars.len() as f64 / 2.0;
            for (i, bar) in bars.iter().enumerate() {
                if let Some(bar) = bar {
                    draw_bar(&mut drawing, &frame, bar, i, y, thick - 2.0);
                }
                y += thick;
            }
            top += high;
        }
        let zero = frame.across(0.0).clamp(area.x, area.right());
        drawing.segment(at(zero, area.y), at(zero, area.bottom()), Stroke::solid(SOFT, 1.0));
        if self.series.len() > 1 {
            let entry = |(i, name): (usize, &String)| {
                let (fill, stroke) = look(i);
                Entry { swatch: Swatch::Box { stroke: Some(stroke), fill: Some(fill) }, label: name.clone() }
            };
            let entries: Vec<Entry> = self.series.iter().enumerate().map(entry).collect();
            bottom += 12.0;
            bottom += legend(&mut drawing, &entries, left, bottom, WIDTH - left - 6.0);
        }
        drawing.height = (bottom + 8.0).ceil();
        Ok(drawing)
    }
}

/// Series are told apart in grey too, by how dark they are.
fn look(series: usize) -> (Fill, Stroke) {
    let colour = COLOURS[series % COLOURS.len()];
    (Fill::solid(colour.tint([0.8, 0.45, 0.2][series % 3])), Stroke::solid(colour, 1.0))
}

fn draw_bar(drawing: &mut Drawing, frame: &Frame, bar: &Bar, series: usize, y: f64, thick: f64) {
    let within = |value: f64| frame.across(value).clamp(frame.area.x, frame.area.right());
    let (zero, end) = (within(0.0), within(bar.value));
    let (fill, stroke) = look(series);
    let area = Area { x: zero.min(end), y, width: (end - zero).abs(), height: thick };
    drawing.rectangle(area, Some(stroke), Some(fill));
    let mut right = zero.max(end);
    if let Some((lower, upper)) = bar.interval {
        let (from, to, middle) = (within(lower), within(upper), y + thick / 2.0);
        drawing.segment(at(from, middle), at(to, middle), Stroke::solid(INK, 1.2));
        for x in [from, to] {
            drawing.segment(at(x, middle - 3.0), at(x, middle + 3.0), Stroke::solid(INK, 1.2));
        }
        right = right.max(to);
    }
    let text = super::wrap::shortened(&bar.text, SMALL, Typeface::Regular, WIDTH - right - 8.0);
    drawing.text(at(right + 5.0, y + thick / 2.0 + 0.36 * SMALL), text, SMALL, Anchor::Start, INK);
}
