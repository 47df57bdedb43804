//! From a stream to its scans: which table, which prediction, which bytes.
//!
//! Invariant: a [`Scan`] lies within the stream, its tables exist, and its restart interval is a number of whole rows.

use super::NAME;
use super::huffman::Table;
use crate::markers::{DHT, DNL, DRI, FrameHeader, SOF3, SOS, Segment, Walk, frame_header, word};
use crate::{CodecError, Extent, Missing};

/// A stream behind its frame header.
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    walk: Walk<'a>,
    pub(super) frame: FrameHeader,
    /// By destination.
    tables: [Option<Table>; 4],
    /// MCUs between restart markers, 0 for none.
    restart: usize,
    /// Bits that were dropped from each sample, in every scan.
    pub(super) transform: u32,
}

/// A component within a scan.
pub(super) struct Component {
    pub(super) id: u8,
    /// Its place in the frame.
    pub(super) place: usize,
    pub(super) table: Table,
}

/// One scan.
pub(super) struct Scan {
    pub(super) components: Vec<Component>,
    /// 1 to 7 (table H.1).
    pub(super) selection: u8,
    /// Bits that were dropped from each sample: less than the precision.
    pub(super) transform: u32,
    /// What the first sample is predicted as.
    pub(super) start: u16,
    /// Rows between restart markers; all rows without them.
    pub(super) restart_rows: usize,
    /// The entropy-coded segments.
    pub(super) segments: Segments,
}

/// The entropy-coded segments of a scan, one for each restart interval (T.81 B.1.1.5), without the zeros that are
/// stuffed behind each FF (F.1.2.3).
#[derive(Default)]
pub(super) struct Segments {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Segments {
    /// Those from `at` to the next marker that is no restart, and where that marker is; `expected` of them, and no more
    /// than the empty one behind a restart marker that some encoders write behind the last interval too.
    ///
    /// Restart markers are numbered (B.2.1). Where the next number is another, intervals are missing or stand in another
    /// order: that is an error, or the end, the segment in front being none that can be trusted.
    fn new(stream: &[u8], mut at: usize, expected: usize, missing: Missing) -> Result<(Self, usize), CodecError> {
        let mut segments = Self { bytes: Vec::with_capacity(stream.len() - at + PADDING), ends: Vec::new() };
        let mut start = 0;
        loop {
            let rest = &stream[at..];
            let found = memchr::memchr(0xFF, rest).unwrap_or(rest.len());
            segments.bytes.extend_from_slice(&rest[..found]);
            at += found;
            let restart = match stream.get(at + 1) {
                Some(0x00) => {
                    segments.bytes.push(0xFF);
                    at += 2;
                    continue;
                }
                // Fill before a marker.
                Some(0xFF) => {
                    at += 1;
                    continue;
                }
                Some(restart @ 0xD0..=0xD7) => Some(usize::from(restart & 7)),
                Some(_) | None => None,
            };
            let index = segments.ends.len();
            if index >= expected && (segments.bytes.len() > start || restart.is_some()) {
                return Err(CodecError::Invalid("the code stream has more restart intervals than rows"));
            }
            match (restart, missing) {
                (Some(number), Missing::Refuse) if number != index % 8 => {
                    return Err(CodecError::Invalid("the restart markers are not in order"));
                }
                (Some(number), Missing::Keep) if number != index % 8 => return Ok((segments, stream.len())),
                _ => segments.end(),
            }
            if restart.is_none() {
                return Ok((segments, at));
            }
            start = segments.bytes.len();
            at += 2;
        }
    }

    fn end(&mut self) {
        self.bytes.extend_from_slice(&[0; PADDING]);
        self.ends.push(self.bytes.len());
    }

    /// Each with [`PADDING`] zeros behind it.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).filter_map(|(&start, &end)| self.bytes.get(start..end))
    }
}

impl Scan {
    /// What the intervals that are there make of the whole, of which there should be `expected`.
    pub(super) fn complete(&self, expected: usize, missing: Missing, extents: &[Extent]) -> Result<Extent, CodecError> {
        match (extents.len() < expected || extents.contains(&Extent::Part), missing) {
            (false, _) => Ok(Extent::Whole),
            (true, Missing::Keep) => Ok(Extent::Part),
            (true, Missing::Refuse) => Err(CodecError::BreaksOff("before the last of its restart intervals")),
        }
    }
}

impl<'a> Stream<'a> {
    /// Reads up to and including the frame header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut walk = Walk::new(bytes, NAME)?;
        let (mut tables, mut restart) = ([const { None }; 4], 0);
        loop {
            let Some(segment) = walk.next()? else { return Err(CodecError::BreaksOff("before its frame header")) };
            match segment.marker {
                SOF3 => {
                    let mut frame = frame_header(segment.body)?;
                    let (transform, data) = first_scan(walk.clone())?;
                    if frame.rows == 0 {
                        let lines = bytes.get(data..).and_then(rows_by_dnl);
                        frame.rows = lines.ok_or(CodecError::Invalid("the code stream has no rows"))?;
                    }
                    check(&frame)?;
                    return Ok(Self { bytes, walk, frame, tables, restart, transform });
                }
                0xC0..=0xC2 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7 => return Err(CodecError::Other(NAME)),
                SOS => return Err(CodecError::Invalid("the code stream has a scan before its frame header")),
                _ => define(&segment, &mut tables, &mut restart)?,
            }
        }
    }

    /// The next scan; `None` where a stream that may break off does.
    pub(super) fn scan(&mut self, missing: Missing) -> Result<Option<Scan>, CodecError> {
        let body = loop {
            let segment = match self.walk.next() {
                Ok(Some(segment)) => segment,
                Ok(None) | Err(CodecError::BreaksOff(_)) if missing == Missing::Keep => return Ok(None),
                Ok(None) => return Err(CodecError::BreaksOff("before the last of its scans")),
                Err(error) => return Err(error),
            };
            match segment.marker {
                SOS => break segment.body,
                SOF3 => return Err(CodecError::Invalid("the code stream has several frame headers")),
                _ => define(&segment, &mut self.tables, &mut self.restart)?,
            }
        };
        let mut scan = self.header(body)?;
        let expected = self.frame.rows.div_ceil(scan.restart_rows);
        (scan.segments, self.walk.at) = Segments::new(self.bytes, self.walk.at, expected, missing)?;
        Ok(Some(scan))
    }

    /// T.81 B.2.3 and H.1.
    fn header(&self, body: &[u8]) -> Result<Scan, CodecError> {
        const CUT: CodecError = CodecError::BreaksOff("in a scan header");
        let count = usize::from(*body.first().ok_or(CUT)?);
        let (pairs, _) = body.get(1..1 + 2 * count).ok_or(CUT)?.as_chunks::<2>();
        let Some(&[selection, _, transform]) = body.get(1 + 2 * count..).and_then(|rest| rest.first_chunk()) else {
            return Err(CUT);
        };
        let component = |&[id, tables]: &[u8; 2]| {
            let place = self.frame.components.iter().position(|(known, _)| *known == id);
            let table = self.tables.get(usize::from(tables >> 4)).and_then(Option::as_ref);
            match (place, table) {
                (Some(place), Some(table)) => Ok(Component { id, place, table: table.clone() }),
                (None, _) => Err(CodecError::Invalid("a scan names a component that the frame does not have")),
                (_, None) => Err(CodecError::Invalid("a scan names a Huffman table that is not defined")),
            }
        };
        let components = pairs.iter().map(component).collect::<Result<Vec<_>, _>>()?;
        // B.2.3: those of the frame, in the frame's order.
        if components.is_empty() || !components.is_sorted_by(|a, b| a.place < b.place) {
            return Err(CodecError::Invalid("a scan has no component, or components that are not in order"));
        }
        if !(1..=7).contains(&selection) {
            return Err(CodecError::Invalid("the prediction is none of the seven"));
        }
        let transform = u32::from(transform & 0x0F);
        if transform >= u32::from(self.frame.precision) {
            return Err(CodecError::Invalid("the point transform leaves no bits"));
        }
        if transform != self.transform {
            return Err(CodecError::Unsupported("a stream whose scans have several point transforms"));
        }
        // H.1.1: a restart interval is a number of whole rows.
        if !self.restart.is_multiple_of(self.frame.columns) {
            return Err(CodecError::Invalid("the restart interval is no number of whole rows"));
        }
        let restart_rows = match self.restart / self.frame.columns {
            0 => self.frame.rows,
            rows => rows,
        };
        let start = 1 << (u32::from(self.frame.precision) - transform - 1);
        Ok(Scan { components, selection, transform, start, restart_rows, segments: Segments::default() })
    }
}

fn check(frame: &FrameHeader) -> Result<(), CodecError> {
    if frame.columns == 0 {
        return Err(CodecError::Invalid("the code stream has no columns"));
    }
    if !(2..=16).contains(&frame.precision) {
        return Err(CodecError::Invalid("the precision is none of 2 to 16 bits"));
    }
    match frame.components.as_slice() {
        [] => Err(CodecError::Invalid("the code stream has no component")),
        [_] => Ok(()),
        several if several.len() > 4 => Err(CodecError::Unsupported("a stream of more than four components")),
        several if several.iter().any(|(_, sampling)| *sampling != 0x11) => {
            Err(CodecError::Unsupported("a lossless stream with subsampled components"))
        }
        several if (1..several.len()).any(|at| several[..at].iter().any(|(id, _)| *id == several[at].0)) => {
            Err(CodecError::Invalid("the code stream has two components of one name"))
        }
        _ => Ok(()),
    }
}

/// DHT and DRI; others say nothing to a lossless process.
fn define(segment: &Segment<'_>, tables: &mut [Option<Table>; 4], restart: &mut usize) -> Result<(), CodecError> {
    match segment.marker {
        DRI => {
            *restart = usize::from(word(segment.body, 0).ok_or(CodecError::BreaksOff("in its restart interval"))?);
            Ok(())
        }
        DHT => {
            let mut rest = segment.body;
            while let Some((&class, behind)) = rest.split_first() {
                const CUT: CodecError = CodecError::BreaksOff("in a Huffman table");
                let (lengths, behind) = behind.split_first_chunk::<16>().ok_or(CUT)?;
                let count = lengths.iter().map(|&n| usize::from(n)).sum();
                let values = behind.get(..count).ok_or(CUT)?;
                rest = &behind[count..];
                // Class 1 is for AC coefficients, which a lossless process does not have.
                if class >> 4 == 0 {
                    let place = tables.get_mut(usize::from(class));
                    *place.ok_or(CodecError::Invalid("a Huffman table has no destination"))? =
                        Some(Table::new(lengths, values)?);
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Zeros behind the data, so that eight bytes can be read at any byte of it.
pub(super) const PADDING: usize = 8;

/// The point transform of the first scan, and where its data begin.
fn first_scan(mut walk: Walk<'_>) -> Result<(u32, usize), CodecError> {
    while let Some(segment) = walk.next()? {
        if let (SOS, Some(last)) = (segment.marker, segment.body.last()) {
            return Ok((u32::from(last & 0x0F), walk.at));
        }
    }
    Err(CodecError::BreaksOff("before its first scan"))
}

/// Lines by DNL (T.81 B.2.5), which stands behind the data of the first scan.
fn rows_by_dnl(data: &[u8]) -> Option<usize> {
    let found = memchr::memmem::find(data, &[0xFF, DNL, 0, 4])?;
    word(data, found + 4).map(usize::from).filter(|rows| *rows > 0)
}
