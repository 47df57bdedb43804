//! Lead letters beside the breast: "R CC".
//!
//! Invariant: letters are upright in the file, lie in the corner away from the breast, and are left out where they do
//! not fit. They name the view, never a person.

use super::truth::Mask;

/// Rows and columns of a glyph.
const GLYPH: (usize, usize) = (7, 5);

/// Seven rows of five bits, the leftmost the highest.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'C' => [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e],
        'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        'M' => [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11],
        'O' => [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        'R' => [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11],
        _ => [0; 7],
    }
}

/// The pixels of a text set in the upper corner: at the last columns (`right`) or at the first.
pub(super) fn text(text: &str, rows: usize, columns: usize, right: bool) -> Mask {
    let dot = (rows.min(columns) / 220).max(1);
    let margin = 5 * dot;
    let (height, width) = (GLYPH.0 * dot, text.chars().count() * (GLYPH.1 + 1) * dot);
    if height + 2 * margin > rows || width + 2 * margin > columns / 3 {
        return Mask::empty(0, 0, 0, 0);
    }
    let mut mask = Mask::empty(margin, if right { columns - margin - width } else { margin }, height, width);
    for (k, letter) in text.chars().enumerate() {
        let bits = glyph(letter);
        for row in 0..height {
            for column in 0..GLYPH.1 * dot {
                if bits[row / dot] >> (GLYPH.1 - 1 - column / dot) & 1 == 1 {
                    mask.insert(mask.top + row, mask.left + k * (GLYPH.1 + 1) * dot + column);
                }
            }
        }
    }
    mask
}
