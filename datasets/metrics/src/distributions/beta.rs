//! The regularized incomplete beta function, for parameters up to tens of millions.
//!
//! I_x(a, b) is `x^a y^b / (a B(a, b))`, y = 1 - x, times a continued fraction (DLMF 8.17.22), by the method of Lentz (Applied Optics
//! 15 (1976) 668) as Thompson & Barnett (Journal of Computational Physics 64 (1986) 490) have it. Near the centre of the
//! distribution it takes some root of a + b terms, so that there are as many as it needs. The factor before it is taken apart as Loader
//! does for binomial probabilities (Fast and accurate computation of binomial probabilities, 2000): logarithms of gamma functions
//! of 1e7 are so large that their differences keep eight digits.

use libm::lgamma as ln_gamma;

/// More terms than any parameters need for which a count of rows is kept.
const TERMS_MAX: usize = 10_000_000;
/// In the place of a 0 that would be divided by.
const TINY: f64 = 1e-300;

/// I_x(a, b) where `y` is 1 - x, which the caller may know with more digits. NaN for parameters that are not above 0 and finite.
pub(super) fn regularized(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let known = a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0 && !x.is_nan() && !y.is_nan();
    match (known, x, y) {
        (false, _, _) => f64::NAN,
        (true, x, _) if x <= 0.0 => 0.0,
        (true, _, y) if y <= 0.0 => 1.0,
        // Where it converges fast, and where the smaller tail is found as such.
        (true, x, y) if x * (a + b + 2.0) < a + 1.0 => lower(a, b, x, y),
        (true, x, y) => 1.0 - lower(b, a, y, x),
    }
}

fn lower(a: f64, b: f64, x: f64, y: f64) -> f64 {
    (power(a, b, x, y) / a * fraction(a, b, x)).clamp(0.0, 1.0)
}

/// 1 / (1 + d1 / (1 + d2 / (1 + ...))).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let safe = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut value, mut above, mut below) = (1.0, 1.0, 0.0);
    for term in 1..=TERMS_MAX {
        let m = (term / 2) as f64;
        let d = match term % 2 {
            0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        below = 1.0 / safe(1.0 + d * below);
        above = safe(1.0 + d / above);
        let step = above * below;
        value *= step;
        if (step - 1.0).abs() < 1e-16 {
            return 1.0 / value;
        }
    }
    f64::NAN
}

/// x^a y^b / B(a, b).
fn power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let exponent = stirling(n) - stirling(a) - stirling(b) - deviance(a, n * x) - deviance(b, n * y);
    (a / n * b / std::f64::consts::TAU).sqrt() * exponent.exp()
}

/// The probability of k of n at p, q = 1 - p, for 0 < k < n.
pub(super) fn binomial(k: f64, n: f64, p: f64, q: f64) -> f64 {
    let others = n - k;
    let exponent = stirling(n) - stirling(k) - stirling(others) - deviance(k, n * p) - deviance(others, n * q);
    (n / (std::f64::consts::TAU * k * others)).sqrt() * exponent.exp()
}

/// What Stirling's formula lacks: `ln gamma(z + 1) - (z + 1/2) ln z + z - ln(2 pi) / 2` (DLMF 5.11.1).
fn stirling(z: f64) -> f64 {
    if z < 16.0 {
        return ln_gamma(z + 1.0) - (z + 0.5) * z.ln() + z - std::f64::consts::TAU.ln() / 2.0;
    }
    let square = 1.0 / (z * z);
    let terms = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    terms.into_iter().rev().fold(0.0, |sum, term| sum * square + term) / z
}

/// `z ln(z / mean) + mean - z`, without cancellation where both are near.
fn deviance(z: f64, mean: f64) -> f64 {
    let share = (z - mean) / (z + mean);
    if share.abs() > 0.1 {
        return z * (z / mean).ln() + mean - z;
    }
    // ln(z / mean) is 2 (share + share^3 / 3 + ...), and its first term goes into the rest as a square.
    let (mut odd, mut sum) = (share, (z - mean) * share);
    for j in 1..20 {
        odd *= share * share;
        let term = 2.0 * z * odd / f64::from(2 * j + 1);
        sum += term;
        if term.abs() <= 1e-18 * sum.abs() {
            break;
        }
    }
    sum
}
