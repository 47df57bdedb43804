//! Content-Type and Accept as real clients write them.
//!
//! PS3.18 writes `type=application/dicom` without quotes although RFC 2045 asks for them, and so do clients; both are
//! taken, in any case and any order.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// A media type with its parameters. Type, subtype and names are lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// `multipart/related`.
    pub(super) essence: String,
    parameters: Vec<(String, String)>,
}

impl Media {
    /// Parses one media type (or range); `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = split(text, ';').into_iter();
        let essence = pieces.next()?.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !token(kind) || !token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        for piece in pieces.map(str::trim).filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=')?;
            parameters.push((name.trim().to_ascii_lowercase(), unquote(value.trim())?));
        }
        Some(Self { essence, parameters })
    }

    /// The value of a parameter, as written, without quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Whether an Accept header allows `application/dicom+json`, the one form of answer that there is.
pub(super) fn accepts_dicom_json(accept: &str) -> bool {
    let ranges: Vec<_> = split(accept, ',').into_iter().filter_map(Media::parse).collect();
    // The most specific range decides (RFC 9110 section 12.5.1).
    let levels: [&[&str]; 3] = [&["application/dicom+json", "application/json"], &["application/*"], &["*/*"]];
    for level in levels {
        let mut matching = ranges.iter().filter(|range| level.contains(&range.essence.as_str())).peekable();
        if matching.peek().is_some() {
            return matching.any(|range| range.parameter("q").is_none_or(|q| q.parse() != Ok(0.0)));
        }
    }
    accept.trim().is_empty()
}

/// The media ranges that a client accepts, most wanted first; those with a quality of 0 are left out. Nothing said: all.
pub(super) fn wanted(headers: &HeaderMap) -> Vec<Media> {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = accept.join(",");
    let accept = if accept.trim().is_empty() { "*/*" } else { accept.as_str() };
    let quality = |media: &Media| match media.parameter("q") {
        Some(q) => q.parse::<f32>().ok().filter(|q| q.is_finite()).unwrap_or(1.0),
        None => 1.0,
    };
    let ranges = split(accept, ',').into_iter().filter_map(Media::parse).map(|media| (quality(&media), media));
    let mut ranges: Vec<_> = ranges.filter(|(quality, _)| *quality > 0.0).collect();
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranges.into_iter().map(|(_, media)| media).collect()
}

/// How parts are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// `multipart/related`.
    Multipart,
    /// The one part is the body.
    Single,
}

impl Media {
    /// Whether parts of this media type and transfer syntax may be sent, and how; `single` says that there is only one.
    /// A range that names no transfer syntax takes what there is.
    pub(super) fn takes(&self, media: &str, transfer_syntax: &str, single: bool) -> Option<Packing> {
        let fits = |range: &str| {
            let family = range.strip_suffix("/*").zip(media.split_once('/')).is_some_and(|(a, (b, _))| a == b);
            range.eq_ignore_ascii_case(media) || range == "*/*" || family
        };
        let syntax = self.parameter("transfer-syntax").is_none_or(|syntax| syntax == "*" || syntax == transfer_syntax);
        match self.essence.as_str() {
            "*/*" | "multipart/*" => Some(Packing::Multipart),
            "multipart/related" => (syntax && self.parameter("type").is_none_or(fits)).then_some(Packing::Multipart),
            range => (single && syntax && fits(range)).then_some(Packing::Single),
        }
    }
}

/// Splits at a separator that is not inside quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn unquote(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return (!value.is_empty() && !value.contains('"')).then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next()?),
            _ => text.push(c),
        }
    }
    None
}

fn token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<&str>, Option<&str>)>) {
        let media = Media::parse(text);
        let seen = media.as_ref().map(|m| (m.essence.as_str(), m.parameter("type"), m.parameter("boundary")));
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn content_types_as_clients_write_them() {
        let full = Some(("multipart/related", Some("application/dicom"), Some("abc")));
        check("multipart/related; type=\"application/dicom\"; boundary=abc", full);
        check("multipart/related; type=application/dicom; boundary=\"abc\"", full);
        check("Multipart/Related;BOUNDARY=abc;Type=application/dicom", full);
        check("multipart/related; boundary=abc", Some(("multipart/related", None, Some("abc"))));
        check(
            "multipart/related; boundary=\"a;b \\\"c\"; start=\"<1>\"",
            Some(("multipart/related", None, Some("a;b \"c"))),
        );
        check("application/dicom;", Some(("application/dicom", None, None)));
        check("multipart/related; boundary=\"abc", None);
        check("multipart/related; boundary", None);
        check("multipart", None);
        check("", None);
    }

    #[test]
    fn the_most_wanted_comes_first() {
        let check = |accept: &[&'static str], expected: &[&str]| {
            let headers = accept.iter().map(|value| (ACCEPT, axum::http::HeaderValue::from_static(value))).collect();
            let found: Vec<_> = wanted(&headers).into_iter().map(|media| media.essence).collect();
            assert_eq!(found, expected, "{accept:?}");
        };
        check(&[], &["*/*"]);
        check(&["image/png;q=0.5, image/jpeg"], &["image/jpeg", "image/png"]);
        check(&["image/png", "image/jpeg;q=0"], &["image/png"]);
        check(&["image/png;q=nonsense, nonsense"], &["image/png"]);
        check(&["nonsense"], &[]);
    }

    #[test]
    fn what_a_range_takes() {
        let check = |range: &str, single: bool, expected: Option<Packing>| {
            let media = Media::parse(range).expect("a range");
            assert_eq!(media.takes("application/dicom", "1.2.4", single), expected, "{range}");
        };
        let (multipart, alone) = (Some(Packing::Multipart), Some(Packing::Single));
        check("*/*", true, multipart);
        check("multipart/related", false, multipart);
        check("multipart/related; type=\"application/dicom\"", true, multipart);
        check("multipart/related; type=\"application/dicom\"; transfer-syntax=*", true, multipart);
        check("multipart/related; type=application/dicom; transfer-syntax=1.2.4", true, multipart);
        check("multipart/related; type=application/dicom; transfer-syntax=1.2.5", true, None);
        check("multipart/related; type=\"application/octet-stream\"", true, None);
        check("multipart/related; type=\"application/*\"", true, multipart);
        check("application/dicom", true, alone);
        check("application/dicom", false, None);
        check("application/*", true, alone);
        check("image/*", true, None);
        check("text/html", true, None);
    }

    #[test]
    fn accept_is_negotiated() {
        for (accept, expected) in [
            ("", true),
            ("*/*", true),
            ("application/*;q=0.1", true),
            ("application/dicom+json", true),
            ("application/json", true),
            ("application/dicom+xml, */*;q=0.1", true),
            ("application/dicom+xml", false),
            ("text/html", false),
            ("application/dicom+json;q=0, */*", false),
            ("*/*;q=0", false),
        ] {
            assert_eq!(accepts_dicom_json(accept), expected, "{accept}");
        }
    }
}
