//! Letters of the fonts that every viewer of PDF has: how wide they are, and by which code of which font they are shown.
//!
//! Text is measured by the same numbers for SVG and PDF. Browsers show Helvetica or a font made with its widths (Arial,
//! Liberation Sans, Nimbus Sans), so a label has the same room in both.
//!
//! No letter vanishes. What is shown is [`legible`] text: letters and their marks are joined (NFC), Cyrillic letters are written in Serbian Latin, blanks of all kinds are
//! blanks, and a sign that none of the fonts has is [`REPLACEMENT`]. SVG and HTML keep the text as it was.

mod tables;

use std::borrow::Cow;

use tables::{BOLD, EXTENDED, REGULAR, SYMBOL, UPPER};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What stands for a sign that no font has: a lozenge.
pub const REPLACEMENT: char = '◊';

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Typeface {
    /// Helvetica.
    Regular,
    /// Helvetica-Bold.
    Bold,
    /// Courier, for commands and digests.
    Mono,
}

/// A font of a PDF file with one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Face {
    /// Helvetica in WinAnsiEncoding.
    Regular,
    /// Helvetica with the letters of [`EXTENDED`].
    RegularExtended,
    /// Helvetica-Bold in WinAnsiEncoding.
    Bold,
    /// Helvetica-Bold with the letters of [`EXTENDED`].
    BoldExtended,
    /// Courier in WinAnsiEncoding.
    Mono,
    /// Symbol in its own encoding.
    Symbol,
}

impl Face {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Regular, Self::RegularExtended, Self::Bold, Self::BoldExtended, Self::Mono, Self::Symbol];

    /// The name of the standard font.
    pub(crate) fn base_font(self) -> &'static str {
        match self {
            Self::Regular | Self::RegularExtended => "Helvetica",
            Self::Bold | Self::BoldExtended => "Helvetica-Bold",
            Self::Mono => "Courier",
            Self::Symbol => "Symbol",
        }
    }
}

/// A letter: where it is found and how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyph {
    pub(crate) face: Face,
    pub(crate) code: u8,
    /// Thousandths of the font size.
    pub(crate) width: u16,
}

/// The code of the first letter of [`EXTENDED`].
const EXTENDED_FIRST: u8 = 33;
/// Width of every letter of Courier.
const MONO: u16 = 600;

/// Names of the glyphs of an extended face, from code [`EXTENDED_FIRST`].
pub(crate) fn extended_names() -> (u8, impl Iterator<Item = &'static str>) {
    (EXTENDED_FIRST, EXTENDED.iter().map(|(_, name, ..)| *name))
}

/// The glyph of a sign, if a font has it.
pub(crate) fn glyph(sign: char, typeface: Typeface) -> Option<Glyph> {
    if let Some(code) = win_ansi(sign) {
        let (face, widths) = match typeface {
            Typeface::Regular => (Face::Regular, &REGULAR),
            Typeface::Bold => (Face::Bold, &BOLD),
            Typeface::Mono => return Some(Glyph { face: Face::Mono, code, width: MONO }),
        };
        return Some(Glyph { face, code, width: widths[usize::from(code) - 32] });
    }
    if let Some(place) = EXTENDED.iter().position(|(of, ..)| *of == sign) {
        let (_, _, regular, bold) = EXTENDED[place];
        let code = u8::try_from(place).ok()?.checked_add(EXTENDED_FIRST)?;
        return Some(match typeface {
            Typeface::Regular | Typeface::Mono => Glyph { face: Face::RegularExtended, code, width: regular },
            Typeface::Bold => Glyph { face: Face::BoldExtended, code, width: bold },
        });
    }
    let place = SYMBOL.binary_search_by_key(&sign, |(of, ..)| *of).ok()?;
    let (_, code, width) = SYMBOL[place];
    Some(Glyph { face: Face::Symbol, code, width })
}

/// The code in WinAnsiEncoding.
fn win_ansi(sign: char) -> Option<u8> {
    match sign {
        ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => u8::try_from(u32::from(sign)).ok(),
        '\u{fffd}' => None,
        _ => UPPER.iter().position(|of| *of == sign).and_then(|place| u8::try_from(place + 128).ok()),
    }
}

/// The glyphs of a text, after [`legible`].
pub(crate) fn glyphs(text: &str, typeface: Typeface) -> Vec<Glyph> {
    legible(text).chars().filter_map(|sign| glyph(sign, typeface)).collect()
}

/// The text with every sign that can be shown: see the module's doc.
pub fn legible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|sign| glyph(sign, Typeface::Regular).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for sign in text.nfc() {
        if glyph(sign, Typeface::Regular).is_some() {
            shown.push(sign);
        } else {
            shown.push_str(substitute(sign));
        }
    }
    Cow::Owned(shown)
}

/// The text with its letters and their marks joined, so that none is cut from its letter.
pub(crate) fn joined(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Whether [`legible`] writes letters of the text by others; blanks and hyphens of another kind are none.
pub(crate) fn is_rewritten(text: &str) -> bool {
    text.nfc()
        .any(|sign| glyph(sign, Typeface::Regular).is_none() && !["", " ", "-", "–", "−"].contains(&substitute(sign)))
}

/// The width of a text in units of `size`'s.
pub fn width(text: &str, size: f64, typeface: Typeface) -> f64 {
    let thousandths: u64 = glyphs(text, typeface).iter().map(|glyph| u64::from(glyph.width)).sum();
    thousandths as f64 * size / 1000.0
}

/// What is shown for a sign that no font has.
fn substitute(sign: char) -> &'static str {
    const CYRILLIC: [(char, &str); 60] = [
        ('А', "A"),
        ('Б', "B"),
        ('В', "V"),
        ('Г', "G"),
        ('Д', "D"),
        ('Ђ', "Đ"),
        ('Е', "E"),
        ('Ж', "Ž"),
        ('З', "Z"),
        ('И', "I"),
        ('Ј', "J"),
        ('К', "K"),
        ('Л', "L"),
        ('Љ', "Lj"),
        ('М', "M"),
        ('Н', "N"),
        ('Њ', "Nj"),
        ('О', "O"),
        ('П', "P"),
        ('Р', "R"),
        ('С', "S"),
        ('Т', "T"),
        ('Ћ', "Ć"),
        ('У', "U"),
        ('Ф', "F"),
        ('Х', "H"),
        ('Ц', "C"),
        ('Ч', "Č"),
        ('Џ', "Dž"),
        ('Ш', "Š"),
        ('а', "a"),
        ('б', "b"),
        ('в', "v"),
        ('г', "g"),
        ('д', "d"),
        ('ђ', "đ"),
        ('е', "e"),
        ('ж', "ž"),
        ('з', "z"),
        ('и', "i"),
        ('ј', "j"),
        ('к', "k"),
        ('л', "l"),
        ('љ', "lj"),
        ('м', "m"),
        ('н', "n"),
        ('њ', "nj"),
        ('о', "o"),
        ('п', "p"),
        ('р', "r"),
        ('с', "s"),
        ('т', "t"),
        ('ћ', "ć"),
        ('у', "u"),
        ('ф', "f"),
        ('х', "h"),
        ('ц', "c"),
        ('ч', "č"),
        ('џ', "dž"),
        ('ш', "š"),
    ];
    match sign {
        '\u{2010}' | '\u{2011}' => "-",
        '\u{2012}' | '\u{2015}' => "–",
        '\u{ad}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => "",
        '\u{2212}' => "−",
        '\u{2126}' => "Ω",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ϵ' => "ε",
        'ϕ' => "φ",
        '⁻' => "-",
        '₀' => "0",
        '₁' => "1",
        '₂' => "2",
        '✓' => "yes",
        '✗' => "no",
        _ if sign.is_whitespace() => " ",
        _ => CYRILLIC.iter().find(|(of, _)| *of == sign).map_or("◊", |(_, latin)| latin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_helveticas() {
        let check = |text: &str, typeface, expected: f64| assert_eq!(width(text, 1000.0, typeface), expected, "{text}");
        check("", Typeface::Regular, 0.0);
        check("AUC 0.9", Typeface::Regular, 667.0 + 722.0 + 722.0 + 278.0 + 556.0 + 278.0 + 556.0);
        check("AUC", Typeface::Bold, 722.0 * 3.0);
        check("AUC", Typeface::Mono, 1800.0);
        check("čćđšž", Typeface::Regular, 500.0 + 500.0 + 556.0 + 500.0 + 500.0);
        check("κ≥", Typeface::Regular, 549.0 + 549.0);
    }

    #[test]
    fn no_sign_vanishes() {
        let check = |text: &str, expected: &str| assert_eq!(legible(text), expected);
        check("č ć đ š ž – — × ± ² κ χ ≥ ≤ −", "č ć đ š ž – — × ± ² κ χ ≥ ≤ −");
        check("Институт за онкологију", "Institut za onkologiju");
        check("ЉЊЏ љњџ", "LjNjDž ljnjdž");
        check("a\u{a0}b\u{2009}c\td\n", "a b c d ");
        check("乳\u{1f600}", "◊◊");
        check("Łódź", "Łódź");
        check("Lo\u{301}dz\u{301} c\u{30c}", "Lódź č");
    }

    #[test]
    fn what_is_written_by_others_is_known() {
        let check = |text: &str, expected: bool| assert_eq!(is_rewritten(text), expected, "{text}");
        check("AUC 0.9 č κ", false);
        check("c\u{30c}", false);
        check("a\u{a0}b\u{2009}c\u{2011}d\u{200b}", false);
        check("Институт", true);
        check("乳", true);
        check("x\u{323}\u{328}", true);
    }

    #[test]
    fn every_sign_of_a_legible_text_has_a_glyph() {
        for typeface in [Typeface::Regular, Typeface::Bold, Typeface::Mono] {
            for sign in (0..0x3000).filter_map(char::from_u32) {
                let shown = legible(sign.encode_utf8(&mut [0; 4])).into_owned();
                assert!(shown.chars().all(|sign| glyph(sign, typeface).is_some()), "{sign:?}");
                assert!(
                    !shown.is_empty() || "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}".contains(sign),
                    "{sign:?}"
                );
            }
        }
    }
}
