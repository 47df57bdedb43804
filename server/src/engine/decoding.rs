//! Pixels decoded on a GPU, where NVIDIA's library for that is installed (docs/gpu.md).
//!
//! ```text
//! INFO uvid_server::engine::decoding: a GPU decodes device="cuda:0" version="0.11.0" formats=[Jpeg2000, Htj2k]
//! WARN uvid_server::engine::decoding: a GPU does not decode device="cuda:0" why="it decodes other samples from ..."
//! ```
//!
//! Invariants: what is decoded here has the bits that the processor would give, as far as probes can show; whatever goes
//! wrong here, the processor decodes; after a fault that may last, this decoder is not asked again.

use std::sync::{Arc, Mutex};

use tracing::{debug, info, warn};
use uvid_datasets::dicom::accelerator::{Accelerator, Format, Proven, Shape};
use uvid_model::{DecodeFault, Gpu, Jpeg2000, NoDecoder, Plane};

use crate::config::GpuDecoding;
use crate::metrics as names;

/// What decodes on a GPU, if something does. What there is, or why there is nothing, is logged.
pub(super) fn open(gpu: &Gpu, wanted: GpuDecoding) -> Option<Arc<Proven>> {
    let device = format!("cuda:{}", gpu.ordinal);
    match wanted {
        GpuDecoding::Off => return None,
        GpuDecoding::Auto => {}
    }
    let mut decoder = match Jpeg2000::open(gpu.ordinal) {
        Ok(decoder) => decoder,
        Err(why @ (NoDecoder::NotBuilt | NoDecoder::NoLibrary(_))) => {
            info!(device, %why, "a GPU does not decode");
            return None;
        }
        Err(why @ NoDecoder::Fault(_)) => {
            warn!(device, %why, "a GPU does not decode");
            return None;
        }
    };
    let version = decoder.version().to_owned();
    let decode = move |codestream: &[u8], plane| decoder.decode(codestream, plane);
    match Proven::new(Box::new(Decoder::new(device.clone(), Box::new(decode)))) {
        Ok(proven) => {
            info!(device, version, formats = ?proven.formats(), "a GPU decodes");
            for refused in proven.refused() {
                info!(device, version, why = %refused, "a GPU does not decode all");
            }
            Some(Arc::new(proven))
        }
        Err(why) => {
            warn!(device, version, %why, "a GPU does not decode");
            None
        }
    }
}

type Decode = Box<dyn FnMut(&[u8], Plane) -> Result<Vec<u16>, DecodeFault> + Send>;

/// A device's decoder: whoever has a frame waits for the one before, which takes less time than the processor would.
struct Decoder {
    device: String,
    /// `None` after a fault that may last.
    decode: Mutex<Option<Decode>>,
}

impl Decoder {
    fn new(device: String, decode: Decode) -> Self {
        Self { device, decode: Mutex::new(Some(decode)) }
    }
}

impl Accelerator for Decoder {
    fn decode(&self, _: Format, codestream: &[u8], shape: &Shape) -> Option<Vec<u16>> {
        let Shape { rows, columns, precision, .. } = *shape;
        // After a panic nothing is known of it.
        let mut decode = self.decode.lock().ok()?;
        let decoded = decode.as_mut()?(codestream, Plane { rows, columns, precision });
        match decoded {
            Ok(samples) => return Some(samples),
            Err(fault) if fault.is_passing() => debug!(device = self.device, %fault, "left to the processor"),
            Err(fault) => {
                warn!(device = self.device, %fault, "a GPU does not decode any more; the processor does");
                *decode = None;
            }
        }
        None
    }

    fn decoded(&self, here: bool) {
        metrics::counter!(names::FRAMES_DECODED, "by" => if here { "gpu" } else { "cpu" }).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_fault_that_lasts_is_the_last() {
        let check = |fault: DecodeFault, asked_again: bool| {
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            let decode = move |_: &[u8], plane: Plane| match counted.fetch_add(1, Ordering::Relaxed) {
                0 | 2 => Ok(vec![7; plane.rows * plane.columns]),
                _ => Err(fault.clone()),
            };
            let decoder = Decoder::new("cuda:0".into(), Box::new(decode));
            let ask = || {
                let shape = Shape { rows: 2, columns: 3, components: 1, precision: 12, signed: false };
                decoder.decode(Format::Jpeg2000, b"", &shape).map(|samples| samples.len())
            };
            assert_eq!((ask(), ask(), ask()), (Some(6), None, asked_again.then_some(6)));
            assert_eq!(asked.load(Ordering::Relaxed), if asked_again { 3 } else { 2 });
        };
        check(DecodeFault::Other, true);
        check(DecodeFault::Library { call: "nvjpeg2kDecode", status: 4 }, true);
        check(DecodeFault::Library { call: "nvjpeg2kDecode", status: 6 }, false);
        check(DecodeFault::Beyond, false);
    }
}
