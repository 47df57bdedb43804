//! JPEG 2000 decoded on a GPU by NVIDIA's nvJPEG2000, where its library is installed.
//!
//! `libnvjpeg2k.so.0` is looked for at run time and never shipped. It is closed code that reads bytes which a peer sent, so
//! it gets them late: whoever calls has read the headers and held them to limits, and has proved on probes that this
//! library decodes as our own codecs do.
//!
//! Invariants:
//! - Nothing is allocated for a stream before the library's own reading of its headers is the frame that is expected.
//! - What is given has been waited for, and has no bit above the precision.
//! - Whatever goes wrong is an error: the caller decodes by itself.

#[cfg(feature = "cuda")]
mod abi;
#[cfg(not(feature = "cuda"))]
#[path = "absent.rs"]
mod library;
#[cfg(feature = "cuda")]
#[path = "nvjpeg2k.rs"]
mod library;
#[cfg(test)]
#[cfg(feature = "cuda")]
mod tests;

use crate::{DeviceFault, FaultKind};

pub use library::Jpeg2000;

/// The frame that a stream is expected to be: one unsigned component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Rows, above 0.
    pub rows: usize,
    /// Columns, above 0.
    pub columns: usize,
    /// Bits of a sample, 1 to 16.
    pub precision: u16,
}

/// The most samples of a frame; each takes 2 bytes of the GPU's memory and 2 of pinned memory, besides what the library
/// needs. The largest mammograms have 30 million.
const SAMPLES_MAX: usize = 100_000_000;

impl Plane {
    /// Rows times columns: 1 to 100 million, with a precision of 1 to 16; else `None`, and it is not decoded.
    pub fn samples(&self) -> Option<usize> {
        let samples = self.rows.checked_mul(self.columns)?;
        ((1..=SAMPLES_MAX).contains(&samples) && (1..=16).contains(&self.precision)).then_some(samples)
    }
}

/// Why there is no decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDecoder {
    /// The feature `cuda` is off.
    #[error("this binary was built without CUDA (feature `cuda`)")]
    NotBuilt,
    /// The library is not there, or a function of it is not.
    #[error("nvJPEG2000 cannot be loaded: {0}")]
    NoLibrary(String),
    /// It does not start.
    #[error("nvJPEG2000 does not start: {0}")]
    Fault(#[from] DecodeFault),
}

/// Why a stream was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFault {
    /// No decoder is asked for a frame of no samples, of too many, or of another precision than 1 to 16.
    #[error("a frame of {} x {} samples of {} bits is not decoded", .0.rows, .0.columns, .0.precision)]
    Size(Plane),
    /// To the library the stream is another frame than to the caller.
    #[error("nvJPEG2000 reads another frame from the headers")]
    Other,
    /// It gave a value with more bits than the precision.
    #[error("nvJPEG2000 gave a value beyond the precision")]
    Beyond,
    /// The library refuses.
    #[error("{call}: {status}")]
    Library {
        /// Its function.
        call: &'static str,
        /// Its `nvjpeg2kStatus_t`.
        status: i32,
    },
    /// The device fails.
    #[error(transparent)]
    Device(#[from] DeviceFault),
}

impl DecodeFault {
    /// Whether only this stream is at fault, or a lack of memory, so that the decoder may be asked again.
    pub fn is_passing(&self) -> bool {
        /// `NVJPEG2K_STATUS_BAD_JPEG`, `_JPEG_NOT_SUPPORTED`, `_ALLOCATOR_FAILURE`, `_IMPLEMENTATION_NOT_SUPPORTED`.
        const PASSING: [i32; 4] = [3, 4, 5, 9];
        match self {
            Self::Size(_) | Self::Other => true,
            Self::Beyond => false,
            Self::Library { status, .. } => PASSING.contains(status),
            Self::Device(fault) => fault.kind == FaultKind::OutOfMemory,
        }
    }
}
