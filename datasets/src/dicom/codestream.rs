//! What a compressed frame says of itself, read before a decoder sees it.
//!
//! The decoders allocate by the code stream's own width and height, which a hostile file may set to 65535 each, and
//! one of them gives wrong values for legal streams. Invariant: a stream that passes has the dimensions the data set
//! declares, one component, and nothing that our decoders are known to get wrong.

/// How the stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// JPEG with a discrete cosine transform (SOF0, SOF1, SOF2).
    Dct,
    /// JPEG process 14 (SOF3).
    Lossless,
    /// JPEG-LS (SOF55).
    Ls,
    /// JPEG 2000.
    Wavelet,
}

/// A code stream's main header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) process: Process,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) components: usize,
    /// Bits of a sample.
    pub(super) precision: u16,
    /// Whether the samples are coded with a sign (JPEG 2000 only).
    pub(super) signed: bool,
}

/// OpenJPEG keeps some 7 KiB a tile from the start; the smallest tiles in use, 64 by 64, cut a mammogram into 3000.
const TILES_MAX: u64 = 8192;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|b| u16::from_be_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
}

/// The frame header of a JPEG or JPEG-LS stream: ISO 10918-1 B.2.2, ISO 14495-1 C.2.2.
pub(super) fn jpeg(bytes: &[u8]) -> Result<Coded, &'static str> {
    const CUT: &str = "the JPEG stream breaks off in its header";
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Err("the frame is no JPEG stream");
    }
    let mut at = 2;
    let mut frame: Option<Coded> = None;
    let mut restart = 0_usize;
    loop {
        // Any number of fill bytes FF may stand before a marker.
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let (Some(0xFF), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) else { return Err(CUT) };
        let length = usize::from(u16_at(bytes, at + 2).ok_or(CUT)?);
        let segment = bytes.get(at + 4..at + 2 + length.max(2)).ok_or(CUT)?;
        at += 2 + length.max(2);
        match marker {
            0xC0..=0xC3 | 0xF7 => {
                if frame.is_some() {
                    return Err("the JPEG stream has several frame headers");
                }
                frame = Some(jpeg_frame(marker, segment).ok_or(CUT)?);
            }
            0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Err("the JPEG stream is hierarchical or arithmetic"),
            0xDD => restart = usize::from(u16_at(segment, 0).ok_or(CUT)?),
            0xDA => {
                let frame = frame.ok_or("the JPEG stream has no frame header")?;
                return jpeg_scan(frame, segment, restart);
            }
            0xD0..=0xD9 | 0x00 | 0x01 => return Err("the JPEG stream has a marker out of place"),
            _ => {}
        }
    }
}

fn jpeg_frame(marker: u8, segment: &[u8]) -> Option<Coded> {
    let process = match marker {
        0xC3 => Process::Lossless,
        0xF7 => Process::Ls,
        _ => Process::Dct,
    };
    Some(Coded {
        process,
        precision: u16::from(*segment.first()?),
        rows: usize::from(u16_at(segment, 1)?),
        columns: usize::from(u16_at(segment, 3)?),
        components: usize::from(*segment.get(5)?),
        signed: false,
    })
}

/// What jpeg-decoder 0.3.2 gets wrong in lossless scans: it predicts across restart intervals, and from values that
/// are already shifted back by the point transform.
fn jpeg_scan(frame: Coded, segment: &[u8], restart: usize) -> Result<Coded, &'static str> {
    if frame.process == Process::Lossless {
        if restart != 0 && restart < frame.rows * frame.columns {
            return Err("lossless JPEG with restart intervals is not decoded rightly by the decoder at hand");
        }
        if segment.last().is_some_and(|b| b & 0x0F != 0) {
            return Err("lossless JPEG with a point transform is not decoded rightly by the decoder at hand");
        }
    }
    Ok(frame)
}

/// The SIZ segment of a JPEG 2000 code stream (ISO 15444-1 A.5.1), which some senders wrap in a JP2 file.
pub(super) fn jpeg2000(bytes: &[u8]) -> Result<Coded, &'static str> {
    const CUT: &str = "the JPEG 2000 stream breaks off in its header";
    const START: &[u8] = &[0xFF, 0x4F, 0xFF, 0x51];
    const BOXES_BYTES_MAX: usize = 4096;
    let head = &bytes[..bytes.len().min(BOXES_BYTES_MAX)];
    let start = head.windows(START.len()).position(|w| w == START).ok_or("the frame is no JPEG 2000 stream")?;
    let siz = &bytes[start + START.len()..];
    let at = |offset| u32_at(siz, offset).ok_or(CUT);
    let (x, y, x0, y0) = (at(4)?, at(8)?, at(12)?, at(16)?);
    let (tile_x, tile_y) = (at(20)?, at(24)?);
    let (Some(columns), Some(rows)) = (x.checked_sub(x0), y.checked_sub(y0)) else {
        return Err("the JPEG 2000 stream has no area");
    };
    if tile_x == 0 || tile_y == 0 {
        return Err("the JPEG 2000 stream has tiles without area");
    }
    let tiles = u64::from(x.div_ceil(tile_x)) * u64::from(y.div_ceil(tile_y));
    if tiles > TILES_MAX {
        return Err("the JPEG 2000 stream has too many tiles");
    }
    let depth = *siz.get(38).ok_or(CUT)?;
    if siz.get(39..41) != Some(&[1, 1]) {
        return Err("the JPEG 2000 stream is subsampled");
    }
    Ok(Coded {
        process: Process::Wavelet,
        rows: rows as usize,
        columns: columns as usize,
        components: usize::from(u16_at(siz, 36).ok_or(CUT)?),
        precision: u16::from(depth & 0x7F) + 1,
        signed: depth & 0x80 != 0,
    })
}
