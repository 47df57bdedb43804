//! What a peer's certificate says of itself (RFC 5280 section 4.1), for people who look after it. Nothing is verified
//! here: rustls did that.
//!
//! Invariant: any bytes give a [`Certificate`] or `None`.

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject's common name, if it has one.
    pub common_name: Option<String>,
    /// The last moment it is valid.
    pub not_after: OffsetDateTime,
}

const SEQUENCE: u8 = 0x30;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

impl Certificate {
    /// Reads one in DER.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (to_be_signed, _) = expect(certificate, SEQUENCE)?;
        // The version, [0], may be absent.
        let rest = expect(to_be_signed, 0xA0).map_or(to_be_signed, |(_, rest)| rest);
        let (_, rest) = expect(rest, 0x02)?;
        let (_, rest) = expect(rest, SEQUENCE)?;
        let (_, rest) = expect(rest, SEQUENCE)?;
        let (validity, rest) = expect(rest, SEQUENCE)?;
        let (subject, _) = expect(rest, SEQUENCE)?;
        let (_, _, not_after) = element(validity)?;
        let (kind, value, _) = element(not_after)?;
        Some(Self { common_name: common_name(subject), not_after: moment(kind, value)? })
    }
}

fn common_name(mut subject: &[u8]) -> Option<String> {
    while let Some((set, rest)) = expect(subject, 0x31) {
        subject = rest;
        let (pair, _) = expect(set, SEQUENCE)?;
        let (name, value) = expect(pair, 0x06)?;
        if name == COMMON_NAME {
            let (_, text, _) = element(value)?;
            let text = String::from_utf8_lossy(text);
            return Some(text.chars().filter(|c| !c.is_control()).take(64).collect());
        }
    }
    None
}

/// UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5).
fn moment(kind: u8, value: &[u8]) -> Option<OffsetDateTime> {
    const FORM: &[FormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]Z");
    let text = std::str::from_utf8(value).ok()?;
    let text = match kind {
        0x17 => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    Some(PrimitiveDateTime::parse(&text, FORM).ok()?.assume_utc())
}

fn expect(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = element(bytes)?;
    (found == kind).then_some((value, rest))
}

/// Tag, value and what follows (X.690 section 8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((kind, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0x82];
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
        bytes
    }

    fn certificate(version: bool, until: &[u8]) -> Vec<u8> {
        let name = |text: &[u8]| tlv(0x31, &tlv(SEQUENCE, &[tlv(0x06, COMMON_NAME), tlv(0x0C, text)].concat()));
        let validity = [tlv(0x17, b"250101000000Z"), until.to_vec()].concat();
        let body = [
            if version { tlv(0xA0, &[2, 1, 2]) } else { Vec::new() },
            tlv(0x02, &[1]),
            tlv(SEQUENCE, &[]),
            tlv(SEQUENCE, &name(b"authority")),
            tlv(SEQUENCE, &validity),
            tlv(SEQUENCE, &name(b"pacs\n.example.org")),
        ];
        tlv(SEQUENCE, &tlv(SEQUENCE, &body.concat()))
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let check = |version, until: &[u8], expected: &str| {
            let read = Certificate::read(&certificate(version, until)).expect("a certificate");
            assert_eq!(read.common_name.as_deref(), Some("pacs.example.org"));
            assert_eq!(read.not_after.date().to_string(), expected);
        };
        check(true, &tlv(0x17, b"270131120000Z"), "2027-01-31");
        check(false, &tlv(0x18, b"20510131120000Z"), "2051-01-31");
        check(true, &tlv(0x17, b"990131120000Z"), "1999-01-31");
        assert_eq!(Certificate::read(&certificate(true, &tlv(0x17, b"soon"))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), cut in 0_usize..200) {
            let _ = Certificate::read(&bytes);
            let whole = certificate(true, &tlv(0x17, b"270131120000Z"));
            let _ = Certificate::read(&whole[..cut.min(whole.len())]);
        }
    }
}
