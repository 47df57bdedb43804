//! The bands beneath the views: values of the exam and the breasts, what operating points say, or why there is no
//! score; and what made the picture.

use time::OffsetDateTime;
use uvid_exam::{Reason, Scores};

use super::canvas::{self, Rect};
use super::words::{self, Phrase};
use super::{AMBER, FOOT, GREY, HEIGHT, LARGE, MARGIN, RULE, SMALL, Sheet, TEXT, WHITE, WIDTH};
use crate::report::dicom::words::{disclaimer, exam_label};
use crate::report::overlay;

/// Free pixels between two columns of values.
const BETWEEN: usize = 36;
/// Rows of a line of values, pixels.
const ROW: usize = 34;
/// Columns of the heat map's legend.
const BAR: usize = 160;
/// The grey that the legend's colours lie on: that of a breast, about.
const BREAST: u8 = 90;
/// Letters of a digest that are shown.
const DIGEST: usize = 12;

impl Sheet<'_> {
    /// Values as a table: a line for the exam and each breast; then a line for each operating point.
    pub(super) fn scores(&mut self, scores: &Scores, room: Rect) {
        let exam = exam_label(&self.say(Phrase::Exam), scores.images.len(), self.language);
        let mut lines: Vec<Line> = vec![(exam, words::values(&scores.exam, self.language))];
        for breast in &scores.breasts {
            let whose = self.say(words::whose(Some(breast.laterality)));
            lines.push((whose, words::values(&breast.outputs, self.language)));
        }
        lines.retain(|(_, values)| !values.is_empty());
        let mut x = room.left;
        let head = room.top;
        let below = |i: usize| head + ROW * i + 30;
        for (i, (label, _)) in lines.iter().enumerate() {
            self.line((x, below(i) + 4), TEXT, GREY, label);
        }
        x += lines.iter().map(|(label, _)| canvas::width(label, TEXT)).max().unwrap_or(0) + BETWEEN;
        let mut left_out = 0;
        for title in names(&lines) {
            let cell = |values: &[(String, String)]| values.iter().find(|(of, _)| of == title).map(|(_, v)| v.clone());
            let cells: Vec<String> = lines.iter().map(|(_, values)| cell(values).unwrap_or_default()).collect();
            let widest = cells.iter().map(|cell| canvas::width(cell, LARGE)).max().unwrap_or(0);
            let wide = widest.max(canvas::width(title, SMALL));
            if x + wide > room.right() {
                left_out += 1;
                continue;
            }
            self.line((x, head + 2), SMALL, GREY, title);
            for (i, cell) in cells.iter().enumerate() {
                self.line((x, below(i)), LARGE, WHITE, cell);
            }
            x += wide + BETWEEN;
        }
        let mut y = below(lines.len()) + 4;
        let mut said: Vec<(String, bool)> =
            scores.flags.iter().map(|flag| (words::flag(flag, self.language), flag.flagged)).collect();
        if left_out > 0 {
            said.push((format!("{} {left_out}", self.say(Phrase::More)), false));
        }
        // What is flagged comes first, so that it is not what there is no room for.
        said.sort_by_key(|(_, flagged)| !flagged);
        for (text, flagged) in said {
            if y + TEXT > room.bottom() {
                return;
            }
            self.line((room.left, y), TEXT, if flagged { AMBER } else { GREY }, &text);
            y += TEXT + 9;
        }
    }

    /// That there is no score, and why.
    pub(super) fn reasons(&mut self, reasons: &[Reason], room: Rect) {
        let title = self.say(Phrase::NotScored);
        self.line((room.left, room.top), super::TITLE, AMBER, &title);
        let mut y = room.top + 50;
        let size = TEXT;
        for (i, reason) in reasons.iter().enumerate() {
            let lines = canvas::wrapped(&words::reason(reason), size, room.width);
            if y + lines.len() * (size + 9) > room.bottom() {
                let more = format!("{} {}", self.say(Phrase::More), reasons.len() - i);
                self.line((room.left, y.min(room.bottom() - size)), size, GREY, &more);
                return;
            }
            for line in lines {
                self.line((room.left, y), size, WHITE, &line);
                y += size + 9;
            }
        }
    }

    /// What made the picture and when, and the notice in full.
    pub(super) fn foot(&mut self, at: OffsetDateTime) {
        let top = HEIGHT - FOOT;
        self.canvas.fill(Rect { left: 0, top, width: WIDTH, height: 1 }, RULE);
        let package = &self.report.package;
        let short = |digest: &str| digest.chars().take(DIGEST).collect::<String>();
        let utc = at.to_offset(time::UtcOffset::UTC);
        let when = format!("{} {:02}:{:02} UTC", utc.date(), utc.hour(), utc.minute());
        let (of_package, of_recipe) = (self.say(Phrase::Package), self.say(Phrase::Recipe));
        let mut made = format!(
            "Uvid {}   {of_package} {} {} sha256:{}   {of_recipe} sha256:{}   {when}",
            env!("CARGO_PKG_VERSION"),
            package.name,
            package.version,
            short(&package.digest),
            short(&package.recipe_digest),
        );
        if let Some(who) = &package.recalibrated {
            made = format!("{made}   {} {who}", self.say(Phrase::Recalibrated));
        }
        let notice = disclaimer(self.language);
        let room = WIDTH - 2 * MARGIN;
        self.line((MARGIN, top + 18), canvas::fitting(&made, SMALL, room), GREY, &made);
        self.line((MARGIN, top + 54), canvas::fitting(notice, TEXT, room), AMBER, notice);
    }

    /// The colours of the heat map, where there is one.
    pub(super) fn legend(&mut self, top: usize) {
        let images = self.report.outcome.iter().flat_map(|scores| &scores.images);
        let Some(name) = images.filter_map(super::map).map(|map| words::name(&map.name)).next() else { return };
        let text = format!("{}: {name}", self.say(Phrase::HeatMap));
        let ends = 24;
        let width = canvas::width(&text, SMALL) + MARGIN + BAR + 2 * ends;
        let mut x = self.line((WIDTH.saturating_sub(MARGIN + width), top), SMALL, GREY, &text) + MARGIN;
        self.line((x, top), SMALL, GREY, "0");
        x += ends;
        for i in 0..BAR {
            let colour = overlay::blend(BREAST, Some(i as f32 / (BAR - 1) as f32));
            self.canvas.fill(Rect { left: x + i, top: top.saturating_sub(2), width: 1, height: SMALL + 2 }, colour);
        }
        self.line((x + BAR + 6, top), SMALL, GREY, "1");
    }
}

/// A line of the table: whose, and names with values.
type Line = (String, Vec<(String, String)>);

/// The names of what has a place in the table, in order of appearance.
fn names(lines: &[Line]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in lines.iter().flat_map(|(_, values)| values) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}
