//! A document as a PDF of A4 pages, with the fonts that every viewer has.
//!
//! Blocks are laid on [`pages::Pages`] from the top down; a page is a drawing like a figure's, so both are painted by the same
//! hand. Where the pages are known, the file is written: outline, links, fonts, pictures.

mod file;
mod lines;
mod pages;
mod tables;
#[cfg(test)]
mod tests;

use crate::figure::Figure;
use crate::figure::drawing::{Anchor, Area, Colour, Fill, Stroke};
use crate::figure::font::{Typeface, is_rewritten};

use super::{Block, Document, KeyNumber, NoteKind, Prose};
use pages::{BODY, LEFT, Pages, RULE, SOFT, TEXT, WASH};

/// Sizes of letters and of lines, points.
const BODY_SIZE: f64 = 10.0;
const BODY_LINE: f64 = 14.0;
/// Room on a page, points, that is worth being filled with what follows a figure.
const WORTH_FILLING: f64 = 130.0;
/// The last line of a file that has not all letters of the document.
const REWRITTEN: &str = "Letters that the fonts of this file lack are written by others, or by ◊. The file report.html has them as they are.";
const NOTE: Colour = Colour(0, 114, 178);
const WARNING: Colour = Colour(179, 71, 0);

/// The file.
pub(super) fn write(document: &Document) -> Vec<u8> {
    file::write(&lay_out(document), document)
}

/// The pages, but for heads and feet.
fn lay_out(document: &Document) -> Pages<'_> {
    let mut pages = Pages::new();
    head(&mut pages, document);
    let (mut figures, mut tables) = (0, 0);
    // Figures for which a page has no room, until what follows them has filled it.
    let mut waiting: Vec<(&Figure, &Prose, usize)> = Vec::new();
    let mut page = 0;
    for (i, block) in document.blocks.iter().enumerate() {
        let fills = matches!(block, Block::Table(_) | Block::Figure(..));
        if !fills || pages.done.len() != page {
            waiting.drain(..).for_each(|(of, explanation, number)| figure(&mut pages, of, explanation, number));
        }
        page = pages.done.len();
        match block {
            Block::Heading(level, text) => heading(&mut pages, *level, text, &document.blocks[i + 1..]),
            Block::Paragraph(prose) => {
                pages.prose(prose, BODY_SIZE, BODY_LINE, TEXT, 0.0);
                pages.space(6.0);
            }
            Block::List(items) => {
                for item in items {
                    pages.room(BODY_LINE);
                    pages.mark_line("•", LEFT + 6.0, BODY_SIZE, BODY_LINE);
                    pages.prose(item, BODY_SIZE, BODY_LINE, TEXT, 18.0);
                    pages.space(2.0);
                }
                pages.space(5.0);
            }
            Block::Note(kind, title, prose) => note(&mut pages, *kind, title, prose),
            Block::Table(table) => {
                tables += 1;
                tables::write(&mut pages, table, tables);
            }
            Block::Figure(of, explanation) => {
                figures += 1;
                let stays = pages.has_room(with_caption(&pages, of)) || !pages.has_room(WORTH_FILLING);
                match stays && waiting.is_empty() {
                    true => figure(&mut pages, of, explanation, figures),
                    false => waiting.push((of, explanation, figures)),
                }
            }
            Block::KeyNumbers(cards) => cards.chunks(4).for_each(|row| key_numbers(&mut pages, row)),
            Block::Definitions(rows) => {
                for (term, prose) in rows {
                    pages.room(2.0 * BODY_LINE);
                    pages.prose(&Prose::new().bold(term), BODY_SIZE, BODY_LINE, TEXT, 0.0);
                    pages.prose(prose, BODY_SIZE, BODY_LINE, TEXT, 14.0);
                    pages.space(4.0);
                }
                pages.space(4.0);
            }
            Block::Code(text) => code(&mut pages, text),
            Block::PageBreak => pages.page_break(),
        }
    }
    waiting.drain(..).for_each(|(of, explanation, number)| figure(&mut pages, of, explanation, number));
    if pages.labels().any(is_rewritten) {
        pages.space(6.0);
        pages.prose(&Prose::from(REWRITTEN), BODY_SIZE, BODY_LINE, SOFT, 0.0);
    }
    pages
}

fn head(pages: &mut Pages<'_>, document: &Document) {
    pages.prose(&Prose::new().bold(&document.title), 22.0, 27.0, TEXT, 0.0);
    if !document.subtitle.is_empty() {
        pages.prose(&Prose::from(document.subtitle.as_str()), 13.0, 18.0, SOFT, 0.0);
    }
    pages.space(8.0);
    for (name, value) in &document.metadata {
        let value_lines = lines::wrap(&Prose::from(value.as_str()), 9.0, Typeface::Regular, BODY - 130.0);
        let name_lines = lines::wrap(&Prose::from(name.as_str()), 9.0, Typeface::Regular, 120.0);
        for i in 0..value_lines.len().max(name_lines.len()) {
            pages.room(13.0);
            if let Some(line) = name_lines.get(i) {
                pages.line(line, LEFT, 9.0, 13.0, SOFT);
            }
            if let Some(line) = value_lines.get(i) {
                pages.line(line, LEFT + 130.0, 9.0, 13.0, TEXT);
            }
            pages.down(13.0);
        }
    }
    pages.space(6.0);
    let y = pages.y();
    pages.rectangle(Area { x: LEFT, y, width: BODY, height: 0.8 }, None, Some(Fill::solid(RULE)));
    pages.space(12.0);
}

/// Size of letters and of lines, and the room above.
fn heading_shape(level: u8) -> (f64, f64, f64) {
    match level {
        1 => (16.0, 21.0, 14.0),
        2 => (12.5, 17.0, 10.0),
        _ => (10.5, 15.0, 6.0),
    }
}

/// A heading stays with what follows it.
fn heading(pages: &mut Pages<'_>, level: u8, text: &str, next: &[Block]) {
    let (size, line, above) = heading_shape(level);
    let lines = lines::wrap(&Prose::new().bold(text), size, Typeface::Regular, BODY).len() as f64;
    pages.space(above);
    pages.room(line * lines + 4.0 + follows(pages, next));
    pages.bookmark(level, text);
    pages.prose(&Prose::new().bold(text), size, line, TEXT, 0.0);
    pages.space(4.0);
}

/// How much of what follows a heading has to be on its page.
fn follows(pages: &Pages<'_>, next: &[Block]) -> f64 {
    match next.first() {
        Some(Block::Heading(level, _)) => {
            let (_, line, above) = heading_shape(*level);
            above + line + 4.0 + follows(pages, &next[1..])
        }
        Some(Block::Figure(figure, _)) => with_caption(pages, figure),
        // A section of a text and figures, without a table that could fill the page before them.
        Some(Block::Paragraph(_)) if let Some(figure) = figure_first(next) => 60.0 + with_caption(pages, figure),
        Some(Block::KeyNumbers(_)) => 80.0,
        Some(Block::Paragraph(_) | Block::List(_) | Block::Note(..) | Block::Table(_)) => 70.0,
        Some(Block::Definitions(_) | Block::Code(_)) => 45.0,
        Some(Block::PageBreak) | None => 0.0,
    }
}

/// The figure that comes first after the text, in a section that has no table.
fn figure_first(next: &[Block]) -> Option<&Figure> {
    let section: Vec<&Block> = next.iter().take_while(|block| !matches!(block, Block::Heading(..))).collect();
    if section.iter().any(|block| matches!(block, Block::Table(_))) {
        return None;
    }
    section.iter().find_map(|block| if let Block::Figure(figure, _) = block { Some(&**figure) } else { None })
}

/// The height of a figure with a caption of common length.
fn with_caption(pages: &Pages<'_>, figure: &Figure) -> f64 {
    pages.scale(figure.drawing()) * figure.drawing().height + 60.0
}

/// Drawn line by line, each with its piece of the background, so that a long one goes over pages.
fn note(pages: &mut Pages<'_>, kind: NoteKind, title: &str, prose: &Prose) {
    let colour = match kind {
        NoteKind::Note => NOTE,
        NoteKind::Warning => WARNING,
    };
    let room = BODY - 24.0;
    let titles = lines::wrap(&Prose::new().bold(title), BODY_SIZE, Typeface::Regular, room);
    let texts = lines::wrap(prose, BODY_SIZE, Typeface::Regular, room);
    pages.room((BODY_LINE * (titles.len() + texts.len().min(20)) as f64) + 12.0);
    let last = titles.len() + texts.len();
    let inks = titles.iter().map(|_| colour).chain(texts.iter().map(|_| TEXT));
    for (i, (line, ink)) in titles.iter().chain(&texts).zip(inks).enumerate() {
        let (above, below) = (if i == 0 { 6.0 } else { 0.0 }, if i + 1 == last { 6.0 } else { 0.0 });
        let height = above + BODY_LINE + below;
        pages.room(height);
        let y = pages.y();
        let area = Area { x: LEFT, y, width: BODY, height };
        pages.rectangle(area, None, Some(Fill::solid(colour.tint(0.07))));
        pages.rectangle(Area { width: 3.0, ..area }, None, Some(Fill::solid(colour)));
        pages.down(above);
        pages.line(line, LEFT + 12.0, BODY_SIZE, BODY_LINE, ink);
        pages.down(BODY_LINE + below);
    }
    pages.space(10.0);
}

/// A figure with its caption on one page.
fn figure<'a>(pages: &mut Pages<'a>, figure: &'a Figure, explanation: &Prose, number: usize) {
    let title = figure.title().trim_end_matches('.');
    let mut caption = Prose::new().bold(format!("Figure {number}. {title}."));
    if !figure.caption().is_empty() {
        caption = caption.text(format!(" {}", figure.caption()));
    }
    let mut plain = Prose::new().bold("In plain words:").text(" ");
    plain.0.extend(explanation.0.iter().cloned());
    let mut texts = vec![caption];
    texts.extend((!explanation.is_empty()).then_some(plain));
    let texts: Vec<Vec<lines::Line>> =
        texts.iter().map(|text| lines::wrap(text, 9.0, Typeface::Regular, BODY)).collect();
    let beneath = texts.iter().map(|lines| 12.5 * lines.len() as f64 + 3.0).sum::<f64>() + 6.0;
    let drawing = figure.drawing();
    // A caption that is longer than half a page goes over to the next.
    let scale = pages.scale(drawing).min((pages.height() - beneath.min(pages.height() / 2.0)) / drawing.height);
    pages.room(scale * drawing.height + beneath.min(pages.height() / 2.0));
    pages.drawing(drawing, scale);
    pages.down(scale * drawing.height);
    pages.space(6.0);
    for text in texts {
        for line in &text {
            pages.room(12.5);
            pages.line(line, LEFT, 9.0, 12.5, TEXT);
            pages.down(12.5);
        }
        pages.space(3.0);
    }
    pages.space(12.0);
}

fn key_numbers(pages: &mut Pages<'_>, cards: &[KeyNumber]) {
    let gap = 8.0;
    let wide = (BODY + gap) / cards.len().max(1) as f64 - gap;
    let wide = wide.min(160.0);
    let wrap = |text: &str, size: f64, bold: bool| {
        let prose = if bold { Prose::new().bold(text) } else { Prose::from(text) };
        lines::wrap(&prose, size, Typeface::Regular, wide - 16.0)
    };
    let parts: Vec<[Vec<lines::Line>; 3]> = cards
        .iter()
        .map(|card| [wrap(&card.label, 8.5, false), wrap(&card.value, 17.0, true), wrap(&card.detail, 8.5, false)])
        .collect();
    let heights = [12.0, 22.0, 12.0];
    let tall = |part: &[Vec<lines::Line>; 3]| -> f64 {
        part.iter().zip(heights).map(|(lines, height)| lines.len() as f64 * height).sum()
    };
    let height = parts.iter().map(tall).fold(0.0, f64::max) + 14.0;
    pages.room(height);
    let top = pages.y();
    for (i, part) in parts.iter().enumerate() {
        let x = LEFT + (wide + gap) * i as f64;
        pages.card(Area { x, y: top, width: wide, height }, Some(Stroke::solid(RULE, 0.8)), Fill::solid(WASH));
        let mut y = top + 7.0;
        for ((lines, line_height), (size, ink)) in
            part.iter().zip(heights).zip([(8.5, SOFT), (17.0, TEXT), (8.5, SOFT)])
        {
            for line in lines {
                pages.line_at(line, x + 8.0, y, size, line_height, ink);
                y += line_height;
            }
        }
    }
    pages.down(height);
    pages.space(10.0);
}

/// Lines as they are, cut where they are too long.
fn code(pages: &mut Pages<'_>, text: &str) {
    let (size, line) = (8.0, 11.0);
    let letters = ((BODY - 16.0) / (0.6 * size)) as usize;
    let mut all: Vec<String> = Vec::new();
    for row in text.lines() {
        let signs: Vec<char> = row.replace('\t', "    ").chars().collect();
        all.extend(signs.chunks(letters).map(|chunk| chunk.iter().collect()));
        if signs.is_empty() {
            all.push(String::new());
        }
    }
    let last = all.len();
    for (i, row) in all.into_iter().enumerate() {
        let (above, below) = (if i == 0 { 6.0 } else { 0.0 }, if i + 1 == last { 6.0 } else { 0.0 });
        pages.room(above + line + below);
        let y = pages.y();
        let area = Area { x: LEFT, y, width: BODY, height: above + line + below };
        pages.rectangle(area, None, Some(Fill::solid(WASH)));
        pages.text(LEFT + 8.0, y + above + 8.5, &row, size, Typeface::Mono, Anchor::Start, TEXT);
        pages.down(above + line + below);
    }
    pages.space(10.0);
}
