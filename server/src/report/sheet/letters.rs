//! The shapes of letters: font8x8's, and those of Serbian that it lacks.
//!
//! Invariant: every character has a shape; one that nobody drew is a question mark.

use font8x8::UnicodeFonts;

/// Rows above a capital letter that hold its accent.
pub(super) const ROWS_ABOVE: usize = 3;
/// Rows of a line of text: the accents of capitals, eight of the letter, one below.
pub(super) const ROWS: usize = ROWS_ABOVE + 8 + 1;
/// Columns between two letters.
pub(super) const COLUMNS_BETWEEN: usize = 1;

/// Columns of a space.
const SPACE: usize = 4;
/// Columns of a digit, so that numbers stand beneath one another.
const DIGIT: usize = 7;

/// A letter as dots: bit 0 is the first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) rows: [u8; ROWS],
    /// Columns that it takes, without the space behind it.
    pub(super) columns: usize,
}

/// The shape of a character.
pub(super) fn glyph(letter: char) -> Glyph {
    let mut rows = [0; ROWS];
    let body = |rows: &mut [u8; ROWS], of: char| rows[ROWS_ABOVE..ROWS_ABOVE + 8].copy_from_slice(&plain(of));
    match letter {
        'č' | 'ć' | 'š' | 'ž' => {
            body(&mut rows, base(letter));
            accent(&mut rows, ROWS_ABOVE - 1, letter == 'ć');
        }
        'Č' | 'Ć' | 'Š' | 'Ž' => {
            body(&mut rows, base(letter));
            accent(&mut rows, 0, letter == 'Ć');
        }
        'đ' => {
            body(&mut rows, 'd');
            rows[ROWS_ABOVE + 1] |= 0b0111_1100;
        }
        'Đ' => {
            body(&mut rows, 'D');
            rows[ROWS_ABOVE + 3] |= 0b0000_1111;
        }
        other => body(&mut rows, other),
    }
    placed(letter, rows)
}

/// Moved to the first column, with the columns that it takes.
fn placed(letter: char, mut rows: [u8; ROWS]) -> Glyph {
    let inked = rows.iter().fold(0u8, |all, row| all | row);
    if inked == 0 {
        return Glyph { rows, columns: SPACE };
    }
    let first = inked.trailing_zeros();
    rows.iter_mut().for_each(|row| *row >>= first);
    let columns = 8 - (inked >> first).leading_zeros() as usize;
    Glyph { rows, columns: if letter.is_ascii_digit() { columns.max(DIGIT) } else { columns } }
}

/// The letter beneath the accent.
fn base(letter: char) -> char {
    match letter {
        'č' | 'ć' => 'c',
        'š' => 's',
        'ž' => 'z',
        'Č' | 'Ć' => 'C',
        'Š' => 'S',
        'Ž' => 'Z',
        other => other,
    }
}

/// A caron or an acute in two rows from `top` on.
fn accent(rows: &mut [u8; ROWS], top: usize, acute: bool) {
    let dots = if acute { [0b0011_0000, 0b0001_1000] } else { [0b0011_0110, 0b0001_1100] };
    rows[top] |= dots[0];
    rows[top + 1] |= dots[1];
}

/// A letter without an accent.
fn plain(letter: char) -> [u8; 8] {
    let letter = match letter {
        '–' | '—' => '-',
        '“' | '”' | '„' => '"',
        '’' | '‘' => '\'',
        // Letters that the two scripts share.
        'А' => 'A',
        'В' => 'B',
        'Е' => 'E',
        'Ј' => 'J',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'О' => 'O',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'Х' => 'X',
        'а' => 'a',
        'е' => 'e',
        'ј' => 'j',
        'о' => 'o',
        'р' => 'p',
        'с' => 'c',
        'у' => 'y',
        'х' => 'x',
        other => other,
    };
    let own = CYRILLIC.iter().find(|(of, _)| *of == letter).map(|(_, dots)| dots_of(dots));
    own.or_else(|| font8x8::BASIC_FONTS.get(letter))
        .or_else(|| font8x8::LATIN_FONTS.get(letter))
        .or_else(|| font8x8::BASIC_FONTS.get('?'))
        .unwrap_or_default()
}

fn dots_of(rows: &[&str; 8]) -> [u8; 8] {
    rows.map(|row| row.bytes().enumerate().filter(|(_, dot)| *dot == b'#').fold(0, |dots, (i, _)| dots | 1 << i))
}

/// The letters of Serbian Cyrillic that look like no Latin one.
#[rustfmt::skip]
const CYRILLIC: [(char, [&str; 8]); 42] = [
    ('Б', ["######.", "##....#", "##.....", "#####..", "##..##.", "##..##.", "#####..", ""]),
    ('Г', ["#######", ".##...#", ".##....", ".##....", ".##....", ".##....", "####...", ""]),
    ('Д', ["..####.", ".##.##.", ".##.##.", ".##.##.", ".##.##.", ".##.##.", "#######", "##...##"]),
    ('Ђ', ["######..", ".##.....", ".##.....", ".#####..", ".##..##.", ".##..##.", ".##.##..", "........"]),
    ('Ж', ["##.#.##", "##.#.##", ".#####.", "..###..", ".#####.", "##.#.##", "##.#.##", ""]),
    ('З', [".####.", "##..##", "....##", "..###.", "....##", "##..##", ".####.", ""]),
    ('И', ["##..##", "##..##", "##.###", "######", "###.##", "##..##", "##..##", ""]),
    ('Л', ["..####", ".##.##", ".##.##", ".##.##", ".##.##", ".##.##", "##..##", ""]),
    ('Љ', [".####...", "##.#....", "##.#....", "##.####.", "##.#..##", "##.#..##", "##.####.", ""]),
    ('Њ', ["##.#....", "##.#....", "##.#....", "#######.", "##.#..##", "##.#..##", "##.####.", ""]),
    ('П', ["######", "##..##", "##..##", "##..##", "##..##", "##..##", "##..##", ""]),
    ('Ћ', ["######..", ".##.....", ".##.....", ".#####..", ".##..##.", ".##..##.", ".##..##.", ""]),
    ('У', ["##..##", "##..##", "##..##", ".#####", "....##", "##..##", ".####.", ""]),
    ('Ф', ["..##..", ".####.", "##.#.##", "##.#.##", "##.#.##", ".#####.", "..##..", ""]),
    ('Ц', ["##..##.", "##..##.", "##..##.", "##..##.", "##..##.", "##..##.", "#######", ".....##"]),
    ('Ч', ["##..##", "##..##", "##..##", ".#####", "....##", "....##", "....##", ""]),
    ('Џ', ["##..##", "##..##", "##..##", "##..##", "##..##", "##..##", "######", "..##.."]),
    ('Ш', ["##.#.##", "##.#.##", "##.#.##", "##.#.##", "##.#.##", "##.#.##", "#######", ""]),
    ('б', ["...###", ".##...", "##....", "#####.", "##..##", "##..##", ".####.", ""]),
    ('в', ["", "", "#####.", "##..##", "#####.", "##..##", "#####.", ""]),
    ('г', ["", "", "######", "##...#", "##....", "##....", "##....", ""]),
    ('д', ["", "", "..####.", ".##.##.", ".##.##.", ".##.##.", "#######", "##...##"]),
    ('ђ', [".##....", "#####..", ".##....", ".#####.", ".##..##", ".##..##", ".##..##", "....##."]),
    ('ж', ["", "", "##.#.##", ".#####.", "..###..", ".#####.", "##.#.##", ""]),
    ('з', ["", "", "#####.", "....##", "..###.", "....##", "#####.", ""]),
    ('и', ["", "", "##..##", "##.###", "######", "###.##", "##..##", ""]),
    ('к', ["", "", "##..##", "##.##.", "####..", "##.##.", "##..##", ""]),
    ('л', ["", "", "..####", ".##.##", ".##.##", ".##.##", "##..##", ""]),
    ('љ', ["", "", ".####...", "##.#....", "##.####.", "##.#..##", "##.####.", ""]),
    ('м', ["", "", "##...##", "###.###", "#######", "##.#.##", "##...##", ""]),
    ('н', ["", "", "##..##", "##..##", "######", "##..##", "##..##", ""]),
    ('њ', ["", "", "##.#....", "##.#....", "#######.", "##.#..##", "##.####.", ""]),
    ('п', ["", "", "######", "##..##", "##..##", "##..##", "##..##", ""]),
    ('т', ["", "", "######", "..##..", "..##..", "..##..", "..##..", ""]),
    ('ћ', [".##....", "#####..", ".##....", ".#####.", ".##..##", ".##..##", ".##..##", ""]),
    ('ф', ["", "..##..", ".####..", "##.#.##", "##.#.##", ".#####.", "..##...", "..##..."]),
    ('ц', ["", "", "##..##.", "##..##.", "##..##.", "##..##.", "#######", ".....##"]),
    ('ч', ["", "", "##..##", "##..##", ".#####", "....##", "....##", ""]),
    ('џ', ["", "", "##..##", "##..##", "##..##", "##..##", "######", "..##.."]),
    ('ш', ["", "", "##.#.##", "##.#.##", "##.#.##", "##.#.##", "#######", ""]),
    ('Й', ["##..##", "##..##", "##.###", "######", "###.##", "##..##", "##..##", ""]),
    ('й', ["..##..", "", "##..##", "##.###", "######", "###.##", "##..##", ""]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_serbian_has_a_shape_of_its_own() {
        let unknown = glyph('\u{1F600}');
        assert_eq!(unknown, glyph('?'));
        let latin = "abcčćdđefghijklmnoprsštuvzžABCČĆDĐEFGHIJKLMNOPRSŠTUVZŽ0123456789.,:;()%/-+";
        let cyrillic = "абвгдђежзијклљмнњопрстћуфхцчџшАБВГДЂЕЖЗИЈКЛЉМНЊОПРСТЋУФХЦЧЏШ";
        for alphabet in [latin, cyrillic] {
            let mut seen: Vec<(char, Glyph)> = Vec::new();
            for letter in alphabet.chars() {
                let shape = glyph(letter);
                assert_ne!(shape, unknown, "{letter}");
                assert!(shape.columns <= 8 && shape.rows.iter().any(|row| *row != 0), "{letter}");
                let twin = seen.iter().find(|(_, other)| other.rows == shape.rows);
                assert!(twin.is_none(), "{letter} looks like {:?}", twin.map(|(other, _)| other));
                seen.push((letter, shape));
            }
        }
    }
}
