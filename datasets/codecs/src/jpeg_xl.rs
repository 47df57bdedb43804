//! ISO 18181-1, by the JPEG XL project's own decoder in Rust: right or refused.
//!
//! Invariant: a sample is an integer of as many bits as the stream says, never stretched to fill a word. The decoder
//! gives real numbers, which hold integers of 16 bits exactly. Where the stream tells that it is lossless, one that
//! does not fit its bits is an error; elsewhere, such as overshoots at an edge, it is held to them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jxl::api::{
    Event, JxlBasicInfo, JxlBitDepth, JxlColorProfile, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions,
    JxlOutputBuffer, JxlPixelFormat, Orientation, ProfileLevel,
};

use crate::agreement::decodes;
use crate::{Codec, CodecError, Decoding, Extent, Format, Header, Shape};

/// ISO 18181-1.
///
/// One picture of one or three components and integer samples, as bare code stream or in the container. What would have
/// to be turned, shown as a film, or converted between colour spaces by a profile, is not decoded. A stream that breaks
/// off is an error even with [`crate::Missing::Keep`]: what is known of a picture by then may be a sketch.
#[derive(Debug, Clone, Copy)]
pub struct JpegXl;

impl Codec for JpegXl {
    fn name(&self) -> &'static str {
        "JPEG XL"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        caught(|| inspect(stream, declared))
    }

    fn decode(&self, stream: &[u8], shape: &Shape, _: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        caught(|| {
            let header = inspect(stream, shape)?;
            decodes(&header.shape, shape, samples)?;
            decode(stream, &header, samples)
        })
    }
}

/// The decoder asserts here and there.
fn caught<T>(work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    let panicked = |_| Err(CodecError::Library("jxl: the decoder panicked".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn library(why: jxl::error::Error) -> CodecError {
    CodecError::Library(format!("jxl: {why}"))
}

fn options() -> JxlDecoderOptions {
    let mut options = JxlDecoderOptions::default();
    options.adjust_orientation = false;
    options.max_profile_level = ProfileLevel::Main10;
    options
}

/// Reads the headers of picture and frames; passes over what they stand before.
fn inspect(stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
    // ISO 18181-1 D.1 and ISO 18181-2 clause 9.
    const BARE: &[u8] = &[0xFF, 0x0A];
    const BOXES: &[u8] = &[0, 0, 0, 0x0C, b'J', b'X', b'L', b' ', 0x0D, 0x0A, 0x87, 0x0A];
    if ![BARE, BOXES].iter().any(|start| stream.starts_with(start)) {
        return Err(CodecError::Other("JPEG XL"));
    }
    let mut options = options();
    options.scan_frames_only = true;
    let mut decoder = JxlDecoder::new(options);
    let mut input = stream;
    let mut told = None;
    loop {
        match decoder.process(&mut input, None, None).map_err(library)? {
            Event::NeedMoreInput { .. } => return Err(CodecError::BreaksOff("before its last frame's end")),
            Event::BasicInfo => told = Some(shape(&decoder, declared)?),
            Event::FrameHeader | Event::FrameComplete { has_more_frames: true } => {}
            Event::FrameComplete { has_more_frames: false } | Event::Complete => break,
        }
    }
    let ((shape, own_colours), [frame]) =
        (told.ok_or(CodecError::BreaksOff("in its header"))?, decoder.scanned_frames())
    else {
        return Err(CodecError::Unsupported("JPEG XL of several frames"));
    };
    let lossless = own_colours && usize::try_from(frame.file_offset).is_ok_and(|at| plain(stream, at));
    Ok(Header { format: Format::JpegXl, shape, lossy: !lossless, reductions: 0 })
}

/// What the picture is (ISO 18181-1 annex D), if it is of a kind that is decoded; and whether its colours are coded as
/// they are, not as XYB.
fn shape(decoder: &JxlDecoder, declared: &Shape) -> Result<(Shape, bool), CodecError> {
    const CUT: CodecError = CodecError::BreaksOff("in its header");
    let info: &JxlBasicInfo = decoder.basic_info().ok_or(CUT)?;
    let profile = decoder.embedded_color_profile().ok_or(CUT)?;
    let JxlBitDepth::Int { bits_per_sample: bits @ 1..=16 } = info.bit_depth else {
        return Err(CodecError::Unsupported("JPEG XL of real numbers or of more than 16 bits"));
    };
    let by_profile = matches!(profile, JxlColorProfile::Icc(_)) && !info.uses_original_profile;
    let refused = [
        (info.orientation != Orientation::Identity, "JPEG XL that is to be turned"),
        (info.animation.is_some(), "a film in JPEG XL"),
        (info.preview_size.is_some(), "JPEG XL with a preview"),
        (!info.extra_channels.is_empty(), "JPEG XL with further channels"),
        (by_profile, "JPEG XL that a colour profile gives meaning"),
    ];
    if let Some((_, why)) = refused.into_iter().find(|(refused, _)| *refused) {
        return Err(CodecError::Unsupported(why));
    }
    let (columns, rows) = info.size;
    let components = profile.channels();
    if !matches!(components, 1 | 3) {
        return Err(CodecError::Unsupported("JPEG XL of two or four components"));
    }
    let shape = Shape { rows, columns, components, precision: bits as u16, signed: declared.signed };
    Ok((shape, info.uses_original_profile))
}

/// Whether a frame's coded integers are the picture, by the first bits of its header (ISO 18181-1 table F.1), the lowest
/// bit of a byte first. Only of one that the picture's header puts neither XYB nor film nor further channels before.
fn plain(stream: &[u8], at: usize) -> bool {
    /// All but the size of groups, bits 9 and 10.
    const ASKED: u32 = 0x7F_F9FF;
    /// Not all_default; a regular frame; modular (bit 3); no flags, no YCbCr; not upsampled; one pass; no crop; not
    /// blended; the last one (bit 16); without name; its filters not the default ones, and neither of them on.
    const PLAIN: u32 = 1 << 3 | 1 << 16;
    let bits = stream.get(at..).and_then(<[u8]>::first_chunk::<4>);
    bits.is_some_and(|bits| u32::from_le_bytes(*bits) & ASKED == PLAIN)
}

fn decode(stream: &[u8], header: &Header, samples: &mut [u16]) -> Result<Extent, CodecError> {
    /// Frames that are not shown may be larger than the picture, and a palette is counted too.
    const SAMPLES_TIMES_MAX: usize = 4;
    const SAMPLES_MIN: usize = 1 << 16;
    const REAL_BYTES: usize = size_of::<f32>();
    let shape = &header.shape;
    let mut options = options();
    options.sample_limit = Some(samples.len().saturating_mul(SAMPLES_TIMES_MAX).max(SAMPLES_MIN));
    let mut decoder = JxlDecoder::new(options);

    // The decoder wants its reals aligned.
    let mut bytes = vec![0; (samples.len() + 1) * REAL_BYTES];
    let start = bytes.as_ptr().align_offset(REAL_BYTES);
    let reals = &mut bytes[start..][..samples.len() * REAL_BYTES];
    let mut output = [JxlOutputBuffer::new(reals, shape.rows, shape.columns * shape.components * REAL_BYTES)];
    let mut input = stream;
    let mut ready = false;
    loop {
        let to = ready.then_some(&mut output[..]);
        match decoder.process(&mut input, to, None).map_err(library)? {
            Event::NeedMoreInput { .. } => return Err(CodecError::BreaksOff("in a group")),
            Event::BasicInfo => {
                let color_type = if shape.components == 1 { JxlColorType::Grayscale } else { JxlColorType::Rgb };
                let format = JxlPixelFormat {
                    color_type,
                    color_data_format: Some(JxlDataFormat::f32()),
                    extra_channel_format: Vec::new(),
                };
                decoder.set_pixel_format(format).map_err(library)?;
                ready = true;
            }
            Event::FrameHeader => {}
            Event::FrameComplete { .. } | Event::Complete => break,
        }
    }
    let most = f32::from(u16::MAX >> (16 - shape.precision));
    let mut fits = true;
    for (sample, real) in samples.iter_mut().zip(bytes[start..].as_chunks().0) {
        let real = f32::from_ne_bytes(*real) * most;
        // What is no number fits neither way.
        fits &= if header.lossy { !real.is_nan() } else { (-0.5..most + 0.5).contains(&real) };
        *sample = (real.clamp(0.0, most) + 0.5) as u16;
    }
    if !fits {
        return Err(CodecError::Invalid("a JPEG XL sample does not fit its bits"));
    }
    Ok(Extent::Whole)
}
