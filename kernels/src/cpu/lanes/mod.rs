//! Vectors of f32, one type for each instruction set, and one way to write a loop for all of them.
//!
//! A loop is written once, generic over [`Lanes`] and `#[inline(always)]`, and compiled once for each set inside a
//! function that has the set's `#[target_feature]` ([`on`](super::isa::on)).
//!
//! Invariant: [`BLOCK`] is a multiple of every vector's length, so a block of channels is a whole number of vectors.

pub(super) mod portable;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// Channels are stored in blocks of so many; those beyond the last real one are padding, and hold no meaning.
pub(super) use crate::compile::BLOCK;

/// A vector of f32.
///
/// # Safety
///
/// Every method may only be called where the instruction set of the type is there; `load` and `store` read and write
/// [`Lanes::LANES`] values at the pointer, aligned as an f32.
pub(super) trait Lanes: Copy {
    /// Its length.
    const LANES: usize;
    /// All of one value.
    unsafe fn splat(value: f32) -> Self;
    /// From memory.
    unsafe fn load(from: *const f32) -> Self;
    /// To memory.
    unsafe fn store(self, to: *mut f32);
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// `self - b`.
    unsafe fn sub(self, b: Self) -> Self;
    /// `self * b`.
    unsafe fn mul(self, b: Self) -> Self;
    /// `self / b`.
    unsafe fn div(self, b: Self) -> Self;
    /// `self * b + c`, rounded once where the set can, twice where it cannot.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// The larger, lane by lane; `b` where `self` is no number.
    unsafe fn max(self, b: Self) -> Self;
    /// The larger, lane by lane; no number where either is none.
    unsafe fn largest(self, b: Self) -> Self;
    /// The smaller, lane by lane; `b` where `self` is no number.
    unsafe fn min(self, b: Self) -> Self;
    /// The square root.
    unsafe fn sqrt(self) -> Self;
    /// The nearest whole number, halves to even.
    unsafe fn round(self) -> Self;
    /// 2 to the power of `self`, a whole number from -126 to 127.
    unsafe fn exp2_whole(self) -> Self;
}

/// Asks for the cache line of an address, which need not be one.
#[inline(always)]
pub(super) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of the architecture; a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
