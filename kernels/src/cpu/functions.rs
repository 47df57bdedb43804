//! Functions of vectors: exponential, logistic function, GELU, SiLU.
//!
//! The polynomials are least-squares fits of the smallest greatest relative error, made for this file.
//!
//! Invariant: what is no number stays none. Errors are a few roundings of f32 (the tests say how many).

use super::lanes::Lanes;

/// Of `exp(x)` on ±ln 2 / 2, lowest power first: relative error 2e-9.
const EXP: [f32; 7] = [1.0, 1.0, 0.499_999_9, 0.166_664_19, 0.041_668_232, 0.008_374_898, 0.001_383_673_8];

/// Of `erfc(x) exp(x²)` in `1 / (1 + 0.4 x)` for x from 0 to 9.5, lowest power first: relative error 3e-8.
const ERFC: [f32; 10] = [
    3.168_637e-5,
    0.224_978_3,
    0.232_236_16,
    0.173_233_27,
    0.280_950_8,
    -0.091_904_395,
    0.304_320_34,
    -0.085_426_15,
    -0.065_362_505,
    0.026_942_512,
];

/// A polynomial, lowest power first.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
unsafe fn polynomial<V: Lanes, const N: usize>(coefficients: [f32; N], x: V) -> V {
    // SAFETY: the caller's.
    unsafe {
        let mut y = V::splat(coefficients[N - 1]);
        for c in coefficients[..N - 1].iter().rev() {
            y = y.mul_add(x, V::splat(*c));
        }
        y
    }
}

/// `exp(x)`, for x below -87 as for -87, for x above 88 as for 88.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe {
        let x = V::splat(88.0).min(V::splat(-87.0).max(x));
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first of few enough bits that n times it is exact.
        let r = n.mul_add(V::splat(-0.693_359_4), x);
        let r = n.mul_add(V::splat(2.121_944_4e-4), r);
        polynomial(EXP, r).mul(n.exp2_whole())
    }
}

/// `1 / (1 + exp(-x))`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn sigmoid<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe { V::splat(1.0).div(V::splat(1.0).add(exp(V::splat(0.0).sub(x)))) }
}

/// `x / (1 + exp(-x))`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn silu<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe { x.div(V::splat(1.0).add(exp(V::splat(0.0).sub(x)))) }
}

/// `x Φ(x)`: `max(x, 0) - |x| erfc(|x| / √2) / 2`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn gelu<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe {
        let zero = V::splat(0.0);
        let size = zero.sub(x).max(x);
        let z = V::splat(9.5).min(size.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2)));
        let t = V::splat(1.0).div(z.mul_add(V::splat(0.4), V::splat(1.0)));
        let erfc = polynomial(ERFC, t).mul(exp(zero.sub(z.mul(z))));
        zero.max(x).sub(size.mul(V::splat(0.5)).mul(erfc))
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::{InstructionSet, Loop, on};
    use super::*;

    struct Apply<'a>(&'a [f32], &'a mut [f32], usize);

    impl Loop for Apply<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes>(self) {
            for (from, to) in self.0.chunks_exact(16).zip(self.1.chunks_exact_mut(16)) {
                for at in (0..16).step_by(V::LANES) {
                    // SAFETY: a chunk has 16 values; the set is available.
                    unsafe {
                        let x = V::load(from.as_ptr().add(at));
                        let y = [gelu, silu, sigmoid, exp][self.2](x);
                        y.store(to.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }

    fn apply(set: InstructionSet, function: usize, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        // SAFETY: the set is available.
        unsafe { on(set, Apply(x, &mut y, function)) };
        y
    }

    /// By its series, or by the continued fraction where that converges better.
    fn erfc(x: f64) -> f64 {
        if x < 3.0 {
            let (mut term, mut sum) = (x, x);
            for n in 1..100 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            return 1.0 - sum * 2.0 / std::f64::consts::PI.sqrt();
        }
        let mut f = x;
        for n in (1..200).rev() {
            f = x + f64::from(n) / 2.0 / f;
        }
        (-x * x).exp() / f / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn functions_are_those_of_the_textbook() {
        let x: Vec<f32> = (-1600..1600).map(|i| i as f32 / 64.0 + 0.001).collect();
        let check = |function: usize, exact: fn(f64) -> f64, relative: f64| {
            for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
                for (x, y) in x.iter().zip(apply(set, function, &x)) {
                    let expected = exact(f64::from(*x));
                    let off = (f64::from(y) - expected).abs();
                    let scale = expected.abs() + 1e-30;
                    assert!(off <= relative * scale + 1e-30, "{set} {function}: {y} for {x}, expected {expected}");
                }
            }
        };
        check(3, f64::exp, 3e-7);
        check(2, |x| 1.0 / (1.0 + (-x).exp()), 3e-7);
        check(1, |x| x / (1.0 + (-x).exp()), 3e-7);
    }

    #[test]
    fn gelu_is_that_of_the_textbook() {
        let x: Vec<f32> = (-1600..1600).map(|i| i as f32 / 160.0 + 0.001).collect();
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            for (x, y) in x.iter().zip(apply(set, 0, &x)) {
                let x = f64::from(*x);
                let half = x.abs() * 0.5 * erfc(x.abs() / 2f64.sqrt());
                let expected = x.max(0.0) - half;
                // Below zero the exponential magnifies the rounding of its argument.
                let off = (f64::from(y) - expected).abs();
                assert!(off <= 3e-7 * expected.abs() + 1e-5 * half, "{set}: {y} for {x}, expected {expected}");
            }
        }
    }

    #[test]
    fn extremes_and_what_is_no_number() {
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            let x = [f32::NAN, -1e30, 1e30, 0.0].repeat(4);
            for function in 0..3 {
                assert!(apply(set, function, &x)[0].is_nan(), "{set} {function}");
            }
            let gelu = apply(set, 0, &x);
            assert!(gelu[1].abs() < 1e-8 && gelu[2..4] == [1e30, 0.0], "{set} {gelu:?}");
            assert_eq!(apply(set, 2, &x)[2..4], [1.0, 0.5]);
        }
    }
}
