//! Sums that should be 0.

/// 0 where a sum of terms of this size is rounding. A variance that is 0 must be found to be 0, not 1e-34, which a test would
/// take for certainty.
pub(crate) fn settled(sum: f64, size: f64) -> f64 {
    if sum.abs() <= 1e-13 * size { 0.0 } else { sum }
}

/// A value less another, 0 where the difference is rounding.
pub(crate) fn difference(a: f64, b: f64) -> f64 {
    settled(a - b, a.abs().max(b.abs()))
}
