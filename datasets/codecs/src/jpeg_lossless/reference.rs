//! A scan as annex H describes it, sample by sample: any number of components, interleaved, each with its own table.
//!
//! Invariant: nothing here is clever.

use super::entropy::Bits;
use super::scan::Scan;
use crate::{CodecError, Decoding, Extent, Missing, Shape};

/// Decodes the scan's components to `out`, `shape.components` samples a pixel, those of the scan all 0.
pub(super) fn decode(scan: &Scan, shape: &Shape, how: &Decoding, out: &mut [u16]) -> Result<Extent, CodecError> {
    let stride = shape.columns * shape.components;
    let intervals = out.chunks_mut(scan.restart_rows * stride);
    let expected = intervals.len();
    let mut extents = Vec::new();
    for (segment, out) in scan.segments.iter().zip(intervals) {
        extents.push(match interval(scan, shape, segment, out) {
            Err(CodecError::BreaksOff(_)) if how.missing == Missing::Keep => Extent::Part,
            outcome => outcome.map(|()| Extent::Whole)?,
        });
        for component in &scan.components {
            let samples = out.iter_mut().skip(component.place).step_by(shape.components);
            samples.for_each(|sample| *sample = *sample << scan.transform & u16::MAX >> (16 - shape.precision));
        }
    }
    scan.complete(expected, how.missing, &extents)
}

fn interval(scan: &Scan, shape: &Shape, segment: &[u8], out: &mut [u16]) -> Result<(), CodecError> {
    let mut bits = Bits::new(segment);
    let (step, stride) = (shape.components, shape.columns * shape.components);
    for pixel in 0..out.len() / step {
        let (row, column) = (pixel / shape.columns, pixel % shape.columns);
        for component in &scan.components {
            let at = row * stride + column * step + component.place;
            let difference = bits.difference(&component.table)?;
            let (ra, rb) = (|| i32::from(out[at - step]), || i32::from(out[at - stride]));
            let rc = || i32::from(out[at - stride - step]);
            let prediction = match (row, column, scan.selection) {
                (0, 0, _) => i32::from(scan.start),
                (0, _, _) => ra(),
                (_, 0, _) => rb(),
                (_, _, 1) => ra(),
                (_, _, 2) => rb(),
                (_, _, 3) => rc(),
                (_, _, 4) => ra() + rb() - rc(),
                (_, _, 5) => ra() + ((rb() - rc()) >> 1),
                (_, _, 6) => rb() + ((ra() - rc()) >> 1),
                _ => (ra() + rb()) >> 1,
            };
            out[at] = (prediction as u16).wrapping_add(difference);
        }
    }
    bits.finish()
}
