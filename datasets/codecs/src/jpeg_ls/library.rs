//! The only place that calls CharLS.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};

use charls_sys as charls;

use crate::{CodecError, Shape};

/// The words that CharLS writes: 1 byte up to 8 bits, 2 above.
pub(super) trait Word {}
impl Word for u8 {}
impl Word for u16 {}

pub(super) type Errc = charls::charls_jpegls_errc;

fn done(errc: Errc) -> Result<(), Errc> {
    if errc == charls::charls_jpegls_errc_success { Ok(()) } else { Err(errc) }
}

pub(super) fn failed(errc: Errc) -> CodecError {
    // SAFETY: CharLS gives a static text that ends in 0 for any number.
    let text = unsafe { CStr::from_ptr(charls::charls_get_error_message(errc)) };
    CodecError::Library(format!("CharLS: {}", text.to_string_lossy()))
}

struct Decoder(*mut charls::charls_jpegls_decoder);

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: made by `charls_jpegls_decoder_create`, destroyed once; null is allowed.
        unsafe { charls::charls_jpegls_decoder_destroy(self.0) };
    }
}

/// `words` has at least the samples of `shape`, words of the size that its precision asks for.
pub(super) fn decode_into<T: Word>(source: &[u8], shape: &Shape, words: &mut [T]) -> Result<(), Errc> {
    let mut info = charls::charls_frame_info { width: 0, height: 0, bits_per_sample: 0, component_count: 0 };
    // SAFETY: `source` outlives the decoder, and ends in a marker. The size of `words` is given in bytes; CharLS holds
    // its own claim against it. No exception leaves these functions: each is `noexcept` and catches all.
    unsafe {
        let decoder = Decoder(charls::charls_jpegls_decoder_create());
        done(charls::charls_jpegls_decoder_set_source_buffer(decoder.0, source.as_ptr().cast(), source.len()))?;
        done(charls::charls_jpegls_decoder_read_header(decoder.0))?;
        done(charls::charls_jpegls_decoder_get_frame_info(decoder.0, &raw mut info))?;
        let same = info.width as usize == shape.columns
            && info.height as usize == shape.rows
            && info.component_count as usize == shape.components
            && info.bits_per_sample == i32::from(shape.precision)
            && size_of::<T>() == usize::from(shape.precision.div_ceil(8));
        if !same {
            return Err(charls::charls_jpegls_errc_invalid_argument);
        }
        let to: *mut c_void = words.as_mut_ptr().cast();
        done(charls::charls_jpegls_decoder_decode_to_buffer(decoder.0, to, size_of_val(words), 0))
    }
}

struct Encoder(*mut charls::charls_jpegls_encoder);

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: made by `charls_jpegls_encoder_create`, destroyed once; null is allowed.
        unsafe { charls::charls_jpegls_encoder_destroy(self.0) };
    }
}

/// Encodes into a buffer that grows until it holds the stream.
pub(super) fn encode<T: Word>(
    info: charls::charls_frame_info,
    interleave: charls::charls_interleave_mode,
    near: i32,
    words: &[T],
) -> Result<Vec<u8>, CodecError> {
    const MARKERS_BYTES_MAX: usize = 1024;
    /// No code is longer than 4 times the bits of a sample (ISO 14495-1 A.5.3: LIMIT), of which there are 2 bytes.
    const TIMES_MAX: usize = 8;
    for times in [1, TIMES_MAX] {
        let mut out = vec![0; size_of_val(words) * times + MARKERS_BYTES_MAX];
        match encode_into(info, interleave, near, words, &mut out) {
            Ok(written) => {
                out.truncate(written);
                return Ok(out);
            }
            Err(charls::charls_jpegls_errc_destination_buffer_too_small) if times < TIMES_MAX => {}
            Err(errc) => return Err(failed(errc)),
        }
    }
    Err(failed(charls::charls_jpegls_errc_destination_buffer_too_small))
}

fn encode_into<T: Word>(
    info: charls::charls_frame_info,
    interleave: charls::charls_interleave_mode,
    near: i32,
    words: &[T],
    out: &mut [u8],
) -> Result<usize, Errc> {
    let mut written = 0;
    // SAFETY: `words`, `out` and `info` outlive the encoder, and their sizes are given in bytes. No exception leaves
    // these functions: each is `noexcept` and catches all.
    unsafe {
        let encoder = Encoder(charls::charls_jpegls_encoder_create());
        done(charls::charls_jpegls_encoder_set_frame_info(encoder.0, &raw const info))?;
        done(charls::charls_jpegls_encoder_set_near_lossless(encoder.0, near))?;
        done(charls::charls_jpegls_encoder_set_interleave_mode(encoder.0, interleave))?;
        done(charls::charls_jpegls_encoder_set_destination_buffer(encoder.0, out.as_mut_ptr().cast(), out.len()))?;
        let from: *const c_void = words.as_ptr().cast();
        done(charls::charls_jpegls_encoder_encode_from_buffer(encoder.0, from, size_of_val(words), 0))?;
        done(charls::charls_jpegls_encoder_get_bytes_written(encoder.0, &raw mut written))?;
    }
    Ok(written)
}
