//! Frames that are code streams: what a stream says of itself, and its samples.
//!
//! PS3.5 section 8.2.1 (and 8.2.3, 8.2.4 alike) wants the data set to say what the stream says, and the stream to be
//! decoded by what itself says. So where they disagree, the stream counts: about its process, if that is another one of
//! the same family, its precision, its sign and its loss. Each of these leaves a note. Size and number of components
//! must agree: what differs there is another image.
//!
//! Invariant: nothing is allocated for samples before what the stream claims was compared with the data set, which was
//! held to [`super::Limits`]; a panic in a decoder is an error.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use uvid_codecs::{Codec, CodecError, Decoding, Extent, Format, Header, Missing, Proven, Shape};

use super::pixels::Layout;
use super::syntax::Loss;

/// The process that is mistaken for this one in transfer syntaxes.
fn sister(format: Format) -> Option<Format> {
    const PAIRS: [[Format; 2]; 2] = [[Format::JpegDct, Format::JpegLossless], [Format::Jpeg2000, Format::Htj2k]];
    let pair = PAIRS.iter().find(|pair| pair.contains(&format))?;
    pair.iter().copied().find(|other| *other != format)
}

/// Whether a stream of this format is a frame as it would be uncompressed, and says nothing of precision or sign.
pub(super) fn is_plain(format: Format) -> bool {
    matches!(format, Format::Rle | Format::DeflatedFrame)
}

/// Whether a stream of this format begins and ends with a marker, which no bits that are coded look like.
pub(super) fn is_marked(format: Format) -> bool {
    matches!(format, Format::JpegDct | Format::JpegLossless | Format::JpegLs | Format::Jpeg2000 | Format::Htj2k)
}

/// Whether a stream of this format that was made with loss may look like one without: wavelets and the like may be cut
/// short on purpose.
pub(super) fn may_hide_loss(format: Format) -> bool {
    matches!(format, Format::Jpeg2000 | Format::Htj2k | Format::JpegXl)
}

/// What the data set declares, as codecs want to know it.
pub(super) fn declared(format: Format, layout: &Layout, components: usize) -> Shape {
    let (precision, signed) = if is_plain(format) { (layout.allocated, false) } else { (layout.stored, layout.signed) };
    Shape { rows: layout.rows, columns: layout.columns, components, precision, signed }
}

/// What a stream says of itself, and what is odd about that.
pub(super) fn inspect(
    stream: &[u8],
    format: Format,
    declared: &Shape,
) -> Result<(Header, Vec<&'static str>), CodecError> {
    let of = |format: Format| format.codec().inspect(stream, declared);
    let header = of(format).or_else(|error| sister(format).map_or(Err(error.clone()), of).map_err(|_| error))?;
    let mut notes = Vec::new();
    if header.format != format {
        if Some(header.format) != sister(format) {
            return Err(CodecError::Other(format.codec().name()));
        }
        notes.push("Transfer Syntax UID (0002,0010) names another coding process than the code stream's, which counts");
    }
    if is_marked(header.format) {
        notes.extend(behind(stream)?);
    }
    Ok((header, notes))
}

/// What lies behind the end of a stream: zeros are padding, another stream is an error.
fn behind(stream: &[u8]) -> Result<Option<&'static str>, CodecError> {
    /// EOI, and EOC. What a segment holds may look like it, coded bits do not.
    const END: [u8; 2] = [0xFF, 0xD9];
    /// Bytes that are looked through at once.
    const BLOCK_BYTES: usize = 4096;
    /// Of what SOI, SOC with SIZ, and the first box of ISO 15444-1 annex I begin with, what is not 0.
    const STARTS: [&[u8]; 3] = [&[0xFF, 0xD8, 0xFF], &[0xFF, 0x4F, 0xFF, 0x51], &[12, b'j', b'P', b' ', b' ']];
    let mut rest = None;
    for from in (0..stream.len()).step_by(BLOCK_BYTES) {
        let block = &stream[from..stream.len().min(from + BLOCK_BYTES + 1)];
        // Whole blocks first, without a branch: nearly none has it.
        let pairs = block.iter().zip(block.iter().skip(1));
        if !pairs.fold(false, |found, (a, b)| found | (*a == END[0] && *b == END[1])) {
            continue;
        }
        for at in block.windows(2).enumerate().filter(|(_, pair)| **pair == END).map(|(at, _)| from + at) {
            let behind = &stream[at + END.len()..];
            let padding = behind.iter().take_while(|byte| **byte == 0).count();
            let behind = &behind[padding..];
            if STARTS.iter().any(|start| behind.starts_with(start)) {
                return Err(CodecError::Invalid("the frame holds several code streams"));
            }
            rest = Some(behind);
        }
    }
    Ok(rest.filter(|rest| !rest.is_empty()).map(|_| "bytes lie behind the end of the code stream and are not used"))
}

/// The layout of one component, as the stream has it, and how that differs from the declared one.
pub(super) fn settle(header: &Header, declared: &Layout) -> Result<(Layout, Vec<&'static str>), &'static str> {
    let Shape { rows, columns, components, precision, signed } = header.shape;
    if (rows, columns) != (declared.rows, declared.columns) {
        return Err("the code stream has other dimensions than Rows (0028,0010) and Columns (0028,0011)");
    }
    if components != 1 {
        return Err("the code stream has several components, Samples per Pixel (0028,0002) is 1");
    }
    let plain = is_plain(header.format);
    if !(1..=declared.allocated).contains(&precision) || plain && precision != declared.allocated {
        return Err("the code stream's precision does not fit Bits Allocated (0028,0100)");
    }
    let (mut layout, mut notes) = (*declared, Vec::new());
    let own_sign = signed && !layout.signed;
    // All bits that are allocated: what is above or below those that are stored was coded with them. A sign that is not
    // declared is where the stream has it, above them all.
    if precision != layout.stored && (precision != layout.allocated || own_sign) {
        (layout.stored, layout.high) = (precision, precision - 1);
        notes.push("Bits Stored (0028,0101) is not the precision of the code stream, which counts");
    }
    if own_sign {
        layout.signed = true;
        notes.push("Pixel Representation (0028,0103) is 0, the code stream is signed, which counts");
    }
    Ok((layout, notes))
}

/// The samples of a stream that was inspected, each side halved `reduce` times.
pub(super) fn samples(
    stream: &[u8],
    header: &Header,
    reduce: u8,
    missing: Missing,
) -> Result<(Vec<u16>, Extent), CodecError> {
    let shape = header.shape.reduced(reduce);
    let count = shape.samples().ok_or(CodecError::Limit { samples_max: usize::MAX })?;
    let how = Decoding { threads: threads(), reduce, missing };
    let codec: &dyn Codec = header.format.codec();
    let decode = || {
        let mut samples = vec![0; count];
        let extent = codec.decode(stream, &shape, &how, &mut samples)?;
        Ok((samples, extent))
    };
    // Nothing that outlives the panic is shared with the decoder.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(CodecError::Invalid("the decoder panicked")))
}

/// The same by an accelerator, if it is one for such a frame. A stream of the reversible wavelet may have been cut short,
/// and what is left be rounded by each decoder in its own way, unless the transfer syntax allows no loss.
pub(super) fn elsewhere(
    accelerator: &Proven,
    stream: &[u8],
    header: &Header,
    reduce: u8,
    loss: Loss,
) -> Option<Vec<u16>> {
    if reduce > 0 || loss != Loss::Never {
        accelerator.pass_over();
        return None;
    }
    // As below; what panics there is decoded here.
    catch_unwind(AssertUnwindSafe(|| accelerator.decode(stream, header))).unwrap_or_default()
}

/// A quarter of the cores: the four views of an exam are decoded side by side.
fn threads() -> NonZeroUsize {
    static THREADS: OnceLock<NonZeroUsize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        NonZeroUsize::new(cores / 4).unwrap_or(NonZeroUsize::MIN)
    })
}
