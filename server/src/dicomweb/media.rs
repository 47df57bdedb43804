//! Content-Type and Accept as real clients write them.
//!
//! PS3.18 writes `type=application/dicom` without quotes although RFC 2045 asks for them, and so do clients; both are
//! taken, in any case and any order.

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
