//! ISO 18181-1, by jxl-oxide: right or refused.
//!
//! Invariant: a sample is an integer of as many bits as the stream says, never stretched to fill a word. Where nothing
//! stands between the coded integers and the picture, they come out as they are, and one that does not fit its bits is
//! an error. Elsewhere a sample is what the picture's real number, held to 0 to 1, rounds to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jxl_oxide::frame::{Encoding as Coding, FrameHeader, FrameType};
use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, ImageHeader, InitializeResult, JxlImage, JxlThreadPool, Render};
use jxl_render::ImageBuffer;

use crate::agreement::decodes;
use crate::{Codec, CodecError, Decoding, Extent, Format, Header, Shape};

/// ISO 18181-1.
///
/// One picture of one or three components and integer samples, as bare code stream or in the container. What would have
/// to be turned, blended, shown as a film, or converted between colour spaces by a profile, is not decoded. A stream
/// that breaks off is an error even with [`crate::Missing::Keep`]: what is known of a picture by then may be a sketch.
#[derive(Debug, Clone, Copy)]
pub struct JpegXl;

/// How much of a stream is looked at in one step of [`Codec::inspect`].
const STEP_BYTES: usize = 4096;
/// What headers may take before the caller has agreed to the frame's size: a table of contents and its like.
const HEADER_BYTES_MAX: usize = 16 << 20;
/// What decoding may take for a sample: three planes of 4 bytes, several times over.
const BYTES_A_SAMPLE_MAX: usize = 96;

impl Codec for JpegXl {
    fn name(&self) -> &'static str {
        "JPEG XL"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        caught(|| Ok(open(stream, declared, HEADER_BYTES_MAX, false)?.1))
    }

    fn decode(&self, stream: &[u8], shape: &Shape, _: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        let memory = samples.len().saturating_mul(BYTES_A_SAMPLE_MAX).saturating_add(HEADER_BYTES_MAX);
        caught(|| {
            let (image, header) = open(stream, shape, memory, true)?;
            decodes(&header.shape, shape, samples)?;
            if !image.is_loading_done() {
                return Err(CodecError::BreaksOff("before its last group"));
            }
            let normal = |index| image.frame(index).is_some_and(|frame| frame.header().frame_type.is_normal_frame());
            if (0..image.num_loaded_frames()).filter(|index| normal(*index)).count() != 1 {
                return Err(CodecError::Unsupported("JPEG XL of several frames"));
            }
            let picture = image.render_frame(0).map_err(|why| library(&*why))?;
            if header.lossy {
                rounded(&picture, shape, samples)?;
            } else {
                integers(&picture, shape, samples)?;
            }
            Ok(Extent::Whole)
        })
    }
}

/// jxl-oxide asserts here and there.
fn caught<T>(work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    let panicked = |_| Err(CodecError::Library("jxl-oxide: the decoder panicked".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn library(why: &(dyn std::error::Error + 'static)) -> CodecError {
    CodecError::Library(format!("jxl-oxide: {why}"))
}

/// Reads the stream as far as the first frame's header, or to its end.
fn open(stream: &[u8], declared: &Shape, memory: usize, all: bool) -> Result<(JxlImage, Header), CodecError> {
    // ISO 18181-1 D.1 and ISO 18181-2 clause 9.
    const BARE: &[u8] = &[0xFF, 0x0A];
    const BOXES: &[u8] = &[0, 0, 0, 0x0C, b'J', b'X', b'L', b' ', 0x0D, 0x0A, 0x87, 0x0A];
    if ![BARE, BOXES].iter().any(|start| stream.starts_with(start)) {
        return Err(CodecError::Other("JPEG XL"));
    }
    const CUT: CodecError = CodecError::BreaksOff("in its header");
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(memory));
    let mut early = Some(builder.build_uninit());
    let mut opened: Option<JxlImage> = None;
    let (mut at, mut end) = (0, 0);
    while end < stream.len() {
        // What was not taken is given once more, with more behind it.
        end = stream.len().min(end + STEP_BYTES);
        let piece = &stream[at..end];
        if let Some(image) = &mut opened {
            at += image.feed_bytes(piece).map_err(|why| library(&*why))?;
        } else if let Some(mut image) = early.take() {
            at += image.feed_bytes(piece).map_err(|why| library(&*why))?;
            match image.try_init().map_err(|why| library(&*why))? {
                InitializeResult::NeedMoreData(image) => early = Some(image),
                InitializeResult::Initialized(image) => {
                    shape(image.image_header(), declared)?;
                    opened = Some(image);
                }
            }
        }
        if !all && opened.as_ref().is_some_and(|image| image.frame(0).is_some()) {
            break;
        }
    }
    let image = opened.ok_or(CUT)?;
    let frame = image.frame(0).ok_or(CUT)?;
    let shape = shape(image.image_header(), declared)?;
    let lossy = !exact(image.image_header(), frame.header());
    Ok((image, Header { format: Format::JpegXl, shape, lossy, reductions: 0 }))
}

/// What the picture is (ISO 18181-1 annex D), if it is of a kind that is decoded.
fn shape(header: &ImageHeader, declared: &Shape) -> Result<Shape, CodecError> {
    let metadata = &header.metadata;
    let BitDepth::IntegerSample { bits_per_sample: bits @ 1..=16 } = metadata.bit_depth else {
        return Err(CodecError::Unsupported("JPEG XL of real numbers or of more than 16 bits"));
    };
    let refused = [
        (metadata.orientation != 1, "JPEG XL that is to be turned"),
        (metadata.animation.is_some(), "a film in JPEG XL"),
        (metadata.preview.is_some(), "JPEG XL with a preview"),
        (!metadata.ec_info.is_empty(), "JPEG XL with further channels"),
        (metadata.xyb_encoded && metadata.colour_encoding.want_icc(), "JPEG XL that a colour profile gives meaning"),
    ];
    if let Some((_, why)) = refused.into_iter().find(|(refused, _)| *refused) {
        return Err(CodecError::Unsupported(why));
    }
    Ok(Shape {
        rows: header.size.height as usize,
        columns: header.size.width as usize,
        components: if metadata.grayscale() { 1 } else { 3 },
        precision: bits as u16,
        signed: declared.signed,
    })
}

/// Whether the coded integers are the picture: modular, in the picture's own colours, and nothing done afterwards.
fn exact(header: &ImageHeader, frame: &FrameHeader) -> bool {
    !header.metadata.xyb_encoded
        && frame.encoding == Coding::Modular
        && frame.frame_type == FrameType::RegularFrame
        && frame.is_last
        && !frame.do_ycbcr
        && frame.upsampling == 1
        && !frame.have_crop
        && !(frame.flags.noise() || frame.flags.patches() || frame.flags.splines() || frame.flags.use_lf_frame())
        && !frame.restoration_filter.gab.enabled()
        && !frame.restoration_filter.epf.enabled()
}

const OTHER: CodecError = CodecError::Invalid("the JPEG XL picture is not of the shape that its header tells");
const UNFIT: CodecError = CodecError::Invalid("a JPEG XL sample does not fit its bits");

/// Takes the coded integers.
fn integers(picture: &Render, shape: &Shape, samples: &mut [u16]) -> Result<(), CodecError> {
    let most = most(shape);
    let channels = picture.color_channels();
    if channels.len() != shape.components {
        return Err(OTHER);
    }
    for (component, channel) in channels.iter().enumerate() {
        if (channel.width(), channel.height()) != (shape.columns, shape.rows) {
            return Err(OTHER);
        }
        for (y, row) in samples.chunks_exact_mut(shape.columns * shape.components).enumerate() {
            let places = row.iter_mut().skip(component).step_by(shape.components);
            let fits = match channel {
                ImageBuffer::I16(grid) => put(places, grid.get_row(y), |v| within(i32::from(v), most)),
                ImageBuffer::I32(grid) => put(places, grid.get_row(y), |v| within(v, most)),
                ImageBuffer::F32(_) => return Err(OTHER),
            };
            if !fits {
                return Err(UNFIT);
            }
        }
    }
    Ok(())
}

/// Rounds the picture's real numbers.
fn rounded(picture: &Render, shape: &Shape, samples: &mut [u16]) -> Result<(), CodecError> {
    let most = f32::from(most(shape));
    let mut stream = picture.stream_no_alpha();
    let told = (stream.width() as usize, stream.height() as usize, stream.channels() as usize);
    if told != (shape.columns, shape.rows, shape.components) {
        return Err(OTHER);
    }
    let mut reals = vec![0_f32; shape.columns * shape.components];
    for row in samples.chunks_exact_mut(reals.len()) {
        stream.write_to_buffer(&mut reals);
        let fits = put(row.iter_mut(), &reals, |v| (!v.is_nan()).then(|| (v.clamp(0.0, 1.0) * most).round() as u16));
        if !fits {
            return Err(UNFIT);
        }
    }
    Ok(())
}

fn most(shape: &Shape) -> u16 {
    u16::MAX >> (16 - shape.precision)
}

fn put<'a, T: Copy>(places: impl Iterator<Item = &'a mut u16>, row: &[T], sample: impl Fn(T) -> Option<u16>) -> bool {
    let mut fits = true;
    for (place, value) in places.zip(row) {
        let sample = sample(*value);
        fits &= sample.is_some();
        *place = sample.unwrap_or_default();
    }
    fits
}

fn within(value: i32, most: u16) -> Option<u16> {
    u16::try_from(value).ok().filter(|value| *value <= most)
}
