//! Pages that are filled from the top down.

use crate::figure::drawing::{Anchor, Area, Colour, Drawing, Fill, Mark, Place, Stroke};
use crate::figure::font::Typeface;

use super::super::Prose;
use super::lines::{Line, wrap};

/// A4, points.
pub(super) const WIDTH: f64 = 595.28;
pub(super) const HEIGHT: f64 = 841.89;
/// The left edge of the text, and its width.
pub(super) const LEFT: f64 = 54.0;
pub(super) const BODY: f64 = WIDTH - 2.0 * LEFT;
/// The text's upper and lower edges.
const TOP: f64 = 62.0;
const BOTTOM: f64 = HEIGHT - 62.0;

/// The width of a figure.
const FIGURE: f64 = 448.0;

pub(super) const TEXT: Colour = Colour(25, 28, 32);
pub(super) const SOFT: Colour = Colour(90, 98, 108);
pub(super) const RULE: Colour = Colour(205, 211, 217);
pub(super) const WASH: Colour = Colour(244, 246, 248);
const LINK: Colour = Colour(11, 92, 173);

/// A page.
pub(super) struct Page<'a> {
    pub(super) drawing: Drawing,
    /// Upper left corners, scales.
    pub(super) figures: Vec<(Place, f64, &'a Drawing)>,
    pub(super) links: Vec<(Area, String)>,
}

/// A place for the outline.
pub(super) struct Bookmark {
    pub(super) level: u8,
    pub(super) text: String,
    pub(super) page: usize,
    pub(super) y: f64,
}

/// All pages, the last of which is being filled.
pub(super) struct Pages<'a> {
    pub(super) done: Vec<Page<'a>>,
    last: Page<'a>,
    y: f64,
    pub(super) bookmarks: Vec<Bookmark>,
}

fn empty<'a>() -> Page<'a> {
    Page { drawing: Drawing::new(WIDTH, HEIGHT), figures: Vec::new(), links: Vec::new() }
}

impl<'a> Pages<'a> {
    pub(super) fn new() -> Self {
        Self { done: Vec::new(), last: empty(), y: TOP, bookmarks: Vec::new() }
    }

    /// All pages, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Page<'a>> {
        self.done.iter().chain([&self.last])
    }

    /// All texts, those of figures too.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        let drawings = self
            .all()
            .flat_map(|page| std::iter::once(&page.drawing).chain(page.figures.iter().map(|(.., drawing)| *drawing)));
        drawings.flat_map(Drawing::labels).map(|label| label.text.as_str())
    }

    /// Where the next thing is put.
    pub(super) fn y(&self) -> f64 {
        self.y
    }

    /// How high a page's text can be.
    pub(super) fn height(&self) -> f64 {
        BOTTOM - TOP
    }

    /// A new page if so much has no room on this one; what is higher than a page is begun on a new one.
    pub(super) fn room(&mut self, height: f64) {
        if !self.has_room(height) {
            self.page_break();
        }
    }

    /// Whether so much has room on this page.
    pub(super) fn has_room(&self, height: f64) -> bool {
        self.y + height <= BOTTOM + 0.01
    }

    /// A new page, unless this one is empty.
    pub(super) fn page_break(&mut self) {
        if self.y > TOP {
            self.done.push(std::mem::replace(&mut self.last, empty()));
            self.y = TOP;
        }
    }

    /// What was put takes so much.
    pub(super) fn down(&mut self, height: f64) {
        self.y += height;
    }

    /// Nothing, unless at a page's top.
    pub(super) fn space(&mut self, height: f64) {
        if self.y > TOP {
            self.y += height;
        }
    }

    /// The outline leads here.
    pub(super) fn bookmark(&mut self, level: u8, text: &str) {
        self.bookmarks.push(Bookmark { level, text: text.to_owned(), page: self.done.len(), y: self.y });
    }

    pub(super) fn rectangle(&mut self, area: Area, stroke: Option<Stroke>, fill: Option<Fill>) {
        self.last.drawing.rectangle(area, stroke, fill);
    }

    /// A rectangle with round corners.
    pub(super) fn card(&mut self, area: Area, stroke: Option<Stroke>, fill: Fill) {
        self.last.drawing.marks.push(Mark::Rectangle { area, radius: 5.0, stroke, fill: Some(fill) });
    }

    #[expect(clippy::too_many_arguments)]
    pub(super) fn text(
        &mut self,
        x: f64,
        y: f64,
        text: &str,
        size: f64,
        typeface: Typeface,
        anchor: Anchor,
        ink: Colour,
    ) {
        self.last.drawing.label(Place { x, y }, text, size, typeface, anchor, ink);
    }

    /// A sign at the height of the next line.
    pub(super) fn mark_line(&mut self, text: &str, x: f64, size: f64, height: f64) {
        let y = baseline(self.y, size, height);
        self.text(x, y, text, size, Typeface::Regular, Anchor::Start, TEXT);
    }

    /// A line at the place that is next; the place stays.
    pub(super) fn line(&mut self, line: &Line, x: f64, size: f64, height: f64, ink: Colour) {
        self.line_at(line, x, self.y, size, height, ink);
    }

    /// A line whose upper edge is at `top`.
    pub(super) fn line_at(&mut self, line: &Line, x: f64, top: f64, size: f64, height: f64, ink: Colour) {
        let y = baseline(top, size, height);
        for piece in &line.pieces {
            let place = Place { x: x + piece.x, y };
            let colour = if piece.link.is_some() { LINK } else { ink };
            self.last.drawing.label(place, piece.text.clone(), size, piece.typeface, Anchor::Start, colour);
            if let Some(url) = &piece.link {
                let area = Area { x: place.x, y: y - 0.75 * size, width: piece.width, height: size };
                let under = Area { y: y + 1.2, height: 0.5, ..area };
                self.last.drawing.rectangle(under, None, Some(Fill::solid(LINK)));
                self.last.links.push((area, url.clone()));
            }
        }
    }

    /// Prose over as many lines and pages as it takes.
    pub(super) fn prose(&mut self, prose: &Prose, size: f64, height: f64, ink: Colour, indent: f64) {
        let lines = wrap(prose, size, Typeface::Regular, BODY - indent);
        let count = lines.len();
        for (i, line) in lines.iter().enumerate() {
            // Neither the first nor the last line stands alone on a page.
            let pair = count > 1 && (i == 0 || i + 2 == count);
            self.room(if pair { 2.0 * height } else { height });
            self.line(line, LEFT + indent, size, height, ink);
            self.down(height);
        }
    }

    /// How much a figure is scaled: so that two of the common size stand on a page, and none is higher than a page.
    pub(super) fn scale(&self, drawing: &Drawing) -> f64 {
        let scale = (FIGURE / drawing.width).min((BOTTOM - TOP - 90.0) / drawing.height).min(1.0);
        let half = ((BOTTOM - TOP) / 2.0 - 70.0) / drawing.height;
        // A little smaller, where that is all it takes.
        if half < scale && half > 0.8 * scale { half } else { scale }
    }

    /// A figure, in the middle; the place stays.
    pub(super) fn drawing(&mut self, drawing: &'a Drawing, scale: f64) {
        let x = LEFT + (BODY - drawing.width * scale) / 2.0;
        self.last.figures.push((Place { x, y: self.y }, scale, drawing));
    }
}

/// The baseline of a line: capitals are in its middle.
fn baseline(top: f64, size: f64, height: f64) -> f64 {
    top + (height + 0.72 * size) / 2.0 - 0.02 * size
}
