//! OpenJPEG, spoken to through its C interface.
//!
//! Invariants:
//! - What reaches the library went through [`crate::jpeg2000::header::read`]; boxes never do (their reader is where its
//!   latest known overflow was), and neither do part-2 transforms.
//! - Every object of the library is freed exactly once, by the `Drop` of the type that owns it.
//! - No sample is taken from an image whose geometry is not the one that was asked for.
#![allow(unsafe_code)]

mod stream;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr;

use openjpeg_sys as opj;
use stream::{Sink, Source, Stream};

use crate::{CodecError, Encoding, Frame, Shape};

/// More threads do not make a frame faster.
const THREADS_MAX: usize = 64;
/// Characters of an error that are kept.
const MESSAGE_MAX: usize = 200;

/// How to read a code stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// How many times to halve each side.
    pub(crate) reduce: u8,
    /// 1: the calling thread alone. Else as many others.
    pub(crate) threads: NonZeroUsize,
    /// Whether a packet that is longer than what there is of it is an error.
    pub(crate) strict: bool,
}

/// Decodes a bare code stream into `samples`, of `shape`.
pub(crate) fn decode(stream: &[u8], how: Reading, shape: &Shape, samples: &mut [u16]) -> Result<(), CodecError> {
    image(stream, how)?.copy(shape, samples)
}

/// Decodes a bare code stream.
pub(crate) fn image(stream: &[u8], how: Reading) -> Result<Image, CodecError> {
    let Reading { reduce, threads, strict } = how;
    let mut source = Source { bytes: stream, at: 0 };
    let mut message = Message::default();
    let codec = Codec::decompressor(&mut message)?;
    let input = Stream::reading(&mut source)?;
    // SAFETY: the struct is plain data that the library fills; zeros are valid for each of its fields.
    let mut parameters = unsafe {
        let mut parameters = MaybeUninit::zeroed();
        opj::opj_set_default_decoder_parameters(parameters.as_mut_ptr());
        parameters.assume_init()
    };
    parameters.cp_reduce = u32::from(reduce);
    // 0: this thread alone. Said always, as the library else looks at the environment.
    let workers = if threads.get() == 1 { 0 } else { threads.get().min(THREADS_MAX) as c_int };
    let mut image = Image(ptr::null_mut());
    // SAFETY: codec, stream and parameters are alive; `image` receives an image that this function then owns.
    let done = unsafe {
        opj::opj_setup_decoder(codec.0, &mut parameters) != 0
            && opj::opj_decoder_set_strict_mode(codec.0, c_int::from(strict)) != 0
            && (opj::opj_codec_set_threads(codec.0, workers) != 0 || workers == 0)
            && opj::opj_read_header(input.0, codec.0, &mut image.0) != 0
            && opj::opj_decode(codec.0, input.0, image.0) != 0
    };
    drop((input, codec));
    if !done || image.0.is_null() {
        return Err(message.error());
    }
    Ok(image)
}

/// Encodes a frame as a bare code stream, in one tile and one layer.
pub(crate) fn encode(frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
    let shape = &frame.shape;
    let (Ok(w), Ok(h)) = (u32::try_from(shape.columns), u32::try_from(shape.rows)) else {
        return Err(CodecError::Unsupported("a frame of this size"));
    };
    // SAFETY: as in `decode`.
    let mut parameters = unsafe {
        let mut parameters = MaybeUninit::zeroed();
        opj::opj_set_default_encoder_parameters(parameters.as_mut_ptr());
        parameters.assume_init()
    };
    parameters.cp_disto_alloc = 1;
    parameters.tcp_numlayers = 1;
    (parameters.tcp_rates[0], parameters.irreversible) = match how {
        Encoding::Lossless => (0.0, 0),
        Encoding::Lossy(ratio) => (f32::from(*ratio), 1),
    };
    parameters.numresolution = 1 + c_int::from(super::levels(shape));
    parameters.tcp_mct = c_char::from(shape.components == 3);
    let component = opj::opj_image_comptparm {
        dx: 1,
        dy: 1,
        w,
        h,
        x0: 0,
        y0: 0,
        prec: u32::from(shape.precision),
        bpp: u32::from(shape.precision),
        sgnd: u32::from(shape.signed),
    };
    let mut components = vec![component; shape.components];
    let space = match shape.components {
        1 => opj::OPJ_COLOR_SPACE::OPJ_CLRSPC_GRAY,
        _ => opj::OPJ_COLOR_SPACE::OPJ_CLRSPC_SRGB,
    };
    // SAFETY: `components` has the number of entries that is given.
    let image = Image(unsafe { opj::opj_image_create(shape.components as u32, components.as_mut_ptr(), space) });
    image.fill(frame, (w, h))?;
    let mut sink = Sink { bytes: Vec::new(), at: 0 };
    let mut message = Message::default();
    let codec = Codec::compressor(&mut message)?;
    let output = Stream::writing(&mut sink)?;
    // SAFETY: all four are alive, and the stream writes to `sink`, which outlives it.
    let done = unsafe {
        // As in `decode`: this thread alone.
        opj::opj_codec_set_threads(codec.0, 0);
        opj::opj_setup_encoder(codec.0, &mut parameters, image.0) != 0
            && opj::opj_start_compress(codec.0, image.0, output.0) != 0
            && opj::opj_encode(codec.0, output.0) != 0
            && opj::opj_end_compress(codec.0, output.0) != 0
    };
    drop((output, codec));
    if done { Ok(sink.bytes) } else { Err(message.error()) }
}

/// The first thing that the library complained of.
#[derive(Default)]
struct Message(Option<String>);

impl Message {
    fn error(self) -> CodecError {
        CodecError::Library(self.0.unwrap_or_else(|| "OpenJPEG gives no reason".to_owned()))
    }
}

/// # Safety
///
/// `text` is a C string and `message` a [`Message`] that nothing else uses now. The library calls it from the thread that
/// called the library, or under its own lock.
unsafe extern "C" fn complain(text: *const c_char, message: *mut c_void) {
    // SAFETY: the caller's promise.
    let (text, message) = unsafe { (CStr::from_ptr(text), &mut *message.cast::<Message>()) };
    message.0.get_or_insert_with(|| text.to_string_lossy().trim().chars().take(MESSAGE_MAX).collect());
}

struct Codec(*mut opj::opj_codec_t);

impl Codec {
    fn decompressor(message: &mut Message) -> Result<Self, CodecError> {
        // SAFETY: makes an object, or null.
        Self(unsafe { opj::opj_create_decompress(opj::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K) }).complaining(message)
    }

    fn compressor(message: &mut Message) -> Result<Self, CodecError> {
        // SAFETY: makes an object, or null.
        Self(unsafe { opj::opj_create_compress(opj::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K) }).complaining(message)
    }

    /// Callers declare `message` before the codec, so that it outlives it.
    fn complaining(self, message: &mut Message) -> Result<Self, CodecError> {
        if self.0.is_null() {
            return Err(CodecError::Library("OpenJPEG has no memory".to_owned()));
        }
        // SAFETY: the codec is alive; see `complain`.
        unsafe { opj::opj_set_error_handler(self.0, Some(complain), ptr::from_mut(message).cast()) };
        Ok(self)
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: owned; null is allowed.
        unsafe { opj::opj_destroy_codec(self.0) }
    }
}

/// A decoded or an empty frame.
pub(crate) struct Image(*mut opj::opj_image_t);

impl Image {
    /// # Safety
    ///
    /// The image is alive, its component list is not changed meanwhile.
    unsafe fn components(&self) -> &[opj::opj_image_comp_t] {
        // SAFETY: the library keeps `numcomps` components at `comps`.
        unsafe {
            match self.0.as_ref() {
                Some(image) if !image.comps.is_null() => {
                    std::slice::from_raw_parts(image.comps, image.numcomps as usize)
                }
                _ => &[],
            }
        }
    }

    fn copy(&self, shape: &Shape, samples: &mut [u16]) -> Result<(), CodecError> {
        // SAFETY: the image is alive and unchanged while this function runs.
        let components = unsafe { self.components() };
        let as_asked = |c: &opj::opj_image_comp_t| {
            (c.w as usize, c.h as usize, c.prec, c.sgnd != 0)
                == (shape.columns, shape.rows, u32::from(shape.precision), shape.signed)
                && !c.data.is_null()
        };
        let count = shape.rows.checked_mul(shape.columns).filter(|count| {
            components.len() == shape.components
                && components.iter().all(as_asked)
                && count.checked_mul(components.len()) == Some(samples.len())
        });
        let count = count.ok_or(CodecError::Invalid("the decoded frame has another shape than its header"))?;
        let mask = u16::MAX >> (16 - shape.precision);
        for (index, component) in components.iter().enumerate() {
            // SAFETY: a component has w * h samples.
            let plane = unsafe { std::slice::from_raw_parts(component.data, count) };
            for (sample, value) in samples[index..].iter_mut().step_by(components.len()).zip(plane) {
                *sample = *value as u16 & mask;
            }
        }
        Ok(())
    }

    fn fill(&self, frame: &Frame<'_>, (w, h): (u32, u32)) -> Result<(), CodecError> {
        let shape = &frame.shape;
        // SAFETY: the image is alive; each component has memory for w * h samples, which nothing else refers to.
        unsafe {
            let Some(image) = self.0.as_mut() else {
                return Err(CodecError::Library("OpenJPEG has no memory".to_owned()));
            };
            (image.x1, image.y1) = (w, h);
            for (index, component) in self.components().iter().enumerate() {
                let plane = std::slice::from_raw_parts_mut(component.data, shape.rows * shape.columns);
                let samples = frame.samples[index..].iter().step_by(shape.components);
                for (value, sample) in plane.iter_mut().zip(samples) {
                    *value = super::value(*sample, shape);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: owned; null is allowed.
        unsafe { opj::opj_image_destroy(self.0) }
    }
}
