//! Pictures with what was marked on them: the worst misses, the worst false alarms.

use std::sync::Arc;

use super::drawing::{Anchor, Area, Colour, Drawing, Fill, Place, Stroke, at};
use super::font::Typeface;
use super::palette::{COLOURS, INK, SOFT};
use super::plot::{Entry, Swatch, legend};
use super::wrap::wrapped;
use super::{About, Cell, Data, Figure, FigureError, LETTERS, Picture, SMALL, WIDTH, finite, some};

/// Whose outline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// What the truth says: solid.
    Truth,
    /// What the model says: dashed.
    Model,
}

/// What is marked, in pixels of the picture, from the upper left corner of its first pixel.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// Around a region.
    Around(Whose, Vec<(f64, f64)>),
    /// A box: left, top, right, bottom.
    Box(Whose, [f64; 4]),
    /// A point.
    Point(Whose, (f64, f64)),
}

/// A picture, what is marked on it and what is said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Above it, in bold letters.
    pub title: String,
    /// Its pixels.
    pub picture: Arc<Picture>,
    /// What is marked.
    pub outlines: Vec<Outline>,
    /// Beneath it.
    pub lines: Vec<String>,
}

/// Pictures side by side, at most four a row.
///
/// ```
/// use std::sync::Arc;
/// use uvid_evaluation::figure::{About, Gallery, Outline, Panel, Picture, Whose};
///
/// let picture = Arc::new(Picture::grey(2, 3, &[0, 50, 100, 150, 200, 250])?);
/// let outlines = vec![Outline::Box(Whose::Truth, [0.0, 0.0, 1.0, 1.0]), Outline::Point(Whose::Model, (1.5, 2.5))];
/// let panel = Panel { title: "1: score 0.02".into(), picture, outlines, lines: vec!["Left MLO".into()] };
/// let figure = Gallery::new(About::new("misses", "Worst misses", ""), "Lesion", "Highest mark").panel(panel).figure()?;
/// assert!(figure.svg().contains("data:image/png;base64,"));
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gallery {
    /// What it says of itself.
    pub about: About,
    /// What the legend calls outlines of the truth; nothing if it is empty.
    pub truth: String,
    /// What the legend calls outlines of the model; nothing if it is empty.
    pub model: String,
    /// From left to right, then downwards.
    pub panels: Vec<Panel>,
    /// Panels in a row, 1 to 4.
    pub across: usize,
}

const GAP: f64 = 14.0;
const HEIGHT_MAX: f64 = 300.0;

impl Gallery {
    /// No panels yet, four in a row.
    pub fn new(about: About, truth: impl Into<String>, model: impl Into<String>) -> Self {
        Self { about, truth: truth.into(), model: model.into(), panels: Vec::new(), across: 4 }
    }

    /// With one more panel.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// With so many in a row.
    #[must_use]
    pub fn across(mut self, across: usize) -> Self {
        self.across = across;
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// There are no panels, a coordinate is NaN or infinite, a row is of none or of more than four.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "panels", &self.panels)?;
        if !(1..=4).contains(&self.across) {
            let (figure, value) = (self.about.id.clone(), self.across as f64);
            return Err(FigureError::Domain { figure, what: "panels in a row", value, domain: "1 to 4" });
        }
        let mut data = Data::new(&["panel", "mark", "x", "y"]);
        for panel in &self.panels {
            for outline in &panel.outlines {
                let (name, whose, points) = outline.parts();
                for (row, (x, y)) in points.into_iter().enumerate() {
                    finite(&self.about, "x of a mark", row, x)?;
                    finite(&self.about, "y of a mark", row, y)?;
                    let who = match whose {
                        Whose::Truth => "truth",
                        Whose::Model => "model",
                    };
                    let mark = Cell::Text(format!("{name}, {who}"));
                    data.rows.push(vec![panel.title.as_str().into(), mark, x.into(), y.into()]);
                }
            }
        }
        let drawing = self.drawing();
        let said = |panel: &Panel| format!("{}. {}", panel.title, panel.lines.join(". "));
        let description = self.panels.iter().map(said).collect::<Vec<_>>().join(" | ");
        Figure::new(self.about, description, drawing, data)
    }

    fn drawing(&self) -> Drawing {
        let across = self.across.min(self.panels.len());
        let column = ((WIDTH - 12.0 + GAP) / across as f64 - GAP).min(HEIGHT_MAX);
        let mut drawing = Drawing::new(WIDTH, 0.0);
        let mut top = 6.0;
        for row in self.panels.chunks(across) {
            let titles: Vec<Vec<String>> =
                row.iter().map(|panel| wrapped(&panel.title, LETTERS, Typeface::Bold, column, 2)).collect();
            let head = titles.iter().map(Vec::len).max().unwrap_or(0) as f64 * 15.0;
            let sizes: Vec<(f64, f64)> = row.iter().map(|panel| size(&panel.picture, column)).collect();
            let tallest = sizes.iter().map(|(_, height)| *height).fold(0.0, f64::max);
            let mut bottom = top;
            for (i, (panel, (wide, high))) in row.iter().zip(sizes).enumerate() {
                let left = 6.0 + (column + GAP) * i as f64;
                for (line, text) in titles[i].iter().enumerate() {
                    drawing.bold(at(left, top + 11.5 + 15.0 * line as f64), text.clone(), LETTERS, Anchor::Start, INK);
                }
                let area = Area { x: left, y: top + head + 3.0, width: wide, height: high };
                draw_panel(&mut drawing, panel, area);
                let mut base = top + head + 3.0 + tallest + 14.0;
                for line in panel.lines.iter().flat_map(|line| wrapped(line, SMALL, Typeface::Regular, column, 3)) {
                    drawing.text(at(left, base), line, SMALL, Anchor::Start, SOFT);
                    base += 14.0;
                }
                bottom = bottom.max(base);
            }
            top = bottom + 4.0;
        }
        let entry = |whose: Whose, label: &String| {
            let (stroke, _) = look(whose);
            Entry { swatch: Swatch::Line { stroke, marker: None, band: None }, label: label.clone() }
        };
        let entries = [entry(Whose::Truth, &self.truth), entry(Whose::Model, &self.model)];
        let entries: Vec<Entry> = entries.into_iter().filter(|entry| !entry.label.is_empty()).collect();
        top += legend(&mut drawing, &entries, 6.0, top, WIDTH - 12.0);
        drawing.height = (top + 4.0).ceil();
        drawing
    }
}

impl Outline {
    /// What it is, whose, and its points.
    fn parts(&self) -> (&'static str, Whose, Vec<(f64, f64)>) {
        match self {
            Self::Around(whose, points) => ("outline", *whose, points.clone()),
            Self::Box(whose, [left, top, right, bottom]) => {
                ("box", *whose, vec![(*left, *top), (*right, *top), (*right, *bottom), (*left, *bottom)])
            }
            Self::Point(whose, point) => ("point", *whose, vec![*point]),
        }
    }
}

/// How large a picture is shown: as wide as its column, but not too high.
fn size(picture: &Picture, column: f64) -> (f64, f64) {
    let (wide, high) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (column / wide).min(HEIGHT_MAX / high);
    (wide * scale, high * scale)
}

/// The line, and the lighter one beneath it: marks are seen on black and on white.
fn look(whose: Whose) -> (Stroke, Stroke) {
    let under = Stroke { opacity: 0.55, ..Stroke::solid(Colour::BLACK, 3.4) };
    match whose {
        Whose::Truth => (Stroke::solid(COLOURS[5], 1.6), under),
        Whose::Model => (Stroke::solid(COLOURS[4], 1.6).dashed(&[5.0, 3.0]), under),
    }
}

fn draw_panel(drawing: &mut Drawing, panel: &Panel, area: Area) {
    drawing.marks.push(super::drawing::Mark::Picture { area, picture: Arc::clone(&panel.picture) });
    let (wide, high) = (f64::from(panel.picture.width()), f64::from(panel.picture.height()));
    let place = |(x, y): (f64, f64)| -> Place { at(area.x + x / wide * area.width, area.y + y / high * area.height) };
    for outline in &panel.outlines {
        let (_, whose, points) = outline.parts();
        let (stroke, under) = look(whose);
        let mut places: Vec<Place> = points.into_iter().map(place).collect();
        match outline {
            Outline::Around(..) | Outline::Box(..) => {
                places.extend(places.first().copied());
                for piece in super::clip::line(&places, area) {
                    drawing.line(piece.clone(), under.clone());
                    drawing.line(piece, stroke.clone());
                }
            }
            Outline::Point(..) => {
                for centre in places.into_iter().filter(|place| super::clip::holds(area, *place)) {
                    let solid = Stroke { dash: &[], ..stroke.clone() };
                    drawing.circle(centre, 5.0, Some(under.clone()), None);
                    drawing.circle(centre, 5.0, Some(solid), None);
                    drawing.circle(centre, 1.2, None, Some(Fill::solid(stroke.colour)));
                }
            }
        }
    }
}
