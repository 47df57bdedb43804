//! A picture to draw on: rectangles, lines, letters.
//!
//! Invariant: whatever lies outside the picture is not drawn; nothing else can go wrong.

use super::letters::{COLUMNS_BETWEEN, Glyph, ROWS, ROWS_ABOVE, glyph};

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Dots of an enlarged letter for each of its own, either way.
const SMOOTH: usize = 4;
/// Samples of a pixel, either way, when a letter is drawn.
const SAMPLES: usize = 4;

/// Smaller letters cannot be read.
const SIZE_MIN: usize = 11;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Rect {
    pub(super) fn right(self) -> usize {
        self.left + self.width
    }

    pub(super) fn bottom(self) -> usize {
        self.top + self.height
    }
}

/// The picture.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row by row, three bytes a pixel.
    pub(super) rgb: Vec<u8>,
}

impl Canvas {
    /// A black picture.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![0; width * height * 3] }
    }

    /// Mixes a colour in: `cover` from 0 to 1.
    pub(super) fn mix(&mut self, x: usize, y: usize, colour: Colour, cover: f32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        for (own, new) in self.rgb[at..at + 3].iter_mut().zip(colour) {
            *own = (f32::from(*own) + (f32::from(new) - f32::from(*own)) * cover).round() as u8;
        }
    }

    /// A full rectangle.
    pub(super) fn fill(&mut self, rect: Rect, colour: Colour) {
        for y in rect.top..rect.bottom() {
            for x in rect.left..rect.right() {
                self.mix(x, y, colour, 1.0);
            }
        }
    }

    /// The edge of a rectangle, one pixel wide.
    pub(super) fn frame(&mut self, rect: Rect, colour: Colour) {
        let (right, bottom) = (rect.right().saturating_sub(1), rect.bottom().saturating_sub(1));
        for x in rect.left..rect.right() {
            self.mix(x, rect.top, colour, 1.0);
            self.mix(x, bottom, colour, 1.0);
        }
        for y in rect.top..rect.bottom() {
            self.mix(rect.left, y, colour, 1.0);
            self.mix(right, y, colour, 1.0);
        }
    }

    /// A closed polygon of (row, column) points as a line of this width in pixels, within `clip`.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], width: f64, colour: Colour, clip: Rect) {
        let next = points.iter().cycle().skip(1);
        for (a, b) in points.iter().zip(next) {
            self.segment(*a, *b, width, colour, clip);
        }
    }

    fn segment(&mut self, a: (f64, f64), b: (f64, f64), width: f64, colour: Colour, clip: Rect) {
        let reach = width / 2.0 + 1.0;
        // A cast of a float saturates, and takes NaN to 0.
        let span = |p: f64, q: f64, lo: usize, hi: usize| {
            let first = ((p.min(q) - reach).floor().max(lo as f64) as usize).max(lo);
            let last = ((p.max(q) + reach).ceil().max(0.0) as usize).min(hi);
            first..last
        };
        for y in span(a.0, b.0, clip.top, clip.bottom()) {
            for x in span(a.1, b.1, clip.left, clip.right()) {
                let away = distance((y as f64 + 0.5, x as f64 + 0.5), a, b);
                let cover = (width / 2.0 + 0.5 - away).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.mix(x, y, colour, cover as f32);
                }
            }
        }
    }

    /// A line of text whose letters' tops are at `top`; capitals are 7/8 of `size` pixels high. Ends before `right`.
    pub(super) fn text(&mut self, (left, top): (usize, usize), right: usize, size: usize, colour: Colour, text: &str) {
        let mut x = left;
        for letter in text.chars() {
            let shape = glyph(letter);
            let width = pixels(shape.columns, size);
            if x + width > right {
                return;
            }
            self.letter(x, top, size, colour, &shape);
            x += width + pixels(COLUMNS_BETWEEN, size);
        }
    }

    fn letter(&mut self, left: usize, top: usize, size: usize, colour: Colour, shape: &Glyph) {
        let dots = enlarged(shape);
        let unit = size as f64 / (8 * SMOOTH) as f64;
        let above = pixels(ROWS_ABOVE, size);
        for y in 0..pixels(ROWS, size) {
            for x in 0..=pixels(shape.columns, size) {
                let mut hit = 0;
                for i in 0..SAMPLES * SAMPLES {
                    let sample = |at: usize, k: usize| (at as f64 + (k as f64 + 0.5) / SAMPLES as f64) / unit;
                    let (row, column) = (sample(y, i / SAMPLES) as usize, sample(x, i % SAMPLES) as usize);
                    hit += usize::from(dots.get(row).is_some_and(|r| r >> column.min(63) & 1 == 1));
                }
                if hit > 0
                    && let Some(y) = (top + y).checked_sub(above)
                {
                    self.mix(left + x, y, colour, hit as f32 / (SAMPLES * SAMPLES) as f32);
                }
            }
        }
    }
}

/// So many dots of a letter in pixels.
fn pixels(dots: usize, size: usize) -> usize {
    (dots * size).div_ceil(8)
}

/// How wide a line of text is, in pixels.
pub(super) fn width(text: &str, size: usize) -> usize {
    let letters = text.chars().map(|letter| pixels(glyph(letter).columns, size) + pixels(COLUMNS_BETWEEN, size));
    letters.sum::<usize>().saturating_sub(pixels(COLUMNS_BETWEEN, size))
}

/// The largest size up to this one at which a line of text fits; [`SIZE_MIN`] where none does.
pub(super) fn fitting(text: &str, size: usize, room: usize) -> usize {
    (SIZE_MIN..=size).rev().find(|size| width(text, *size) <= room).unwrap_or(SIZE_MIN)
}

/// Text in lines no wider than `room` pixels, broken between words; a word that is wider stands alone and is broken.
pub(super) fn wrapped(text: &str, size: usize, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().cloned().unwrap_or_default();
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size) <= room {
            lines.pop();
            lines.push(longer);
            continue;
        }
        if line.is_empty() {
            lines.pop();
        }
        let mut part = String::new();
        for letter in word.chars() {
            if !part.is_empty() && width(&format!("{part}{letter}"), size) > room {
                lines.push(std::mem::take(&mut part));
            }
            part.push(letter);
        }
        lines.push(part);
    }
    lines
}

fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dy, dx) = (b.0 - a.0, b.1 - a.1);
    let squared = dy * dy + dx * dx;
    let along = if squared > 0.0 { ((p.0 - a.0) * dy + (p.1 - a.1) * dx) / squared } else { 0.0 };
    let t = along.clamp(0.0, 1.0);
    (p.0 - a.0 - t * dy).hypot(p.1 - a.1 - t * dx)
}

/// A letter twice doubled, its steps rounded off each time (the rule known as Scale2x). Bit 0 is the first column.
fn enlarged(shape: &Glyph) -> Vec<u64> {
    let rows: Vec<u64> = shape.rows.iter().map(|row| u64::from(*row)).collect();
    doubled(&doubled(&rows))
}

fn doubled(rows: &[u64]) -> Vec<u64> {
    let at = |r: usize, c: usize| rows.get(r).is_some_and(|row| c < 64 && row >> c & 1 == 1);
    let mut out = vec![0u64; rows.len() * 2];
    for r in 0..rows.len() {
        for c in 0..32 {
            let own = at(r, c);
            let up = r > 0 && at(r - 1, c);
            let left = c > 0 && at(r, c - 1);
            let (right, down) = (at(r, c + 1), at(r + 1, c));
            let corner = |a: bool, b: bool, c: bool, d: bool| if a == b && a != c && b != d { a } else { own };
            let four = [
                corner(left, up, down, right),
                corner(up, right, left, down),
                corner(down, left, right, up),
                corner(right, down, up, left),
            ];
            for (i, dot) in four.into_iter().enumerate() {
                out[2 * r + i / 2] |= u64::from(dot) << (2 * c + i % 2);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_loses_none() {
        let check = |text: &str, room: usize, expected: &[&str]| {
            assert_eq!(wrapped(text, 8, room), expected, "{text:?} in {room}");
        };
        check("", 100, &[""]);
        check("aa bb", 1000, &["aa bb"]);
        check("aaaa bbbb", 40, &["aaaa", "bbbb"]);
        let broken = wrapped("mmmmmmmmmm", 8, 40);
        assert!(broken.len() > 1 && broken.concat() == "mmmmmmmmmm", "{broken:?}");
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut canvas = Canvas::new(20, 10);
        let all = Rect { left: 0, top: 0, width: 20, height: 10 };
        canvas.text((15, 5), 1000, 16, [255; 3], "WWW");
        canvas.polygon(&[(-50.0, -50.0), (f64::NAN, 3.0), (900.0, 4.0), (1e300, -1e300)], 2.0, [255; 3], all);
        canvas.fill(Rect { left: 18, top: 8, width: 50, height: 50 }, [9; 3]);
        assert_eq!(canvas.rgb.len(), 600);
        let mut canvas = Canvas::new(40, 40);
        canvas.polygon(
            &[(10.0, 10.0), (10.0, 30.0), (30.0, 30.0), (30.0, 10.0)],
            2.0,
            [255; 3],
            Rect { left: 0, top: 0, width: 40, height: 20 },
        );
        let at = |x: usize, y: usize| canvas.rgb[(y * 40 + x) * 3];
        assert_eq!((at(20, 10), at(20, 9), at(20, 20), at(10, 15), at(10, 25)), (255, 255, 0, 255, 0));
    }
}
