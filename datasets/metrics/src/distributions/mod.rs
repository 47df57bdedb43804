//! The distributions that intervals and tests stand on, over the special functions of `libm` and `statrs`, and an incomplete
//! beta function of our own (`beta.rs`).
//!
//! Tails are computed as tails, never as 1 minus the other one, so that small p values keep their digits. Quantiles are
//! found by bisection of the distribution function to the last bit that it can tell apart. Of NaN all is NaN.

mod beta;

use libm::erfc;
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::{gamma_lr, gamma_ur};

/// P(Z <= z) of the standard normal distribution.
pub fn normal_cdf(z: f64) -> f64 {
    erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

/// P(|Z| >= |z|).
pub fn normal_two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The z with P(Z <= z) = p; infinite at 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let z = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
    if !z.is_finite() {
        return z;
    }
    // statrs' inverse has eleven digits in the tails; one step of Newton's on the tail itself gives the rest.
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if density > 0.0 { z - (normal_cdf(z) - p) / density } else { z }
}

/// P(X <= x) of the beta distribution, 0 <= x <= 1.
pub fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    beta::regularized(a, b, x, 1.0 - x)
}

/// The x with P(X <= x) = p.
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_cdf(a, b, x) < p)
}

/// P(T >= t) of Student's distribution.
pub fn t_upper(t: f64, degrees: f64) -> f64 {
    let square = (t * t).clamp(0.0, f64::MAX / 2.0);
    let (x, y) = (degrees / (degrees + square), square / (degrees + square));
    let tail = beta::regularized(degrees / 2.0, 0.5, x, y) / 2.0;
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// P(|T| >= |t|).
pub fn t_two_sided(t: f64, degrees: f64) -> f64 {
    2.0 * t_upper(t.abs(), degrees)
}

/// The t with P(T <= t) = p, 0 < p < 1.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    if p < 0.5 {
        return -t_quantile(1.0 - p, degrees);
    }
    let upper = 1.0 - p;
    let mut most = 1.0;
    while t_upper(most, degrees) > upper && most < 1e300 {
        most *= 2.0;
    }
    bisect(0.0, most, |t| t_upper(t, degrees) > upper)
}

/// P(F >= f) of Fisher's distribution.
pub fn f_upper(f: f64, numerator: f64, denominator: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    let scaled = (numerator * f).clamp(0.0, f64::MAX / 2.0);
    let (x, y) = (denominator / (denominator + scaled), scaled / (denominator + scaled));
    beta::regularized(denominator / 2.0, numerator / 2.0, x, y)
}

/// The f with P(F <= f) = p, 0 < p < 1.
pub fn f_quantile(p: f64, numerator: f64, denominator: f64) -> f64 {
    let x = beta_quantile(denominator / 2.0, numerator / 2.0, 1.0 - p);
    denominator * (1.0 - x) / (numerator * x)
}

/// P(X >= x) of the chi-squared distribution.
pub fn chi_squared_upper(x: f64, degrees: f64) -> f64 {
    match x {
        x if x <= 0.0 => 1.0,
        f64::INFINITY => 0.0,
        x if x.is_nan() || !(degrees > 0.0 && degrees.is_finite()) => f64::NAN,
        x => gamma_ur(degrees / 2.0, x / 2.0),
    }
}

/// The x with P(X <= x) = p, 0 < p < 1.
pub fn chi_squared_quantile(p: f64, degrees: f64) -> f64 {
    let mut most = degrees.max(1.0);
    while gamma_lr(degrees / 2.0, most / 2.0) < p && most < 1e300 {
        most *= 2.0;
    }
    bisect(0.0, most, |x| x <= 0.0 || gamma_lr(degrees / 2.0, x / 2.0) < p)
}

/// P(X = k) of the binomial distribution.
pub fn binomial_probability(k: u64, n: u64, p: f64) -> f64 {
    let (successes, all) = (k as f64, n as f64);
    match k {
        k if k > n => 0.0,
        0 if n == 0 => 1.0,
        0 => (all * (-p).ln_1p()).exp(),
        k if k == n => (all * p.ln()).exp(),
        _ => beta::binomial(successes, all, p, 1.0 - p),
    }
}

/// P(X <= k) of the binomial distribution.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { beta::regularized((n - k) as f64, k as f64 + 1.0, 1.0 - p, p) }
}

/// The point from which on `below` is false, to the last bit.
fn bisect(mut lower: f64, mut upper: f64, below: impl Fn(f64) -> bool) -> f64 {
    // Each step halves the interval; near 0, where halves do not end, a factor is halved instead.
    for _ in 0..200 {
        let middle =
            if lower > 0.0 && upper > 4.0 * lower { (lower * upper).sqrt() } else { lower + (upper - lower) / 2.0 };
        if !(lower < middle && middle < upper) {
            break;
        }
        if below(middle) {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-10 * expected.abs().max(1e-300), "{found:e}, not {expected:e}");
    }

    #[test]
    fn as_scipy_has_them() {
        check(normal_cdf(-8.0), 6.22096057427174e-16);
        check(normal_cdf(1.3), 0.9031995154143897);
        check(normal_two_sided(-12.5), 7.465128597755428e-36);
        check(normal_quantile(0.975), 1.959963984540054);
        check(normal_quantile(1e-12), -7.034483825301131);
        check(normal_quantile(0.5001), 0.0002506628300880075);
        check(beta_cdf(0.5, 300.0, 0.01), 0.9858968277820737);
        check(beta_quantile(3.0, 998.0, 0.025), 0.0006190999316495713);
        check(beta_quantile(1.0, 5000.0, 0.975), 0.000737503801108105);
        check(beta_quantile(0.7, 0.9, 1e-10), 5.832840353653086e-15);
        check(t_upper(2.5, 3.3), 0.040026418154177235);
        check(t_two_sided(40.0, 12.0), 3.851229580772032e-14);
        check(t_upper(-1.0, 5.0), 0.8183912661754386);
        check(t_quantile(0.975, 7.25), 2.348194849105371);
        check(t_quantile(0.02, 100.0), -2.080883901337072);
        check(f_upper(3.2, 4.0, 17.5), 0.03852318605379366);
        check(f_quantile(0.975, 4.0, 17.5), 3.635618828344073);
        check(f_quantile(0.025, 4.0, 17.5), 0.11625756912459571);
        check(chi_squared_upper(90.0, 3.0), 2.190570119285308e-19);
        check(chi_squared_quantile(0.975, 12.0), 23.33666415864534);
        check(chi_squared_quantile(0.025, 2.0), 0.05063561596857975);
        check(binomial_probability(3, 20, 0.1), 0.19011987137619904);
        check(binomial_cdf(40, 1000, 0.05), 0.080636573256691);
    }

    /// Sums of forty digits over the tail: decimal in Python, logarithms of factorials by Stirling's series.
    #[test]
    fn of_millions() {
        let expected = [
            (100_000, 200_000, 0.5, 0.5008920609429995, 0.0017841218859990199),
            (99_000, 200_000, 0.5, 3.9121642576904325e-06, 8.098955862801471e-08),
            (4_999_999, 10_000_000, 0.5, 0.49987384337705293, 0.00025231319543154567),
            (4_990_000, 10_000_000, 0.5, 1.2724002455775866e-10, 5.200504668162564e-13),
            (5_002_000, 10_000_000, 0.5, 0.8971050702585479, 0.00011337165606182479),
            (60_500, 10_000_000, 0.006, 0.9796852548678644, 0.00020119197673321198),
            (59_000, 10_000_000, 0.006, 2.0352969342761205e-05, 3.593578932731934e-07),
            (9_940_500, 10_000_000, 0.994, 0.9798960657958423, 0.00020053100398719815),
        ];
        for (k, n, p, cdf, probability) in expected {
            check(binomial_cdf(k, n, p), cdf);
            check(binomial_probability(k, n, p), probability);
        }
        // scipy 1.17: beta.ppf
        check(beta_quantile(60_000.0, 9_940_001.0, 0.025), 0.005952228182776891);
        check(beta_quantile(5_000_001.0, 5_000_000.0, 0.975), 0.5003099474786289);
        check(beta_quantile(100_000.0, 100_001.0, 0.025), 0.4978062069460849);
    }

    #[test]
    fn every_small_binomial() {
        for n in 1..40_u64 {
            for p in [1e-9, 0.003, 0.2, 0.5, 0.77, 1.0 - 1e-9] {
                let mut sum = 0.0;
                for k in 0..=n {
                    let ways = (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
                    let probability = ways * f64::powi(p, k as i32) * f64::powi(1.0 - p, (n - k) as i32);
                    sum += probability;
                    check(binomial_probability(k, n, p), probability);
                    check(binomial_cdf(k, n, p), sum);
                }
            }
        }
    }

    #[test]
    fn at_the_ends() {
        assert_eq!(chi_squared_upper(f64::INFINITY, 3.0), 0.0);
        assert_eq!(f_upper(f64::INFINITY, 2.0, 7.0), 0.0);
        assert_eq!(t_upper(f64::INFINITY, 7.0), 0.0);
        assert_eq!(t_upper(f64::NEG_INFINITY, 7.0), 1.0);
        assert!(chi_squared_upper(f64::NAN, 3.0).is_nan() && chi_squared_upper(1.0, f64::NAN).is_nan());
        assert!(f_upper(f64::NAN, 2.0, 7.0).is_nan() && f_upper(1.0, 2.0, f64::NAN).is_nan());
        assert!(t_upper(f64::NAN, 7.0).is_nan() && t_upper(1.0, f64::NAN).is_nan());
        assert!(beta_cdf(1.0, 2.0, f64::NAN).is_nan());
        // For many degrees of freedom Student's distribution is the normal one.
        check(t_upper(1e-4, 1e9), normal_cdf(-1e-4));
    }
}
