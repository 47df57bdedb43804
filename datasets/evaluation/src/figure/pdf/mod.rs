//! A drawing in the content of a PDF page (ISO 32000-1), with the standard 14 fonts.

pub(crate) mod names;
mod resources;

use std::collections::BTreeSet;
use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::LineJoinStyle;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Str, TextStr};

use super::drawing::{Anchor, Area, Colour, Drawing, Fill, Label, Mark, Place, Stroke, at};
use super::font::{Face, Glyph, glyphs, width};
use super::picture::Picture;
pub(crate) use resources::{Numbers, write_resources};

/// Bézier handles of a quarter of a circle, in radii.
const ROUND: f64 = 0.552_284_749_8;

/// What the pages of a file share: opacities and pictures. Fonts are the same in all files.
#[derive(Default)]
pub(crate) struct Shared {
    /// Of lines and of what is filled, hundredths.
    opacities: BTreeSet<(u8, u8)>,
    pictures: Vec<Arc<Picture>>,
}

/// A page's content, while it is written.
pub(crate) struct Painter<'a> {
    content: Content,
    shared: &'a mut Shared,
    /// Points for a pixel of the drawing.
    scale: f64,
    /// The drawing's upper left corner on the page, points, y upwards.
    origin: (f64, f64),
}

impl<'a> Painter<'a> {
    pub(crate) fn new(shared: &'a mut Shared) -> Self {
        Self { content: Content::new(), shared, scale: 1.0, origin: (0.0, 0.0) }
    }

    /// Draws with the upper left corner at `origin`, points from the page's lower left corner.
    pub(crate) fn draw(&mut self, drawing: &Drawing, origin: (f64, f64), scale: f64) {
        (self.origin, self.scale) = (origin, scale);
        for mark in &drawing.marks {
            self.content.save_state();
            self.mark(mark);
            self.content.restore_state();
        }
    }

    /// A figure's, in which different labels stay different.
    pub(crate) fn figure(&mut self, drawing: &Drawing, origin: (f64, f64), scale: f64) {
        self.draw(&names::told_apart(drawing), origin, scale);
    }

    /// The content, compressed.
    pub(crate) fn finish(self) -> Vec<u8> {
        compress_to_vec_zlib(&self.content.finish(), 6)
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Path { places, closed, stroke, fill } => {
                self.style(stroke.as_ref(), *fill);
                for (i, place) in places.iter().enumerate() {
                    let (x, y) = self.place(*place);
                    if i == 0 {
                        self.content.move_to(x, y)
                    } else {
                        self.content.line_to(x, y)
                    };
                }
                if *closed {
                    self.content.close_path();
                }
                self.paint(stroke.is_some(), fill.is_some());
            }
            Mark::Rectangle { area, radius, stroke, fill } => {
                self.style(stroke.as_ref(), *fill);
                self.rectangle(*area, *radius);
                self.paint(stroke.is_some(), fill.is_some());
            }
            Mark::Circle { centre, radius, stroke, fill } => {
                self.style(stroke.as_ref(), *fill);
                let side = 2.0 * radius;
                self.rectangle(Area { x: centre.x - radius, y: centre.y - radius, width: side, height: side }, *radius);
                self.paint(stroke.is_some(), fill.is_some());
            }
            Mark::Text(label) => self.text(label),
            Mark::Picture { area, picture } => {
                let known = self.shared.pictures.iter().position(|known| known == picture);
                let number = known.unwrap_or_else(|| {
                    self.shared.pictures.push(Arc::clone(picture));
                    self.shared.pictures.len() - 1
                });
                let (x, y) = self.place(at(area.x, area.bottom()));
                self.content.transform([self.length(area.width), 0.0, 0.0, self.length(area.height), x, y]);
                self.content.x_object(Name(format!("I{number}").as_bytes()));
            }
        }
    }

    fn place(&self, place: Place) -> (f32, f32) {
        let (left, top) = self.origin;
        (hundredths(left + place.x * self.scale), hundredths(top - place.y * self.scale))
    }

    fn length(&self, length: f64) -> f32 {
        hundredths(length * self.scale)
    }

    fn style(&mut self, stroke: Option<&Stroke>, fill: Option<Fill>) {
        let share = |opacity: f64| (opacity.clamp(0.0, 1.0) * 100.0).round() as u8;
        let opacities = (stroke.map_or(100, |s| share(s.opacity)), fill.map_or(100, |f| share(f.opacity)));
        if opacities != (100, 100) {
            self.shared.opacities.insert(opacities);
            self.content.set_parameters(Name(opacity_name(opacities).as_bytes()));
        }
        if let Some(fill) = fill {
            let (red, green, blue) = rgb(fill.colour);
            self.content.set_fill_rgb(red, green, blue);
        }
        if let Some(stroke) = stroke {
            let (red, green, blue) = rgb(stroke.colour);
            self.content.set_stroke_rgb(red, green, blue);
            self.content.set_line_width(self.length(stroke.width));
            self.content.set_line_join(LineJoinStyle::RoundJoin);
            if !stroke.dash.is_empty() {
                let dashes: Vec<f32> = stroke.dash.iter().map(|length| self.length(*length)).collect();
                self.content.set_dash_pattern(dashes, 0.0);
            }
        }
    }

    fn paint(&mut self, stroked: bool, filled: bool) {
        match (stroked, filled) {
            (true, true) => self.content.fill_nonzero_and_stroke(),
            (true, false) => self.content.stroke(),
            (false, true) => self.content.fill_nonzero(),
            (false, false) => self.content.end_path(),
        };
    }

    /// A rectangle, with round corners if `radius` says so.
    fn rectangle(&mut self, area: Area, radius: f64) {
        let r = radius.min(area.width / 2.0).min(area.height / 2.0);
        if r <= 0.0 {
            let (x, y) = self.place(at(area.x, area.bottom()));
            self.content.rect(x, y, self.length(area.width), self.length(area.height));
            return;
        }
        let (left, top, right, bottom) = (area.x, area.y, area.right(), area.bottom());
        let k = r * (1.0 - ROUND);
        let (x, y) = self.place(at(left + r, top));
        self.content.move_to(x, y);
        let corners = [
            [(right - r, top), (right - k, top), (right, top + k), (right, top + r)],
            [(right, bottom - r), (right, bottom - k), (right - k, bottom), (right - r, bottom)],
            [(left + r, bottom), (left + k, bottom), (left, bottom - k), (left, bottom - r)],
            [(left, top + r), (left, top + k), (left + k, top), (left + r, top)],
        ];
        for corner in corners {
            let [from, one, two, to] = corner.map(|(x, y)| self.place(at(x, y)));
            self.content.line_to(from.0, from.1);
            self.content.cubic_to(one.0, one.1, two.0, two.1, to.0, to.1);
        }
        self.content.close_path();
    }

    fn text(&mut self, label: &Label) {
        let wide = width(&label.text, label.size, label.typeface);
        let back = match label.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => wide / 2.0,
            Anchor::End => wide,
        };
        let (red, green, blue) = rgb(label.colour);
        self.content.set_fill_rgb(red, green, blue);
        self.content.begin_text();
        if label.upwards {
            let (x, y) = self.place(at(label.place.x, label.place.y + back));
            self.content.set_text_matrix([0.0, 1.0, -1.0, 0.0, x, y]);
        } else {
            let (x, y) = self.place(at(label.place.x - back, label.place.y));
            self.content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y]);
        }
        let size = self.length(label.size);
        for run in glyphs(&label.text, label.typeface).chunk_by(|a, b| a.face == b.face) {
            let codes: Vec<u8> = run.iter().map(|glyph: &Glyph| glyph.code).collect();
            self.content.set_font(Name(font_name(run[0].face).as_bytes()), size);
            self.content.show(Str(&codes));
        }
        self.content.end_text();
    }
}

/// One drawing as a file of one page.
pub(crate) fn single(drawing: &Drawing, title: &str) -> Vec<u8> {
    let (mut pdf, mut numbers, mut shared) = (Pdf::new(), Numbers::new(), Shared::default());
    let [catalog, pages, page_id, content_id, info] = std::array::from_fn(|_| numbers.next());
    let mut painter = Painter::new(&mut shared);
    painter.figure(drawing, (0.0, drawing.height), 1.0);
    let content = painter.finish();
    let resources = write_resources(&mut pdf, &shared, &mut numbers);
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page_id]).count(1);
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("Uvid"));
    let mut page = pdf.page(page_id);
    page.parent(pages).media_box(Rect::new(0.0, 0.0, hundredths(drawing.width), hundredths(drawing.height)));
    page.contents(content_id);
    page.pair(Name(b"Resources"), resources);
    page.finish();
    pdf.stream(content_id, &content).filter(Filter::FlateDecode);
    pdf.finish()
}

fn font_name(face: Face) -> &'static str {
    match face {
        Face::Regular => "R",
        Face::RegularExtended => "RX",
        Face::Bold => "B",
        Face::BoldExtended => "BX",
        Face::Mono => "M",
        Face::Symbol => "S",
    }
}

fn opacity_name((line, area): (u8, u8)) -> String {
    format!("O{line}x{area}")
}

fn rgb(colour: Colour) -> (f32, f32, f32) {
    let share = |channel: u8| (f32::from(channel) / 255.0 * 1000.0).round() / 1000.0;
    (share(colour.0), share(colour.1), share(colour.2))
}

/// Rounded, so that a file is short and has the same bytes wherever it is made.
fn hundredths(value: f64) -> f32 {
    ((value * 100.0).round() / 100.0) as f32
}
