//! Functions of vectors.

use super::lanes::Lanes;

/// `exp(x)`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
unsafe fn exp<V: Lanes>(x: V) -> V {
    x
}
/// `x Φ(x)`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn gelu<V: Lanes>(x: V) -> V {
    unsafe { exp(x) }
}

/// `1 / (1 + exp(-x))`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn sigmoid<V: Lanes>(x: V) -> V {
    unsafe { exp(x) }
}

/// `x / (1 + exp(-x))`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
pub(super) unsafe fn silu<V: Lanes>(x: V) -> V {
    unsafe { exp(x) }
}
