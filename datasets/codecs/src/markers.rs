//! The marker segments that JPEG and JPEG-LS share (ITU-T T.81 annex B, ISO 14495-1 annex C).
//!
//! Invariant: a [`Walk`] never goes back, and every segment it gives lies within the stream.

use crate::{CodecError, Shape};

pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const DHT: u8 = 0xC4;
pub(crate) const DRI: u8 = 0xDD;
pub(crate) const DNL: u8 = 0xDC;
pub(crate) const SOF3: u8 = 0xC3;

/// A marker with what follows its length.
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) body: &'a [u8],
}

/// From marker to marker.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    stream: &'a [u8],
    /// Behind the last segment.
    pub(crate) at: usize,
}

impl<'a> Walk<'a> {
    /// Starts behind SOI. Zeros before it (a fragment padded in front) are no stream.
    pub(crate) fn new(stream: &'a [u8], name: &'static str) -> Result<Self, CodecError> {
        if !stream.starts_with(&[0xFF, SOI]) {
            return Err(CodecError::Other(name));
        }
        Ok(Self::behind(stream, 2))
    }

    /// Starts at a byte, which is no marker's second.
    pub(crate) fn behind(stream: &'a [u8], at: usize) -> Self {
        Self { stream, at }
    }

    /// The next segment, or `None` at EOI. Fill bytes FF before a marker, and anything that is no marker between
    /// segments, are passed over (real files have both).
    pub(crate) fn next(&mut self) -> Result<Option<Segment<'a>>, CodecError> {
        const CUT: CodecError = CodecError::BreaksOff("in its header");
        loop {
            let rest = self.stream.get(self.at..).unwrap_or_default();
            let skip = rest.iter().position(|&b| b == 0xFF).ok_or(CUT)?;
            let fill = rest[skip..].iter().take_while(|&&b| b == 0xFF).count();
            let marker = *rest.get(skip + fill).ok_or(CUT)?;
            self.at += skip + fill + 1;
            match marker {
                EOI => return Ok(None),
                // No segment follows: stuffing, TEM, RSTn, a second SOI.
                0x00 | 0x01 | 0xD0..=SOI => {}
                _ => {
                    let rest = &self.stream[self.at..];
                    let length = rest.first_chunk().map(|b| usize::from(u16::from_be_bytes(*b))).ok_or(CUT)?;
                    // T.81 B.1.1.4: the length counts its own two bytes.
                    if length < 2 {
                        return Err(CodecError::Invalid("a marker segment is shorter than its own length"));
                    }
                    let body = rest.get(2..length).ok_or(CUT)?;
                    self.at += length;
                    return Ok(Some(Segment { marker, body }));
                }
            }
        }
    }
}

pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|b| u16::from_be_bytes(*b))
}

/// A frame header (T.81 B.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) precision: u16,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Identifier and sampling factors of each component.
    pub(crate) components: Vec<(u8, u8)>,
}

impl FrameHeader {
    /// What the header tells, and the sign, which it does not.
    pub(crate) fn shape(&self, signed: bool) -> Shape {
        let Self { precision, rows, columns, ref components } = *self;
        Shape { rows, columns, components: components.len(), precision, signed }
    }
}

pub(crate) fn frame_header(body: &[u8]) -> Result<FrameHeader, CodecError> {
    const CUT: CodecError = CodecError::BreaksOff("in its frame header");
    let count = usize::from(*body.get(5).ok_or(CUT)?);
    let components = body.get(6..6 + 3 * count).ok_or(CUT)?;
    Ok(FrameHeader {
        precision: u16::from(body[0]),
        rows: usize::from(word(body, 1).ok_or(CUT)?),
        columns: usize::from(word(body, 3).ok_or(CUT)?),
        components: components.as_chunks::<3>().0.iter().map(|[id, sampling, _]| (*id, *sampling)).collect(),
    })
}
