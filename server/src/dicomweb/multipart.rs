//! A multipart body (RFC 2046 section 5.1) as a stream of events.
//!
//! Why not the `multer` crate: it is made for `multipart/form-data`, refuses a delimiter line with transport padding,
//! and takes the payload for headers when a part has none; all three are allowed here.
//!
//! Invariants: the payload's bytes come out exactly as they went in, whatever they end with (the CRLF before a
//! delimiter belongs to the delimiter, nothing else does), in whatever pieces the network delivered them; at most one
//! piece and `header_bytes_max` are buffered.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// The most padding that a delimiter line may end with.
const PADDING_BYTES_MAX: usize = 256;

/// The longest boundary taken. RFC 2046 allows 70.
const BOUNDARY_BYTES_MAX: usize = 200;

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// The boundary is none.
    #[error("the boundary must have 1 to {BOUNDARY_BYTES_MAX} characters")]
    Boundary,
    /// No closing delimiter came.
    #[error("the body ends before its closing boundary")]
    Truncated,
    /// The headers of a part never end.
    #[error("a part's headers have more than {0} bytes")]
    HeadersTooLong(usize),
    /// A line among the headers is none.
    #[error("a part has a header line without a colon")]
    Header,
    /// The payload is encoded.
    #[error("a part has a Content-Transfer-Encoding or Content-Encoding; DICOM parts are sent as they are")]
    Encoded,
}

/// What comes next in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins.
    Start,
    /// Bytes of its payload.
    Data(Bytes),
    /// It ends.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    Headers,
    Payload,
    /// A delimiter was met; the part before it has been ended.
    Delimited,
    Epilogue,
}

/// What follows the characters of a delimiter.
enum Line {
    /// Nothing but padding: a part begins after so many bytes.
    Part(usize),
    /// Two hyphens: the body is over.
    Closing,
    /// Something else: they are payload that happens to look like a delimiter.
    Payload,
    /// Too few bytes to tell.
    Unknown,
}

/// Give it pieces with [`Parser::push`], take events with [`Parser::next`] until there are none.
#[derive(Debug)]
pub(super) struct Parser {
    delimiter: Finder<'static>,
    buffer: BytesMut,
    state: State,
    header_bytes_max: usize,
}

impl Parser {
    pub(super) fn new(boundary: &str, header_bytes_max: usize) -> Result<Self, Malformed> {
        if !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) {
            return Err(Malformed::Boundary);
        }
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The line break of the first delimiter is absent when there is no preamble.
        Ok(Self { delimiter, buffer: BytesMut::from(&b"\r\n"[..]), state: State::Preamble, header_bytes_max })
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.state != State::Epilogue {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// The next event; `None` until more is pushed.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Malformed> {
        loop {
            match self.state {
                State::Preamble => {
                    // What is before the first delimiter is nobody's.
                    if self.payload().is_none() && !self.delimited() {
                        return Ok(None);
                    }
                }
                State::Payload => {
                    if let Some(data) = self.payload() {
                        return Ok(Some(Event::Data(data)));
                    }
                    if !self.delimited() {
                        return Ok(None);
                    }
                    return Ok(Some(Event::End));
                }
                State::Delimited => {
                    let length = self.delimiter.needle().len();
                    match self.line(length) {
                        Line::Part(end) => {
                            let _ = self.buffer.split_to(end);
                            self.state = State::Headers;
                        }
                        Line::Closing | Line::Payload | Line::Unknown => {
                            self.buffer.clear();
                            self.state = State::Epilogue;
                        }
                    }
                }
                State::Headers => {
                    if !self.headers()? {
                        return Ok(None);
                    }
                    self.state = State::Payload;
                    return Ok(Some(Event::Start));
                }
                State::Epilogue => return Ok(None),
            }
        }
    }

    /// Says whether the body may end here.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.state == State::Epilogue { Ok(()) } else { Err(Malformed::Truncated) }
    }

    /// Takes the bytes that cannot be part of a delimiter.
    fn payload(&mut self) -> Option<Bytes> {
        let needle = self.delimiter.needle();
        let end = match self.delimiter.find(&self.buffer) {
            Some(at) => match self.line(at + needle.len()) {
                Line::Payload => at + 2,
                Line::Part(_) | Line::Closing | Line::Unknown => at,
            },
            None => self.buffer.len().saturating_sub(needle.len() - 1),
        };
        (end > 0).then(|| self.buffer.split_to(end).freeze())
    }

    /// Whether the buffer begins with a delimiter that is complete.
    fn delimited(&mut self) -> bool {
        let needle = self.delimiter.needle();
        let complete =
            self.buffer.starts_with(needle) && matches!(self.line(needle.len()), Line::Part(_) | Line::Closing);
        if complete {
            self.state = State::Delimited;
        }
        complete
    }

    fn line(&self, at: usize) -> Line {
        let rest = self.buffer.get(at..).unwrap_or_default();
        if rest.starts_with(b"--") {
            return Line::Closing;
        }
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match &rest[padding..] {
            _ if padding > PADDING_BYTES_MAX => Line::Payload,
            [b'\r', b'\n', ..] => Line::Part(at + padding + 2),
            [] | [b'\r'] => Line::Unknown,
            [b'-'] if padding == 0 => Line::Unknown,
            _ => Line::Payload,
        }
    }

    /// Takes a part's headers, if they are there in full. None of them is needed; some forbid.
    fn headers(&mut self) -> Result<bool, Malformed> {
        let end = if self.buffer.starts_with(b"\r\n") {
            Some(0)
        } else {
            memchr::memmem::find(&self.buffer, b"\r\n\r\n").map(|at| at + 2)
        };
        if end.unwrap_or(self.buffer.len()) > self.header_bytes_max {
            return Err(Malformed::HeadersTooLong(self.header_bytes_max));
        }
        let Some(end) = end else { return Ok(false) };
        let headers = self.buffer.split_to(end + 2);
        for line in headers[..end].split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end) {
            // A line that begins with white space continues the one before.
            if line.is_empty() || matches!(line[0], b' ' | b'\t') {
                continue;
            }
            let colon = line.iter().position(|b| *b == b':').ok_or(Malformed::Header)?;
            refuse_encoding(line[..colon].trim_ascii(), line[colon + 1..].trim_ascii())?;
        }
        Ok(true)
    }
}

fn refuse_encoding(name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let is = |text: &[u8], expected: &str| text.eq_ignore_ascii_case(expected.as_bytes());
    let plain = ["binary", "8bit", "7bit", "identity", ""].iter().any(|plain| is(value, plain));
    if (is(name, "content-transfer-encoding") || is(name, "content-encoding")) && !plain {
        return Err(Malformed::Encoded);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts of a body that arrives in pieces of `piece` bytes.
    fn parts(body: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut parser = Parser::new("b0", 200)?;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for piece in body.chunks(piece) {
            parser.push(piece);
            while let Some(event) = parser.next()? {
                match event {
                    Event::Start => {
                        assert!(!std::mem::replace(&mut open, true));
                        parts.push(Vec::new());
                    }
                    Event::Data(data) => parts.last_mut().expect("a part").extend_from_slice(&data),
                    Event::End => assert!(std::mem::replace(&mut open, false)),
                }
            }
        }
        parser.finish()?;
        assert!(!open);
        Ok(parts)
    }

    fn check(body: &str, expected: Result<&[&str], Malformed>) {
        for piece in [1, 2, 3, 7, 1000] {
            let seen = parts(body.as_bytes(), piece);
            let expected = expected.map(|parts| parts.iter().map(|p| p.as_bytes().to_vec()).collect());
            assert_eq!(seen, expected, "{body:?} in pieces of {piece}");
        }
    }

    #[test]
    fn bodies_as_clients_write_them() {
        check("--b0\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--b0--\r\n", Ok(&["abc"]));
        check("\r\n--b0\r\ncontent-LENGTH:3\r\nContent-Type: a/b\r\n\r\nabc\r\n--b0--", Ok(&["abc"]));
        check("preamble --b0\r\n--b0  \t\r\nA: b;\r\n c\r\n\r\na\r\n--b0\r\nB:\r\n\r\nc\r\n--b0--x", Ok(&["a", "c"]));
        check("--b0\r\n\r\nno headers\r\n\r\n--b0--", Ok(&["no headers\r\n"]));
        check("--b0\r\n\r\n\r\n--b0--", Ok(&[""]));
        check("--b0--", Ok(&[]));
        check("--b0\r\nContent-Transfer-Encoding: Binary\r\n\r\nx\r\n--b0--", Ok(&["x"]));
    }

    #[test]
    fn payloads_that_look_like_delimiters() {
        check("--b0\r\n\r\na\r\n--b01\r\n--b\r\n--b0x\n\r\n\r\n--b0--", Ok(&["a\r\n--b01\r\n--b\r\n--b0x\n\r\n"]));
        check("--b0\r\n\r\n--b0\r\r\n--b0-\r\n--b0--", Ok(&["--b0\r\r\n--b0-"]));
    }

    #[test]
    fn malformed_bodies() {
        check("", Err(Malformed::Truncated));
        check("abc", Err(Malformed::Truncated));
        check("--b0\r\n\r\nabc", Err(Malformed::Truncated));
        check("--b0\r\n\r\nabc\r\n--b0\r\n", Err(Malformed::Truncated));
        check("--b0\r\nnonsense\r\n\r\nabc\r\n--b0--", Err(Malformed::Header));
        check("--b0\r\nContent-Transfer-Encoding: base64\r\n\r\nabc\r\n--b0--", Err(Malformed::Encoded));
        check(&format!("--b0\r\nA: {}\r\n\r\n", "x".repeat(300)), Err(Malformed::HeadersTooLong(200)));
        check(&format!("--b0\r\nA: {}", "x".repeat(300)), Err(Malformed::HeadersTooLong(200)));
        assert!(Parser::new("", 200).is_err());
    }

    proptest! {
        #[test]
        fn payloads_come_out_as_they_went_in(
            payloads in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"\r\n-b0 \0x"[..]), 0..60), 0..4),
            piece in 1_usize..40,
        ) {
            // A payload that holds a true delimiter cannot be sent under this boundary.
            let true_delimiter = |p: &Vec<u8>| {
                let whole = [b"\r\n", p.as_slice(), b"\r\n"].concat();
                parts(&[b"--b0\r\n", whole.as_slice(), b"--b0--"].concat(), 1000) != Ok(vec![p.clone()])
            };
            prop_assume!(!payloads.iter().any(|p| memchr::memmem::find(&[b"\r\n", p.as_slice()].concat(), b"\r\n--b0").is_some()));
            prop_assert!(!payloads.iter().any(true_delimiter));
            let mut body = b"\r\n".to_vec();
            for payload in &payloads {
                body.extend_from_slice(b"--b0\r\nX: y\r\n\r\n");
                body.extend_from_slice(payload);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--b0--\r\n");
            prop_assert_eq!(parts(&body, piece), Ok(payloads));
        }
    }
}
