//! Numbers on cache lines.
//!
//! Invariant: the first value lies at a multiple of 64 bytes, so no vector of a block straddles two lines.

use super::lanes::BLOCK;

/// A block of values on one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; BLOCK]);

/// Weights as a kernel wants them.
#[derive(Debug, Clone)]
pub(super) struct Packed(Vec<Line>);

impl Packed {
    /// Zeros, so many blocks of them.
    pub(super) fn zeros(blocks: usize) -> Self {
        Self(vec![Line([0.0; BLOCK]); blocks])
    }

    /// The blocks, to be filled.
    pub(super) fn blocks_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32; BLOCK]> {
        self.0.iter_mut().map(|line| &mut line.0)
    }

    /// The first value.
    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *const f32 {
        self.0.as_ptr().cast()
    }

    /// Their size.
    pub(super) fn bytes(&self) -> usize {
        std::mem::size_of_val(self.0.as_slice())
    }
}
