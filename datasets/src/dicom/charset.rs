//! Text in the character sets of PS3.3 C.12.1.1.2, code extensions included (PS3.5 section 6.1.2.5).
//!
//! dicom-rs decodes single sets; it knows no escape sequences, and writes out what it cannot decode as octal numbers.
//!
//! Invariant: decoding never fails. Bytes that the declared set does not have come out as replacement characters, and
//! bytes above 127 where no set is declared as UTF-8 if they are that, else as Latin-1, which can be undone.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use encoding_rs::{Encoding, WINDOWS_1250, WINDOWS_1251};

use super::Repair;

const ESC: u8 = 0x1B;

/// The sets of one data set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Charset {
    /// What holds at the start of a value and behind a delimiter.
    first: Set,
    /// What was odd about the declaration.
    note: Option<&'static str>,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Set {
    /// None declared: ISO 646.
    #[default]
    Ascii,
    /// ISO_IR 192.
    Utf8,
    /// Any other that dicom-rs has.
    Other(SpecificCharacterSet),
    /// One that DICOM does not have.
    Windows(&'static Encoding),
}

impl Set {
    fn decode(&self, bytes: &[u8]) -> String {
        match self {
            Self::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
            },
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Other(set) => set.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned()),
            Self::Windows(set) => set.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }
}

/// In which set objects made from a file are written, as Specific Character Set (0008,0005) has it: the file's own
/// first one if it has every one of these texts; none if it declares none and they are ASCII; ISO_IR 192 otherwise.
///
/// A set that is written with escape sequences, and the two that allow a backslash within a character (GB18030, GBK),
/// count as ones that do not have the texts.
pub fn charset_for<'a>(declared: &[String], texts: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut texts = texts.into_iter();
    let own = declared.first().filter(|value| !value.is_empty()).map(|first| defined_term(first).0);
    let Some(term) = own.filter(|term| term != "ISO_IR 6") else {
        return if texts.all(str::is_ascii) { None } else { Some(UNICODE) };
    };
    let Some(known) = SINGLE_BYTE.iter().find(|known| **known == term) else { return Some(UNICODE) };
    let Some(set) = SpecificCharacterSet::from_code(known) else { return Some(UNICODE) };
    // Encoded and decoded again: what the set does not have is not written as something alike.
    let has = |text: &str| set.encode(text).is_ok_and(|bytes| set.decode(&bytes).is_ok_and(|back| back == text));
    Some(if texts.all(has) { known } else { UNICODE })
}

const UNICODE: &str = "ISO_IR 192";

/// Sets of one byte per character without escape sequences (PS3.3 table C.12-2), as far as they can be written.
const SINGLE_BYTE: &[&str] = &[
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 109",
    "ISO_IR 110",
    "ISO_IR 126",
    "ISO_IR 127",
    "ISO_IR 138",
    "ISO_IR 144",
    "ISO_IR 166",
];

impl Charset {
    /// From the values of Specific Character Set (0008,0005). The first one, if not empty, is the initial set; those
    /// after it announce escape sequences, which are understood whether announced or not.
    pub(super) fn new(values: &[String]) -> Self {
        let Some(declared) = values.first().filter(|v| !v.is_empty()) else { return Self::default() };
        let (term, misspelt) = defined_term(declared);
        let first = match term.as_str() {
            "ISO_IR 6" => Set::Ascii,
            "ISO_IR 192" => Set::Utf8,
            other => match SpecificCharacterSet::from_code(other) {
                Some(set) => Set::Other(set),
                None => return Self { first: Set::Ascii, note: Some("is none that can be decoded") },
            },
        };
        Self { first, note: misspelt.then_some("is misspelt") }
    }

    /// What a rule about a sender says, whatever is declared.
    pub(super) fn repaired(repair: Repair) -> Self {
        let dicom = |term| SpecificCharacterSet::from_code(term).map_or(Set::Ascii, Set::Other);
        let first = match repair {
            Repair::Windows1250 => Set::Windows(WINDOWS_1250),
            Repair::Windows1251 => Set::Windows(WINDOWS_1251),
            Repair::Utf8 => Set::Utf8,
            Repair::Latin2 => dicom("ISO_IR 101"),
            Repair::Cyrillic => dicom("ISO_IR 144"),
        };
        Self { first, note: None }
    }

    /// What was odd about the declaration.
    pub(super) fn note(&self) -> Option<String> {
        self.note.map(|note| format!("Specific Character Set (0008,0005) {note}"))
    }

    /// Decodes one value.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        if !bytes.contains(&ESC) {
            return self.first.decode(bytes);
        }
        // Sets of two bytes per character (Japanese, Korean, Chinese) are left to dicom-rs as a whole.
        for (escape, term) in [(&b"\x1b$)C"[..], "ISO_IR 149"), (&b"\x1b$)A"[..], "GBK"), (&b"\x1b$"[..], "ISO_IR 87")]
        {
            if let Some(set) = SpecificCharacterSet::from_code(term)
                && bytes.windows(escape.len()).any(|w| w == escape)
            {
                return without(&Set::Other(set).decode(bytes), &["\x1b$)C", "\x1b$)A"]);
            }
        }
        self.decode_extended(bytes)
    }

    /// PS3.5 section 6.1.2.5.3: an escape sequence holds until the next one, or until a delimiter (a control
    /// character, backslash, `^` and `=`), where the initial set is in force again.
    fn decode_extended(&self, bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut current = self.first.clone();
        let mut start = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                ESC => {
                    text.push_str(&current.decode(&bytes[start..at]));
                    let length = escape_length(&bytes[at..]);
                    if let Some(set) = designated(&bytes[at..at + length]) {
                        current = set;
                    }
                    at += length;
                    start = at;
                }
                b'\\' | b'^' | b'=' | b'\r' | b'\n' | b'\t' | 0x0C => {
                    at += 1;
                    text.push_str(&current.decode(&bytes[start..at]));
                    current = self.first.clone();
                    start = at;
                }
                _ => at += 1,
            }
        }
        text.push_str(&current.decode(&bytes[start..]));
        text
    }
}

fn without(text: &str, escapes: &[&str]) -> String {
    escapes.iter().fold(text.to_owned(), |text, escape| text.replace(escape, ""))
}

/// ESC, intermediate bytes 2/0 to 2/15, one final byte (ISO 2022).
fn escape_length(bytes: &[u8]) -> usize {
    let intermediate = bytes.iter().skip(1).take_while(|b| (0x20..0x30).contains(*b)).count();
    (intermediate + 2).min(bytes.len())
}

/// The set that an escape sequence of PS3.3 table C.12-3 puts into G1. One that changes G0 changes nothing here: all
/// its sets of one byte are ASCII but for two characters.
fn designated(escape: &[u8]) -> Option<Set> {
    let term = match escape {
        b"\x1b-A" => "ISO_IR 100",
        b"\x1b-B" => "ISO_IR 101",
        b"\x1b-C" => "ISO_IR 109",
        b"\x1b-D" => "ISO_IR 110",
        b"\x1b-L" => "ISO_IR 144",
        b"\x1b-G" => "ISO_IR 127",
        b"\x1b-F" => "ISO_IR 126",
        b"\x1b-H" => "ISO_IR 138",
        b"\x1b-T" => "ISO_IR 166",
        b"\x1b)I" => "ISO_IR 13",
        _ => return None,
    };
    SpecificCharacterSet::from_code(term).map(Set::Other)
}

/// The defined term meant, and whether it was misspelt: `ISO IR 192`, `ISO-IR 192`, `ISO_IR_192` and `UTF-8` are seen.
fn defined_term(declared: &str) -> (String, bool) {
    let upper = declared.to_ascii_uppercase();
    let term = match upper.as_str() {
        "UTF-8" | "UTF8" => "ISO_IR 192".to_owned(),
        _ => match upper.strip_prefix("ISO").map(|rest| rest.trim_start_matches("_2022").trim_start_matches(" 2022")) {
            Some(rest) => {
                let number: String = rest.chars().filter(char::is_ascii_digit).collect();
                format!("ISO_IR {number}")
            }
            None => upper.clone(),
        },
    };
    let regular = declared == term || declared.strip_prefix("ISO 2022 IR ") == term.strip_prefix("ISO_IR ");
    (term, !regular)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(declared: &[&str], bytes: &[u8], expected: &str) {
        let values: Vec<String> = declared.iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(Charset::new(&values).decode(bytes), expected, "{declared:?}");
    }

    #[test]
    fn serbian_names_in_both_scripts() {
        check(&["ISO_IR 144"], b"\xa8\xde\xd2\xd0\xdd\xde\xd2\xd8\xfb^\xa9\xd8\xf9\xd0\xdd\xd0", "Јовановић^Љиљана");
        check(&["ISO_IR 144"], b"\xa2\xa8\xa9\xaa\xab\xaf\xf2\xf8\xf9\xfa\xfb\xff", "ЂЈЉЊЋЏђјљњћџ");
        check(&["ISO_IR 101"], b"\xa9\xd0\xc8\xc6\xae\xe8\xe6\xbe\xb9\xf0", "ŠĐČĆŽčćžšđ");
        check(&["ISO_IR 192"], "Јовановић^Љиљана=Jovanović^Ljiljana".as_bytes(), "Јовановић^Љиљана=Jovanović^Ljiljana");
        check(&["ISO_IR 100"], b"M\xfcller", "Müller");
        check(&[], b"Jovanovic", "Jovanovic");
        check(&["ISO 2022 IR 101"], b"\xae\xe6\xe8\xb9\xf0", "Žćčšđ");
    }

    #[test]
    fn code_extensions() {
        let both = ["", "ISO 2022 IR 144", "ISO 2022 IR 101"];
        check(&both, b"\x1b-L\xa9\xd8\xf9\xd0=\x1b-B\xe6", "Љиља=ć");
        check(&both, b"Ana^\x1b-B\xb9\xe6^\x1b-L\xb0", "Ana^šć^А");
        // Behind a delimiter the initial set is in force again.
        check(&["ISO 2022 IR 101", "ISO 2022 IR 144"], b"\x1b-L\xd0\xd1^\xe8\xe6", "аб^čć");
        check(&both, b"\x1b-L\xd0\x1b-B\xe6\x1b(Bx", "аćx");
        check(&["", "ISO 2022 IR 87"], b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田");
        // Truncated and unknown sequences are dropped, not fatal.
        check(&both, b"a\x1b", "a");
        check(&both, b"a\x1b-", "a");
        check(&both, b"a\x1b-zb", "ab");
    }

    #[test]
    fn what_objects_are_written_in() {
        let check = |declared: &[&str], texts: &[&str], expected: Option<&str>| {
            let values: Vec<String> = declared.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(charset_for(&values, texts.iter().copied()), expected, "{declared:?} {texts:?}");
        };
        let (cyrillic, latin) = ("Јовановић^Љиљана", "ĐORĐEVIĆ^Žaklina");
        check(&[], &["Jovanovic^Ana", "report"], None);
        check(&["ISO_IR 6"], &["Jovanovic^Ana"], None);
        check(&[], &[latin], Some("ISO_IR 192"));
        check(&["ISO_IR 144"], &[cyrillic, "report"], Some("ISO_IR 144"));
        check(&["ISO_IR 144"], &[cyrillic, latin], Some("ISO_IR 192"));
        check(&["ISO_IR 101"], &[latin], Some("ISO_IR 101"));
        check(&["ISO_IR 101"], &[latin, cyrillic], Some("ISO_IR 192"));
        check(&["ISO_IR 100"], &["Müller"], Some("ISO_IR 100"));
        check(&["ISO_IR 100"], &[latin], Some("ISO_IR 192"));
        check(&["ISO_IR 192"], &["Ana"], Some("ISO_IR 192"));
        // Code extensions are flattened where the first set is enough.
        check(&["ISO 2022 IR 101", "ISO 2022 IR 144"], &[latin], Some("ISO_IR 101"));
        check(&["ISO 2022 IR 101", "ISO 2022 IR 144"], &[latin, cyrillic], Some("ISO_IR 192"));
        check(&["", "ISO 2022 IR 144"], &["Ana"], None);
        check(&["", "ISO 2022 IR 144"], &[cyrillic], Some("ISO_IR 192"));
        check(&["ISO 2022 IR 6", "ISO 2022 IR 87"], &["山田"], Some("ISO_IR 192"));
        check(&["GB18030"], &["Ana"], Some("ISO_IR 192"));
        check(&["nonsense"], &["Ana"], Some("ISO_IR 192"));
    }

    #[test]
    fn a_sender_s_text_is_read_as_what_it_is() {
        let check = |repair: Repair, bytes: &[u8], expected: &str| {
            assert_eq!(Charset::repaired(repair).decode(bytes), expected, "{repair:?}");
        };
        check(Repair::Windows1250, b"\xd0OR\xd0EVI\xc6^\x8eaklina", "ĐORĐEVIĆ^Žaklina");
        check(
            Repair::Windows1251,
            b"\xa3\xee\xe2\xe0\xed\xee\xe2\xe8\x9e^\x8a\xe8\x9a\xe0\xed\xe0",
            "Јовановић^Љиљана",
        );
        check(Repair::Utf8, "Ђорђе".as_bytes(), "Ђорђе");
        check(Repair::Latin2, b"\xa9\xd0\xc8\xc6\xae", "ŠĐČĆŽ");
        check(Repair::Cyrillic, b"\xa2\xa8\xa9\xaa\xab\xaf", "ЂЈЉЊЋЏ");
    }

    #[test]
    fn wrong_declarations() {
        for wrong in ["ISO IR 192", "ISO-IR 192", "ISO_IR_192", "iso_ir 192", "UTF-8", "ISO_IR192"] {
            let charset = Charset::new(&[wrong.to_owned()]);
            assert_eq!(charset.decode("Ђорђе".as_bytes()), "Ђорђе", "{wrong}");
            assert!(charset.note().is_some_and(|n| n.contains("misspelt")), "{wrong}");
        }
        for right in ["ISO_IR 192", "ISO_IR 144", "ISO 2022 IR 144", "ISO 2022 IR 6", "GB18030", "GBK"] {
            assert_eq!(Charset::new(&[right.to_owned()]).note(), None, "{right}");
        }
        // No set declared, yet not ASCII: UTF-8 if it is that, else Latin-1, from which the bytes can be had again.
        check(&[], "Ђорђе".as_bytes(), "Ђорђе");
        check(&[], b"\x8ao\xe6", "\u{8a}oæ");
        check(&["ISO_IR 192"], b"a\xffb", "a\u{fffd}b");
        check(&["NONSENSE"], b"abc", "abc");
        assert!(Charset::new(&["NONSENSE".to_owned()]).note().is_some());
    }
}
