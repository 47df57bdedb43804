//! Main header and tile-part headers (ISO 15444-1 annex A, ISO 15444-15 annex A).
//!
//! Invariants:
//! - Nothing is allocated by what a stream claims: only what it holds is walked, once.
//! - A [`Codestream`] that was read has one precision, no subsampling, and no more tiles, packets and positions than the
//!   limits below, so that what a decoder spends on it is bounded by its samples and its bytes.
//! - It says [`Codestream::breaks_off`] unless every tile-part is there in full and EOC stands behind the last.

use std::ops::Range;

use crate::jpeg2000::boxes;
use crate::jpeg2000::coding::{Coding, Style};
use crate::jpeg2000::grid::Grid;
use crate::{CodecError, Shape};

const SIZ: u8 = 0x51;
const CAP: u8 = 0x50;
const COD: u8 = 0x52;
const COC: u8 = 0x53;
const POC: u8 = 0x5F;
const SOT: u8 = 0x90;
const SOD: u8 = 0x93;
const EOC: u8 = 0xD9;
/// Bytes from SOT to the length of its tile-part.
pub(super) const PSOT: usize = 6;
/// PPM, PPT: packet headers apart from their packets.
const PACKED_HEADERS: [u8; 2] = [0x60, 0x61];
/// MCT, MCC, MCO, CBD: transforms over components, of ISO 15444-2.
const PART_2: [u8; 4] = [0x74, 0x75, 0x77, 0x78];

pub(super) const CUT: CodecError = CodecError::BreaksOff("in its header");
pub(super) const SHORT: CodecError = CodecError::Invalid("a marker segment is shorter than what it holds");

/// A code stream with what its headers say.
#[derive(Debug, Clone)]
pub(crate) struct Codestream<'a> {
    /// From SOC on, without boxes; behind EOC only where the stream breaks off.
    bytes: &'a [u8],
    /// Where the tile-parts begin.
    main_header: usize,
    /// Where the tile-parts that are whole end.
    whole: usize,
    /// Whether data, but not all of it, came of the tile-part behind these.
    cut: bool,
    /// Of each tile, the last tile-part that is whole.
    pub(super) last_parts: Vec<Range<usize>>,
    pub(crate) shape: Shape,
    /// Whether code-blocks are of ISO 15444-15.
    pub(crate) high_throughput: bool,
    /// Whether a component goes through the 9-7 transform.
    pub(crate) lossy: bool,
    /// How many times every tile and component can be halved.
    pub(crate) reductions: u8,
    /// Where the stream ends too early, in the words of [`CodecError::BreaksOff`].
    pub(crate) breaks_off: Option<&'static str>,
}

impl<'a> Codestream<'a> {
    /// All of it, up to EOC; only of a stream that does not break off.
    pub(crate) fn all(&self) -> &'a [u8] {
        &self.bytes[..self.whole]
    }

    /// What a decoder can use of a stream that breaks off, the most first, with EOC behind. With code-blocks of
    /// ISO 15444-15, which are read from both ends, a tile-part that is not whole is of no use.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Vec<u8>> {
        let cut = (self.cut && !self.high_throughput).then_some(self.bytes.len());
        let whole = (self.whole > self.main_header).then_some(self.whole);
        cut.into_iter().chain(whole).map(|end| closed(&self.bytes[..end], self.whole))
    }
}

/// Reads all headers of a bare code stream, or of one in a JP2 or JPH file.
pub(crate) fn read<'a>(stream: &'a [u8], name: &'static str) -> Result<Codestream<'a>, CodecError> {
    let bytes = boxes::unwrapped(stream, name)?;
    let mut walk = Walk { bytes, at: 2, cut: false };
    let (marker, siz) = walk.segment()?;
    if marker != SIZ {
        return Err(CodecError::Invalid("the code stream does not begin with its sizes"));
    }
    let (shape, grid) = sizes(siz)?;
    let mut coding = Coding::default();
    let mut declared_high_throughput = false;
    let main_header = loop {
        let start = walk.at;
        let (marker, body) = walk.segment()?;
        match marker {
            SOT => break start,
            SOD | EOC => return Err(CodecError::Invalid("the code stream has no tile-part")),
            // Pcap: the most significant bit is part 1, the fifteenth is part 15.
            CAP => declared_high_throughput |= word32(body, 0).ok_or(CUT)? & (1 << (32 - 15)) != 0,
            marker => coding_segment(&mut coding, marker, body)?,
        }
    };
    if !coding.declared() {
        return Err(CodecError::Invalid("the code stream has no coding style"));
    }
    walk.at = main_header;
    let mut tiles = vec![Tile::default(); grid.tiles()];
    let breaks_off = match tile_parts(&mut walk, &mut coding, &mut tiles) {
        Ok(()) => None,
        Err(CodecError::BreaksOff(place)) => Some(place),
        Err(other) => return Err(other),
    };
    coding.check(&grid, shape.components, breaks_off.is_none().then_some(bytes.len()))?;
    let high_throughput = coding.high_throughput()? || declared_high_throughput;
    Ok(Codestream {
        bytes,
        main_header,
        whole: walk.at,
        cut: walk.cut,
        last_parts: tiles.into_iter().map(|tile| tile.last).collect(),
        shape,
        high_throughput,
        lossy: coding.styles().any(|style| !style.reversible),
        reductions: grid.reductions(coding.styles().map(|style| style.levels).min().unwrap_or(0)),
        breaks_off,
    })
}

/// From marker segment to marker segment.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether data, but not all of it, came of the tile-part at `at`.
    cut: bool,
}

impl<'a> Walk<'a> {
    fn marker(&mut self) -> Result<u8, CodecError> {
        let [first, marker] = *self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(CUT)?;
        if first != 0xFF {
            return Err(CodecError::Invalid("the code stream has no marker where one is due"));
        }
        self.at += 2;
        Ok(marker)
    }

    /// The next marker, with what follows its length. SOD and EOC have none.
    fn segment(&mut self) -> Result<(u8, &'a [u8]), CodecError> {
        let marker = self.marker()?;
        if matches!(marker, SOD | EOC) {
            return Ok((marker, &[]));
        }
        let length = usize::from(word16(self.bytes, self.at).ok_or(CUT)?);
        if length < 2 {
            return Err(CodecError::Invalid("a marker segment is shorter than its length"));
        }
        let body = self.bytes.get(self.at + 2..self.at + length).ok_or(CUT)?;
        self.at += length;
        Ok((marker, body))
    }
}

/// SIZ (A.5.1): what a frame is, and how it lies on the reference grid.
fn sizes(siz: &[u8]) -> Result<(Shape, Grid), CodecError> {
    let at = |offset| word32(siz, offset).ok_or(SHORT);
    let grid = Grid::new([at(2)?, at(6)?], [at(10)?, at(14)?], [at(18)?, at(22)?], [at(26)?, at(30)?])?;
    let components = usize::from(word16(siz, 34).ok_or(SHORT)?);
    let each = siz.get(36..36 + 3 * components).ok_or(SHORT)?.as_chunks::<3>().0;
    let [depth, ..] = *each.first().ok_or(CodecError::Invalid("the code stream has no component"))?;
    if each.iter().any(|[_, x, y]| (*x, *y) != (1, 1)) {
        return Err(CodecError::Unsupported("a subsampled component"));
    }
    if each.iter().any(|[other, ..]| *other != depth) {
        return Err(CodecError::Unsupported("a code stream with components of different precision"));
    }
    if !matches!(components, 1 | 3) {
        return Err(CodecError::Unsupported("a number of components other than 1 and 3"));
    }
    let precision = u16::from(depth & 0x7F) + 1;
    if precision > 16 {
        return Err(CodecError::Unsupported("a precision above 16 bits"));
    }
    let [columns, rows] = grid.sides();
    Ok((Shape { rows, columns, components, precision, signed: depth & 0x80 != 0 }, grid))
}

/// What of a marker segment, in a main or a tile-part header, bears on how samples are coded.
fn coding_segment(coding: &mut Coding, marker: u8, body: &[u8]) -> Result<(), CodecError> {
    match marker {
        COD => {
            let [style, _, layers @ .., _] = *body.first_chunk::<5>().ok_or(SHORT)?;
            coding.add_layers(u16::from_be_bytes(layers));
            coding.add(Style::read(style, &body[5..])?);
        }
        // Ccoc has one byte: there are never 257 components here.
        COC => {
            let [_, style] = *body.first_chunk::<2>().ok_or(SHORT)?;
            coding.add(Style::read(style, &body[2..])?);
        }
        // RSpoc, CSpoc, LYEpoc (2), REpoc, CEpoc, Ppoc.
        POC => coding.changes += body.len() as u64 / 7,
        SIZ => return Err(CodecError::Invalid("the code stream has its sizes twice")),
        marker if PACKED_HEADERS.contains(&marker) => {
            return Err(CodecError::Unsupported("a code stream with packet headers apart from their packets"));
        }
        marker if PART_2.contains(&marker) => {
            return Err(CodecError::Unsupported("a transform over components of JPEG 2000 part 2"));
        }
        _ => {}
    }
    Ok(())
}

/// What came of a tile.
#[derive(Debug, Clone, Default)]
struct Tile {
    parts: u16,
    /// How many there should be, where that is said.
    declared: u8,
    last: Range<usize>,
}

/// Every tile-part up to EOC (A.4.2). `walk` ends behind it; where the stream breaks off, behind the last whole tile-part.
fn tile_parts(walk: &mut Walk<'_>, coding: &mut Coding, tiles: &mut [Tile]) -> Result<(), CodecError> {
    const TILE_PART: CodecError = CodecError::BreaksOff("within a tile-part");
    const END: CodecError = CodecError::BreaksOff("before its end marker");
    loop {
        let mut ahead = Walk { ..*walk };
        if ahead.bytes.len() < ahead.at + 2 {
            return Err(END);
        }
        let within = |error| if error == CUT { TILE_PART } else { error };
        let (marker, sot) = ahead.segment().map_err(within)?;
        match marker {
            EOC => {
                walk.at = ahead.at;
                break;
            }
            SOT => {}
            _ => return Err(CodecError::Invalid("a tile-part does not end where it says")),
        }
        let (tile, length) = (word16(sot, 0).ok_or(SHORT)?, word32(sot, 2).ok_or(SHORT)?);
        let count = *sot.get(7).ok_or(SHORT)?;
        let Some(tile) = tiles.get_mut(usize::from(tile)) else {
            return Err(CodecError::Invalid("a tile-part is of a tile that is not there"));
        };
        (tile.parts, tile.declared) = (tile.parts.saturating_add(1), tile.declared.max(count));
        loop {
            match ahead.segment().map_err(within)? {
                (SOD, _) => break,
                (SOT | EOC, _) => return Err(CodecError::Invalid("a tile-part has no data")),
                (marker, body) => coding_segment(coding, marker, body)?,
            }
        }
        let end = match length {
            0 => last_end(ahead.bytes),
            length => Some(walk.at.saturating_add(length as usize)).filter(|end| *end <= ahead.bytes.len()),
        };
        walk.cut = end.is_none() && ahead.bytes.len() > ahead.at;
        match end {
            Some(end) if end < ahead.at => return Err(CodecError::Invalid("a tile-part ends before it begins")),
            Some(end) => {
                tile.last = walk.at..end;
                walk.at = end;
            }
            None if length == 0 => return Err(END),
            None => return Err(TILE_PART),
        }
    }
    if tiles.iter().any(|tile| tile.parts == 0 || tile.parts < u16::from(tile.declared)) {
        return Err(CodecError::BreaksOff("before its last tile-part"));
    }
    Ok(())
}

/// A stream that breaks off, with an end. `last` is where the tile-part begins that is not whole, if there is one.
fn closed(bytes: &[u8], last: usize) -> Vec<u8> {
    let mut closed = [bytes, &[0xFF, EOC]].concat();
    if last < bytes.len() {
        // Psot; 0 is up to EOC.
        let length = u32::try_from(bytes.len() - last).unwrap_or(0);
        closed[last + PSOT..last + PSOT + 4].copy_from_slice(&length.to_be_bytes());
    }
    closed
}

/// Where EOC begins that ends the stream, but for padding. A length of 0 says that the tile-part reaches up to it.
fn last_end(bytes: &[u8]) -> Option<usize> {
    let padding = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    bytes[..bytes.len() - padding].strip_suffix(&[0xFF, EOC]).map(<[u8]>::len)
}

pub(super) fn word16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

pub(super) fn word32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b))
}
