//! Prose in lines that fit.

use crate::figure::font::{Typeface, joined, width};

use super::super::prose::may_link;
use super::super::{Inline, Prose};

/// Text of one look within a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// From the line's beginning.
    pub(super) x: f64,
    pub(super) text: String,
    pub(super) typeface: Typeface,
    pub(super) link: Option<String>,
    pub(super) width: f64,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Line {
    pub(super) pieces: Vec<Piece>,
    pub(super) width: f64,
}

/// What is not broken: text between blanks, which may change its look within.
#[derive(Default)]
struct Word {
    parts: Vec<(String, Typeface, Option<String>)>,
}

impl Word {
    fn width(&self, size: f64) -> f64 {
        self.parts.iter().map(|(text, typeface, _)| width(text, size, *typeface)).sum()
    }
}

/// Lines no wider than `room`; `regular` is the typeface of plain text. At least one line. A word that is wider than the room is
/// cut between letters.
pub(super) fn wrap(prose: &Prose, size: f64, regular: Typeface, room: f64) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let blank = width(" ", size, Typeface::Regular);
    for word in words(prose, regular) {
        let wide = word.width(size);
        let used = lines.last().map_or(0.0, |line| line.width);
        if used > 0.0 && used + blank + wide <= room {
            append(&mut lines, word, size, true);
        } else {
            if used > 0.0 {
                lines.push(Line::default());
            }
            if wide <= room {
                append(&mut lines, word, size, false);
            } else {
                cut(&mut lines, word, size, room);
            }
        }
    }
    lines
}

/// The longest word's width, for columns of tables.
pub(super) fn longest_word(prose: &Prose, size: f64, regular: Typeface) -> f64 {
    words(prose, regular).iter().map(|word| word.width(size)).fold(0.0, f64::max)
}

fn words(prose: &Prose, regular: Typeface) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for inline in &prose.0 {
        let (typeface, link, written) = match inline {
            Inline::Text(text) => (regular, None, text.clone()),
            Inline::Bold(text) => (Typeface::Bold, None, text.clone()),
            Inline::Code(text) => (Typeface::Mono, None, text.clone()),
            Inline::Link { text, url } if may_link(url) => (regular, Some(url.clone()), text.clone()),
            Inline::Link { text, url } => (regular, None, format!("{text} ({url})")),
        };
        let mut part = String::new();
        for sign in joined(&written).chars() {
            // A no-break space is no place to break.
            if sign.is_whitespace() && sign != '\u{a0}' {
                push(&mut words, &mut open, std::mem::take(&mut part), typeface, link.clone());
                open = false;
            } else {
                part.push(sign);
            }
        }
        push(&mut words, &mut open, part, typeface, link);
    }
    words
}

fn push(words: &mut Vec<Word>, open: &mut bool, part: String, typeface: Typeface, link: Option<String>) {
    if part.is_empty() {
        return;
    }
    match words.last_mut() {
        Some(word) if *open => word.parts.push((part, typeface, link)),
        Some(_) | None => words.push(Word { parts: vec![(part, typeface, link)] }),
    }
    *open = true;
}

fn append(lines: &mut [Line], word: Word, size: f64, blank: bool) {
    let Some(line) = lines.last_mut() else { return };
    let mut blank = blank;
    for (text, typeface, link) in word.parts {
        let space = if blank { width(" ", size, Typeface::Regular) } else { 0.0 };
        let wide = width(&text, size, typeface);
        match line.pieces.last_mut() {
            // One piece as long as it can be: text that is copied out of the file keeps its blanks.
            Some(last) if last.typeface == typeface && last.link == link && typeface != Typeface::Mono => {
                if blank {
                    last.text.push(' ');
                }
                last.text.push_str(&text);
                last.width += space + wide;
            }
            Some(_) | None => {
                line.pieces.push(Piece { x: line.width + space, text, typeface, link, width: wide });
            }
        }
        line.width += space + wide;
        blank = false;
    }
}

/// A word wider than the room, letter by letter.
fn cut(lines: &mut Vec<Line>, word: Word, size: f64, room: f64) {
    for (text, typeface, link) in word.parts {
        let mut part = String::new();
        let mut wide = 0.0;
        for sign in text.chars() {
            let more = width(sign.encode_utf8(&mut [0; 4]), size, typeface);
            let used = lines.last().map_or(0.0, |line| line.width);
            if used + wide + more > room && used + wide > 0.0 {
                append(lines, Word { parts: vec![(std::mem::take(&mut part), typeface, link.clone())] }, size, false);
                lines.push(Line::default());
                wide = 0.0;
            }
            part.push(sign);
            wide += more;
        }
        append(lines, Word { parts: vec![(part, typeface, link)] }, size, false);
    }
}
