//! A report on one picture: four views hung as a reader hangs them, what the model says beside each, what it says of
//! the exam beneath.
//!
//! Invariants: nobody's name, number or birth date is drawn: only what the report and the pixels hold. That the result
//! is for research is drawn into the picture. The picture is a function of the report, the images, the language and
//! the time given.

mod bands;
mod canvas;
mod letters;
mod view;
pub(crate) mod words;

use uvid_datasets::dicom::Source;
use uvid_exam::{Heatmap, ImageScores, Laterality, Mammogram, Region, Slot};
use uvid_model::Manifest;

use canvas::{Canvas, Colour, Rect};
use view::{Placed, REGIONS_MAX};
use words::Phrase;

use super::Report;
use super::dicom::{Context, presented};
use crate::config::Language;

/// Columns of the picture.
pub const WIDTH: usize = 1600;
/// Rows of the picture.
pub const HEIGHT: usize = 2000;

/// Rows of the band above the views.
const HEAD: usize = 104;
/// Rows of a view's panel.
const PANEL: usize = 790;
/// Columns that an image may take; what is left beside it is for its scores.
const IMAGE_WIDTH_MAX: usize = 600;
/// Rows at the foot: what made the picture, and the notice.
const FOOT: usize = 92;
/// Free pixels around things.
const MARGIN: usize = 20;
/// Free pixels on either side of the middle of the sheet.
const MIDDLE: usize = 2;

const WHITE: Colour = [240, 240, 240];
const GREY: Colour = [150, 158, 166];
const RULE: Colour = [62, 68, 74];
/// The notice, and what is missing.
const AMBER: Colour = [255, 190, 70];

/// Sizes of letters, pixels.
const TITLE: usize = 30;
const LARGE: usize = 24;
const TEXT: usize = 18;
const SMALL: usize = 15;

/// Values of a view that are written large: packages name what matters first.
const LARGE_VALUES: usize = 2;

/// The views as they hang: the right breast on the left, the chest walls in the middle.
const HUNG: [[Slot; 2]; 2] = [[Slot::RightCc, Slot::LeftCc], [Slot::RightMlo, Slot::LeftMlo]];

/// A picture, 8 bits each of red, green and blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row, three bytes a pixel.
    pub rgb: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

/// Draws the sheet of a result; `images` are those of the chosen images whose pixels are at hand.
pub fn draw(context: &Context<'_>, images: &[(Slot, &Mammogram)]) -> Picture {
    let (report, language) = (context.report, context.making.language);
    let canvas = Canvas::new(WIDTH, HEIGHT);
    let mut sheet = Sheet { canvas, report, manifest: context.manifest, sources: context.sources, language };
    sheet.head();
    sheet.views(images);
    let top = HEAD + 2 * PANEL;
    sheet.canvas.fill(Rect { left: 0, top, width: WIDTH, height: 1 }, RULE);
    let room = Rect { left: MARGIN, top: top + 16, width: WIDTH - 2 * MARGIN, height: HEIGHT - FOOT - top - 24 };
    match &report.outcome {
        Ok(scores) => sheet.scores(scores, room),
        Err(reasons) => sheet.reasons(reasons, room),
    }
    sheet.foot(context.making.at);
    let Canvas { width, height, rgb } = sheet.canvas;
    Picture { width, height, rgb }
}

/// What the package says of itself, in two lines at most. A clause is there whole or not at all: cut off, "not a cancer
/// detector" would say something else. The last ones, which limit, come before the first.
fn summary_lines(summary: &str, room: usize) -> Vec<String> {
    let clauses: Vec<&str> = summary.split("; ").collect();
    let tails = (0..clauses.len()).filter_map(|from| clauses.get(from..));
    let mut lines = tails.map(|tail| {
        let each: Vec<String> = tail.iter().flat_map(|clause| canvas::wrapped(clause, SMALL, room)).collect();
        if each.len() <= 2 { each } else { canvas::wrapped(&tail.join("; "), SMALL, room) }
    });
    lines.find(|lines| lines.len() <= 2).unwrap_or_default()
}

struct Sheet<'a> {
    canvas: Canvas,
    report: &'a Report,
    manifest: &'a Manifest,
    sources: &'a [Source],
    language: Language,
}

impl<'a> Sheet<'a> {
    fn say(&self, phrase: Phrase) -> String {
        phrase.in_language(self.language)
    }

    /// A line of text from `left` on; the column behind it.
    fn line(&mut self, (left, top): (usize, usize), size: usize, colour: Colour, text: &str) -> usize {
        self.canvas.text((left, top), WIDTH - MARGIN, size, colour, text);
        left + canvas::width(text, size)
    }

    /// Which model, and the notice.
    fn head(&mut self) {
        let package = &self.report.package;
        let title = format!("{} {}", package.name, package.version);
        let notice = self.say(Phrase::ShortNotice);
        let wide = canvas::width(&notice, TEXT) + 32;
        let left = WIDTH - MARGIN - wide;
        self.canvas.frame(Rect { left, top: 16, width: wide, height: 40 }, AMBER);
        self.canvas.text((left + 16, 28), WIDTH, TEXT, AMBER, &notice);
        self.legend(74);
        let above = format!("Uvid - {}", self.say(Phrase::Result));
        let room = left - 2 * MARGIN;
        self.canvas.text((MARGIN, 14), MARGIN + room, SMALL, GREY, &above);
        self.canvas.text((MARGIN, 32), MARGIN + room, canvas::fitting(&title, TITLE, room), WHITE, &title);
        for (row, line) in summary_lines(&self.manifest.summary, room).iter().enumerate() {
            self.canvas.text((MARGIN, 68 + 17 * row), MARGIN + room, SMALL, WHITE, line);
        }
        self.canvas.fill(Rect { left: 0, top: HEAD - 1, width: WIDTH, height: 1 }, RULE);
    }

    fn views(&mut self, images: &[(Slot, &Mammogram)]) {
        let all: Vec<&Mammogram> = images.iter().map(|(_, image)| *image).collect();
        let scales = view::scales(&all, PANEL - 2 * MARGIN, IMAGE_WIDTH_MAX);
        for (row, slots) in HUNG.into_iter().enumerate() {
            let top = HEAD + row * PANEL;
            if row > 0 {
                self.canvas.fill(Rect { left: 0, top, width: WIDTH, height: 1 }, RULE);
            }
            for slot in slots {
                let found = images.iter().zip(&scales).find(|((of, _), _)| *of == slot);
                let placed = found.map(|((_, image), scale)| {
                    let inner = match slot.laterality() {
                        Laterality::Right => WIDTH / 2 - MIDDLE,
                        Laterality::Left => WIDTH / 2 + MIDDLE,
                    };
                    Placed::new(image, slot, *scale, inner, top + MARGIN, PANEL - 2 * MARGIN)
                });
                self.view(slot, placed, top);
            }
        }
    }

    fn view(&mut self, slot: Slot, placed: Option<Placed<'_>>, top: usize) {
        let scores = self.report.outcome.as_ref().ok().and_then(|s| s.images.iter().find(|i| i.slot == slot));
        match &placed {
            Some(placed) => {
                placed.draw(&mut self.canvas, scores.and_then(map));
                if let Some(scores) = scores {
                    let classes = self.classes();
                    let regions = self.regions(scores);
                    placed.outline(&mut self.canvas, &regions, &classes);
                }
            }
            None => self.empty(slot, top),
        }
        self.beside(slot, scores, top);
    }

    /// The place of an image that is not shown, with the reason.
    fn empty(&mut self, slot: Slot, top: usize) {
        let chosen = self.report.fates.iter().any(|(_, fate)| *fate == uvid_exam::Fate::Chosen(slot));
        let unreadable = self.report.fates.iter().filter(|(_, fate)| fate.unreadable().is_some()).any(|(uid, _)| {
            let of = |s: &&Source| s.sop_instance == *uid;
            let source = self.sources.iter().find(of);
            source.is_some_and(|s| s.laterality == Some(slot.laterality()) && s.view == Some(slot.view()))
        });
        let text = self.say(match (chosen, unreadable) {
            (true, _) => Phrase::NoPicture,
            (false, true) => Phrase::Unreadable,
            (false, false) => Phrase::NoView,
        });
        let width = IMAGE_WIDTH_MAX;
        let left = match slot.laterality() {
            Laterality::Right => WIDTH / 2 - MIDDLE - width,
            Laterality::Left => WIDTH / 2 + MIDDLE,
        };
        let rect = Rect { left, top: top + MARGIN, width, height: PANEL - 2 * MARGIN };
        self.canvas.frame(rect, RULE);
        let start = (left + width / 2).saturating_sub(canvas::width(&text, TEXT) / 2);
        self.canvas.text((start, top + PANEL / 2), rect.right(), TEXT, AMBER, &text);
    }

    /// The view's name, its values and the names of its outlines, away from the breast.
    fn beside(&mut self, slot: Slot, scores: Option<&ImageScores>, top: usize) {
        let width = WIDTH / 2 - IMAGE_WIDTH_MAX - 2 * MARGIN;
        let left = match slot.laterality() {
            Laterality::Right => MARGIN,
            Laterality::Left => WIDTH - MARGIN - width,
        };
        let right = left + width;
        let bottom = top + PANEL - MARGIN;
        let mut y = top + MARGIN;
        self.canvas.text((left, y), right, LARGE, WHITE, slot.name());
        y += 52;
        let Some(scores) = scores else { return };
        let values = words::values(&scores.outputs, self.language);
        for (i, (name, value)) in values.iter().enumerate() {
            if i >= LARGE_VALUES {
                y = self.small((left, y), width, bottom, GREY, &format!("{name} {value}"));
                continue;
            }
            y = self.small((left, y), width, bottom, GREY, name);
            if y + LARGE > bottom {
                return;
            }
            self.canvas.text((left, y), right, canvas::fitting(value, LARGE, width), WHITE, value);
            y += 44;
        }
        y += 16;
        let classes = self.classes();
        let regions = self.regions(scores);
        for (number, region) in regions.iter().take(REGIONS_MAX) {
            let colour = view::colour_of(&classes, &region.name);
            let score = words::raw(region.score.get(), 2, self.language);
            let text = format!("{number} {} {score}", words::name(&region.name));
            y = self.small((left, y), width, bottom, colour, &text) + 6;
        }
        let more = regions.len().saturating_sub(REGIONS_MAX);
        if more > 0 {
            let text = format!("{} {more}", self.say(Phrase::More));
            self.small((left, y), width, bottom, GREY, &text);
        }
    }

    /// The outlines that are meant to be seen, with their numbers.
    fn regions<'s>(&self, scores: &'s ImageScores) -> Vec<(usize, &'s Region)>
    where
        'a: 's,
    {
        self.report.outcome.as_ref().map_or_else(|_| Vec::new(), |all| presented(self.manifest, all, scores))
    }

    /// Small text in lines of this width, above `bottom`; the row below it.
    fn small(&mut self, (left, top): (usize, usize), width: usize, bottom: usize, colour: Colour, text: &str) -> usize {
        let mut y = top;
        for line in canvas::wrapped(text, SMALL, width) {
            if y + SMALL > bottom {
                break;
            }
            self.canvas.text((left, y), left + width, SMALL, colour, &line);
            y += SMALL + 7;
        }
        y
    }

    /// The classes that outlines of this exam are of, by name.
    fn classes(&self) -> Vec<&'a str> {
        let mut classes: Vec<&str> = Vec::new();
        let images = self.report.outcome.iter().flat_map(|scores| &scores.images);
        for region in images.flat_map(|image| &image.regions) {
            if !classes.contains(&region.name.as_str()) {
                classes.push(&region.name);
            }
        }
        classes.sort_unstable();
        classes
    }
}

/// The heat map that the sheet shows of an image: the first that the package draws.
fn map(scores: &ImageScores) -> Option<&Heatmap> {
    scores.heatmaps.first()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_of_the_summary_is_there_whole_or_not_at_all() {
        let summary = "Breast density, BI-RADS A to D, from any standard view; not a cancer detector";
        let clauses: Vec<&str> = summary.split("; ").collect();
        assert_eq!(summary_lines(summary, 900), clauses);
        for room in 0..1000 {
            let shown = summary_lines(summary, room).join(" ").replace("; ", " ");
            let whole = ["", "not a cancer detector", &clauses.join(" ")].contains(&shown.as_str());
            assert!(whole, "{room}: {shown}");
        }
    }
}
