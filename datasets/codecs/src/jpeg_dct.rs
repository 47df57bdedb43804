//! ITU-T T.81 processes with a discrete cosine transform, by libjpeg-turbo.
//!
//! 12 bits by the same library as 8, with the accurate integer transform and interpolated chroma, so that samples do
//! not depend on whether it was built with SIMD.
//!
//! Invariant: the first thing that libjpeg warns of ends the frame. It would otherwise fill what is missing or damaged
//! with grey; so rows that were not decoded stay 0.

#![allow(unsafe_code)]

mod header;

use std::ffi::{CStr, c_int};
use std::ptr;

use turbojpeg_sys as turbo;

use self::header::read;
use crate::agreement::{decodes, encodes};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Frame, Header, Missing, Shape};

/// ITU-T T.81 processes with a discrete cosine transform, 8 and 12 bits.
///
/// Baseline, extended sequential and progressive with Huffman codes; one component, or three, which come out as RGB:
/// whether they are coded as YCbCr is told by the JFIF and Adobe markers, and failing these by the components' names.
/// [`Encoding::Lossy`] is 100 less the quality, as the IJG scale counts it: 0 to 99.
#[derive(Debug, Clone, Copy)]
pub struct JpegDct;

/// Scans of a progressive frame. Each costs the time of a frame and may be a few bytes; libjpeg writes 10.
const SCANS_MAX: c_int = 100;
/// What libjpeg may take beside the coefficients of a frame, MiB.
const TABLES_MIB_MAX: usize = 32;

impl Codec for JpegDct {
    fn name(&self) -> &'static str {
        "JPEG"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        Ok(read(stream, declared)?.header)
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        let coded = read(stream, shape)?;
        decodes(&coded.header.shape, shape, samples)?;
        let stream = &*coded.repaired(stream);
        let result = if shape.precision == 8 {
            let mut bytes = vec![0; samples.len()];
            let result = decode(stream, shape, Samples::Eight(&mut bytes));
            samples.iter_mut().zip(bytes).for_each(|(sample, byte)| *sample = byte.into());
            result
        } else {
            decode(stream, shape, Samples::Twelve(samples))
        };
        match (result, how.missing) {
            (Ok(()), _) => Ok(Extent::Whole),
            (Err(Stop::Padded(count)), _) if coded.is_padding(stream, count) => Ok(Extent::Whole),
            (Err(Stop::BreaksOff), Missing::Keep) if !coded.buffered => Ok(Extent::Part),
            (Err(Stop::BreaksOff), _) => Err(CodecError::BreaksOff("in a scan")),
            (Err(Stop::Padded(_)), _) => Err(CodecError::Invalid("the JPEG stream has bytes that belong to no scan")),
            (Err(Stop::Other(why)), _) => Err(CodecError::Library(format!("libjpeg-turbo: {why}"))),
        }
    }

    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        encodes(frame)?;
        let Frame { shape, samples } = frame;
        let &Encoding::Lossy(loss @ 0..100) = how else {
            return Err(CodecError::Unsupported("JPEG of that quality"));
        };
        let sides = [shape.columns, shape.rows].map(u16::try_from);
        let ([Ok(columns), Ok(rows)], 8 | 12) = (sides, shape.precision) else {
            return Err(CodecError::Unsupported(
                "JPEG of more than 65535 rows or columns, or of neither 8 nor 12 bits",
            ));
        };
        let sampling = if shape.components == 1 { turbo::TJSAMP_TJSAMP_GRAY } else { turbo::TJSAMP_TJSAMP_444 };
        let parameters = [
            (turbo::TJPARAM_TJPARAM_QUALITY, 100 - c_int::from(loss)),
            (turbo::TJPARAM_TJPARAM_SUBSAMP, sampling),
            (turbo::TJPARAM_TJPARAM_OPTIMIZE, 1),
        ];
        encode(shape, samples, [columns, rows].map(c_int::from), &parameters)
    }
}

/// Where samples go, by how libjpeg keeps them.
enum Samples<'a> {
    Eight(&'a mut [u8]),
    Twelve(&'a mut [u16]),
}

/// Why libjpeg stopped.
#[cfg_attr(test, derive(Debug, PartialEq))]
enum Stop {
    /// A marker, or the end of the stream, stands where samples should.
    BreaksOff,
    /// So many bytes that are no marker stand before the end marker.
    Padded(usize),
    Other(String),
}

struct Handle(turbo::tjhandle);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by `tj3Init`, destroyed once; null is allowed.
        unsafe { turbo::tj3Destroy(self.0) };
    }
}

impl Handle {
    fn new(kind: turbo::TJINIT, parameters: &[(turbo::TJPARAM, c_int)]) -> Result<Self, Stop> {
        // SAFETY: takes no pointer.
        let handle = Self(unsafe { turbo::tj3Init(kind as c_int) });
        if handle.0.is_null() {
            return Err(Stop::Other("it does not start".to_owned()));
        }
        for (parameter, value) in parameters {
            // SAFETY: the handle is not null.
            handle.done(unsafe { turbo::tj3Set(handle.0, *parameter as c_int, *value) })?;
        }
        Ok(handle)
    }

    fn get(&self, parameter: turbo::TJPARAM) -> c_int {
        // SAFETY: the handle is not null.
        unsafe { turbo::tj3Get(self.0, parameter as c_int) }
    }

    fn done(&self, code: c_int) -> Result<(), Stop> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the handle is not null; the text is its own, ends in 0, and is copied before the next call.
        let text = unsafe { CStr::from_ptr(turbo::tj3GetErrorStr(self.0)) }.to_string_lossy();
        Err(Stop::said(&text))
    }
}

impl Stop {
    /// What a message of libjpeg's means (jerror.h: JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_EXTRANEOUS_DATA).
    fn said(text: &str) -> Self {
        let count = |text: &str| text.rsplit(' ').next()?.parse().ok();
        match text.split_once(" extraneous bytes before marker 0xd9").and_then(|(before, _)| count(before)) {
            Some(count) => Self::Padded(count),
            None if text.contains("Premature end of JPEG file") => Self::BreaksOff,
            None if text.contains("premature end of data segment") => Self::BreaksOff,
            None => Self::Other(text.to_owned()),
        }
    }
}

fn decode(stream: &[u8], shape: &Shape, samples: Samples<'_>) -> Result<(), Stop> {
    // libjpeg keeps the coefficients of a frame of several scans, 2 bytes each, in whole blocks.
    let coefficients_mib = (4 * (shape.rows + 64) * (shape.columns + 64) * shape.components) >> 20;
    let parameters = [
        (turbo::TJPARAM_TJPARAM_STOPONWARNING, 1),
        (turbo::TJPARAM_TJPARAM_SCANLIMIT, SCANS_MAX),
        (turbo::TJPARAM_TJPARAM_MAXMEMORY, c_int::try_from(coefficients_mib + TABLES_MIB_MAX).unwrap_or(c_int::MAX)),
    ];
    let handle = Handle::new(turbo::TJINIT_TJINIT_DECOMPRESS, &parameters)?;
    // SAFETY: the handle is not null. libjpeg's errors end in a `longjmp` within the call, over its own frames.
    handle.done(unsafe { turbo::tj3DecompressHeader(handle.0, stream.as_ptr(), stream.len() as _) })?;
    let (format, spaces): (_, &[_]) = match shape.components {
        1 => (turbo::TJPF_TJPF_GRAY, &[turbo::TJCS_TJCS_GRAY]),
        _ => (turbo::TJPF_TJPF_RGB, &[turbo::TJCS_TJCS_RGB, turbo::TJCS_TJCS_YCbCr]),
    };
    let same = usize::try_from(handle.get(turbo::TJPARAM_TJPARAM_JPEGWIDTH)) == Ok(shape.columns)
        && usize::try_from(handle.get(turbo::TJPARAM_TJPARAM_JPEGHEIGHT)) == Ok(shape.rows)
        && handle.get(turbo::TJPARAM_TJPARAM_PRECISION) == c_int::from(shape.precision)
        && handle.get(turbo::TJPARAM_TJPARAM_LOSSLESS) == 0
        && spaces.iter().any(|space| handle.get(turbo::TJPARAM_TJPARAM_COLORSPACE) == *space as c_int);
    if !same {
        return Err(Stop::Other("it reads another header".to_owned()));
    }
    // SAFETY: the buffers have rows x columns x components samples, checked by the caller and just now against what
    // the handle holds of the header, which it does not read again. 12-bit samples are 0 to 4095, so i16 and u16 agree.
    handle.done(unsafe {
        let (from, length) = (stream.as_ptr(), stream.len() as _);
        match samples {
            Samples::Eight(to) => turbo::tj3Decompress8(handle.0, from, length, to.as_mut_ptr(), 0, format as c_int),
            Samples::Twelve(to) => {
                turbo::tj3Decompress12(handle.0, from, length, to.as_mut_ptr().cast(), 0, format as c_int)
            }
        }
    })
}

fn encode(
    shape: &Shape,
    samples: &[u16],
    [columns, rows]: [c_int; 2],
    parameters: &[(turbo::TJPARAM, c_int)],
) -> Result<Vec<u8>, CodecError> {
    let format = if shape.components == 1 { turbo::TJPF_TJPF_GRAY } else { turbo::TJPF_TJPF_RGB };
    let failed = |stop| match stop {
        Stop::Other(why) => CodecError::Library(format!("libjpeg-turbo: {why}")),
        Stop::BreaksOff | Stop::Padded(_) => CodecError::Library("libjpeg-turbo does not encode".to_owned()),
    };
    let handle = Handle::new(turbo::TJINIT_TJINIT_COMPRESS, parameters).map_err(failed)?;
    let (mut out, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the samples are rows x columns x components, checked by the caller. `out` is null, so that the library
    // allocates it and says its length; it is copied and freed at once, whether or not there was an error.
    unsafe {
        let code = if shape.precision == 8 {
            let bytes: Vec<u8> = samples.iter().map(|sample| *sample as u8).collect();
            let from = bytes.as_ptr();
            turbo::tj3Compress8(handle.0, from, columns, 0, rows, format as c_int, &raw mut out, &raw mut length)
        } else {
            let from = samples.as_ptr().cast();
            turbo::tj3Compress12(handle.0, from, columns, 0, rows, format as c_int, &raw mut out, &raw mut length)
        };
        let stream = match (handle.done(code), out.is_null()) {
            (Ok(()), false) => Ok(std::slice::from_raw_parts(out, length as usize).to_vec()),
            (Ok(()), true) => Err(CodecError::Library("libjpeg-turbo gives no stream".to_owned())),
            (Err(stop), _) => Err(failed(stop)),
        };
        turbo::tj3Free(out.cast());
        stream
    }
}

#[cfg(test)]
mod tests;
