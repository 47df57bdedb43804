//! Bisection, for score methods.

/// A term `weight * ln(constant + slope * x)` of a log likelihood.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) weight: f64,
    pub(super) constant: f64,
    pub(super) slope: f64,
}

/// Where the sum of the terms, which is concave, is largest between two ends within which every logarithm exists.
pub(super) fn maximum(terms: &[Term], lower: f64, upper: f64) -> f64 {
    bisect(lower, upper, |x| {
        let slopes = terms.iter().filter(|term| term.weight > 0.0);
        slopes.map(|term| term.weight * term.slope / (term.constant + term.slope * x)).sum::<f64>() > 0.0
    })
}

/// The point from which on `before` is false, to the last bit.
pub(super) fn bisect(mut lower: f64, mut upper: f64, before: impl Fn(f64) -> bool) -> f64 {
    // 200 halves are below every difference that matters; only ends at 0 would go on longer.
    for _ in 0..200 {
        let middle = lower + (upper - lower) / 2.0;
        if !(lower < middle && middle < upper) {
            break;
        }
        if before(middle) {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    lower + (upper - lower) / 2.0
}
