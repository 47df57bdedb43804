//! ITU-T T.81 processes with a discrete cosine transform, by libjpeg-turbo.
//!
//! 12 bits by the same library as 8, with the accurate integer transform and interpolated chroma, so that samples do
//! not depend on whether it was built with SIMD.
//!
//! Invariant: the first thing that libjpeg warns of ends the frame. It would otherwise fill what is missing or damaged
//! with grey; so rows that were not decoded stay 0.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::ptr;

use turbojpeg_sys as turbo;

use crate::agreement::{decodes, encodes};
use crate::markers::{DRI, FrameHeader, SOS, Walk, frame_header, word};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Missing, Shape};

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
            (Err(Stop::Padded), _) if !coded.buffered && coded.restart == 0 => Ok(Extent::Whole),
            (Err(Stop::BreaksOff), Missing::Keep) if !coded.buffered => Ok(Extent::Part),
            (Err(Stop::BreaksOff), _) => Err(CodecError::BreaksOff("in a scan")),
            (Err(Stop::Padded), _) => Err(CodecError::Invalid("the JPEG stream has bytes that belong to no scan")),
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

/// What a stream says before its first scan is over.
struct Coded {
    header: Header,
    /// Whether libjpeg has to read all scans before it gives a row.
    buffered: bool,
    /// MCUs between restart markers; 0 where there are none.
    restart: u16,
    /// Where the last 3 bytes of the first scan header are, if they say what a sequential scan cannot mean.
    spectral: Option<usize>,
}

/// All coefficients, all bits: the only thing that a scan header of a sequential frame may say (T.81 table B.3).
const SEQUENTIAL: [u8; 3] = [0, 63, 0];

impl Coded {
    /// Some encoders (that of NEMA's files of 12 bits) leave these bytes 0, of which libjpeg warns.
    fn repaired<'a>(&self, stream: &'a [u8]) -> Cow<'a, [u8]> {
        match self.spectral {
            None => Cow::Borrowed(stream),
            Some(at) => Cow::Owned([&stream[..at], &SEQUENTIAL, &stream[at + 3..]].concat()),
        }
    }
}

/// Reads frame and scan header (T.81 B.2.2, B.2.3).
fn read(stream: &[u8], declared: &Shape) -> Result<Coded, CodecError> {
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

/// Where samples go, by how libjpeg keeps them.
enum Samples<'a> {
    Eight(&'a mut [u8]),
    Twelve(&'a mut [u16]),
}

/// Why libjpeg stopped.
enum Stop {
    /// A marker, or the end of the stream, stands where samples should.
    BreaksOff,
    /// Bytes that are no marker stand before the end marker.
    Padded,
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
        // jerror.h: JWRN_JPEG_EOF, JERR_INPUT_EOF, JWRN_HIT_MARKER, JWRN_EXTRANEOUS_DATA.
        let breaks_off = ["Premature end of JPEG file", "Premature end of input file", "premature end of data segment"];
        Err(match text {
            text if breaks_off.iter().any(|why| text.contains(why)) => Stop::BreaksOff,
            text if text.contains("extraneous bytes before marker 0xd9") => Stop::Padded,
            text => Stop::Other(text.into_owned()),
        })
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
        Stop::BreaksOff | Stop::Padded => CodecError::Library("libjpeg-turbo does not encode".to_owned()),
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
