//! Made-up weights and inputs for any network, and the measure by which an executor is held to the reference: for tests
//! here and in crates that describe networks, and for timing.
//!
//! Invariant: the same graph gets the same numbers on every machine.

use candle_core::{DType, Device, Tensor};

use crate::graph::{Graph, Shape};
use crate::weights::{Weights, WeightsError};

/// A stream of numbers in [-1, 1): splitmix64.
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Weights from noise, so scaled that values neither grow nor vanish on their way; variances are positive.
pub fn weights(graph: &Graph) -> Result<Weights, WeightsError> {
    let drawn = graph.parameters().into_iter().enumerate().map(|(i, p)| {
        let terms = p.shape.iter().skip(1).product::<usize>().max(1);
        let near_one = p.name.ends_with("weight") || p.name.ends_with("running_var");
        let value = |v: f32| match (p.shape.len() > 1, near_one) {
            (true, _) => v * (3.0 / terms as f32).sqrt(),
            (false, true) => 1.0 + 0.5 * v,
            (false, false) => 0.3 * v,
        };
        let values: Vec<f32> = noise(i as u64 + 1, p.shape.iter().product()).into_iter().map(value).collect();
        Ok((p.name.clone(), Tensor::from_vec(values, p.shape.as_slice(), &Device::Cpu)?))
    });
    Weights::from_tensors(drawn.collect::<Result<Vec<_>, WeightsError>>()?)
}

/// Inputs from noise for a batch of so many items.
pub fn inputs(graph: &Graph, batch: usize) -> candle_core::Result<Vec<Tensor>> {
    let tensor = |(i, shape): (usize, Shape)| {
        let dims = match shape {
            Shape::Map { per_item, channels, rows, columns } => vec![batch * per_item, channels, rows, columns],
            Shape::Features { per_item, channels } => vec![batch * per_item, channels],
        };
        Tensor::from_vec(noise(1000 + i as u64, dims.iter().product()), dims, &Device::Cpu)
    };
    graph.inputs().enumerate().map(tensor).collect()
}

/// The first items of a batch.
pub fn first(inputs: &[Tensor], items: usize, batch: usize) -> candle_core::Result<Vec<Tensor>> {
    inputs.iter().map(|t| t.narrow(0, 0, t.dim(0)? / batch * items)?.contiguous()).collect()
}

/// All values, in f64.
pub fn doubles(t: &Tensor) -> candle_core::Result<Vec<f64>> {
    t.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// The greatest distance between values of the same place. What is no number, or has no counterpart, is infinitely far.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    let worst = off.fold(0.0, |worst: f64, off| if off.is_nan() { f64::INFINITY } else { worst.max(off) });
    if a.len() == b.len() { worst } else { f64::INFINITY }
}

/// How far an f32 result may be from the exact one: eight times as far as the reference's own f32 result, and 32
/// roundings of the largest value.
pub fn tolerance(exact: &[f64], reference: &[f64]) -> f64 {
    let size = exact.iter().fold(0f64, |m, v| m.max(v.abs()));
    8.0 * distance(reference, exact) + 32.0 * f64::from(f32::EPSILON) * size
}

/// Cases of a property test: so many, or `TEST_GPU_CASES`.
#[cfg(test)]
pub(crate) fn cases(few: u32) -> u32 {
    std::env::var("TEST_GPU_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_far() {
        let check = |a: &[f64], b: &[f64], expected: f64| assert_eq!(distance(a, b), expected, "{a:?} {b:?}");
        check(&[1.0, 2.0], &[1.0, 2.5], 0.5);
        check(&[f64::NAN], &[1.0], f64::INFINITY);
        check(&[1.0], &[f64::NAN], f64::INFINITY);
        check(&[f64::INFINITY], &[f64::INFINITY], f64::INFINITY);
        check(&[1.0], &[], f64::INFINITY);
    }
}
