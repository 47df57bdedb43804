//! What a stream of T.81 says of itself before its first scan is over, and what may stand behind that scan.
//!
//! Invariant: no process but those that libjpeg is asked for comes out of [`read`].

use std::borrow::Cow;

use crate::markers::{DRI, EOI, FrameHeader, SOS, Walk, frame_header, word};
use crate::{CodecError, Format, Header, Shape};

/// Zeros between the last bits of a scan and the end marker that libjpeg may find to be unused. Encoders that fill up
/// words leave 3 at most; a black row of a large frame takes many more. What libjpeg has read ahead (up to 8 bytes) it
/// does not count, so that nobody looks at it.
pub(super) const PADDING_BYTES_MAX: usize = 3;

/// What a stream says before its first scan is over.
pub(super) struct Coded {
    pub(super) header: Header,
    /// Whether libjpeg has to read all scans before it gives a row.
    pub(super) buffered: bool,
    /// MCUs between restart markers; 0 where there are none.
    restart: u16,
    /// Behind the first scan header.
    scan: usize,
    /// Where the last 3 bytes of the first scan header are, if they say what a sequential scan cannot mean.
    spectral: Option<usize>,
}

/// All coefficients, all bits: the only thing that a scan header of a sequential frame may say (T.81 table B.3).
pub(super) const SEQUENTIAL: [u8; 3] = [0, 63, 0];

impl Coded {
    /// Some encoders (that of NEMA's files of 12 bits) leave these bytes 0, of which libjpeg warns.
    pub(super) fn repaired<'a>(&self, stream: &'a [u8]) -> Cow<'a, [u8]> {
        match self.spectral {
            None => Cow::Borrowed(stream),
            Some(at) => Cow::Owned([&stream[..at], &SEQUENTIAL, &stream[at + 3..]].concat()),
        }
    }

    /// Whether the `count` bytes before the end marker, which libjpeg had no use for, are zeros that pad the only scan.
    /// Anything else there is a part of a frame that is not the one declared, or was damaged.
    pub(super) fn is_padding(&self, stream: &[u8], count: usize) -> bool {
        let mut walk = Walk::behind(stream, self.scan);
        while let Ok(Some(_)) = walk.next() {}
        let Some((scan, &[0xFF, EOI])) = stream.get(..walk.at).and_then(<[u8]>::split_last_chunk::<2>) else {
            return false;
        };
        // Fill bytes may stand before any marker (T.81 B.1.1.2), and are not counted.
        let unfilled = scan.len() - scan.iter().rev().take_while(|byte| **byte == 0xFF).count();
        let unused = unfilled.checked_sub(count).map(|start| &scan[start..unfilled]);
        let zeros = unused.is_some_and(|unused| unused.iter().all(|byte| *byte == 0));
        !self.buffered && self.restart == 0 && count <= PADDING_BYTES_MAX && zeros
    }
}

/// Reads frame and scan header (T.81 B.2.2, B.2.3).
pub(super) fn read(stream: &[u8], declared: &Shape) -> Result<Coded, CodecError> {
    const CUT: CodecError = CodecError::BreaksOff("in a scan header");
    let mut walk = Walk::new(stream, "JPEG")?;
    let mut frame: Option<(u8, FrameHeader)> = None;
    let mut restart = 0;
    while let Some(segment) = walk.next()? {
        match (segment.marker, &frame) {
            (0xC0..=0xC2, Some(_)) => return Err(CodecError::Invalid("the JPEG stream has several frame headers")),
            (0xC0..=0xC2, None) => frame = Some((segment.marker, checked(frame_header(segment.body)?)?)),
            (0xC3 | 0xF7, _) => return Err(CodecError::Other("JPEG")),
            (0xC5..=0xC7 | 0xDE, _) => return Err(CodecError::Unsupported("hierarchical JPEG")),
            (0xC9..=0xCB | 0xCD..=0xCF, _) => return Err(CodecError::Unsupported("arithmetic-coded JPEG")),
            (DRI, _) => restart = word(segment.body, 0).ok_or(CUT)?,
            (SOS, None) => return Err(CodecError::Invalid("the JPEG stream has a scan before its frame header")),
            (SOS, Some((process, frame))) => {
                let shape = frame.shape(declared.signed);
                let scanned = usize::from(*segment.body.first().ok_or(CUT)?);
                let bytes = segment.body.get(1 + 2 * scanned..).and_then(<[u8]>::first_chunk::<3>).ok_or(CUT)?;
                let told = *process == 0xC2 || *bytes == SEQUENTIAL;
                return Ok(Coded {
                    header: Header { format: Format::JpegDct, shape, lossy: true, reductions: 0 },
                    buffered: *process == 0xC2 || scanned < shape.components,
                    restart,
                    scan: walk.at,
                    spectral: (!told).then(|| walk.at - (segment.body.len() - 1 - 2 * scanned)),
                });
            }
            _ => {}
        }
    }
    Err(CodecError::BreaksOff("before its scan"))
}

fn checked(frame: FrameHeader) -> Result<FrameHeader, CodecError> {
    if frame.columns == 0 {
        return Err(CodecError::Invalid("the JPEG stream has no columns"));
    }
    if frame.rows == 0 {
        return Err(CodecError::Unsupported("JPEG that tells its rows behind a scan"));
    }
    if !matches!(frame.precision, 8 | 12) {
        return Err(CodecError::Invalid("the JPEG stream is of neither 8 nor 12 bits"));
    }
    if !matches!(frame.components.len(), 1 | 3) {
        return Err(CodecError::Unsupported("JPEG of two or four components"));
    }
    Ok(frame)
}
