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

    /// These values; the last block is filled up with zeros.
    pub(super) fn new(values: &[f32]) -> Self {
        let mut packed = Self::zeros(values.len().div_ceil(BLOCK));
        for (to, from) in packed.blocks_mut().zip(values.chunks(BLOCK)) {
            to[..from.len()].copy_from_slice(from);
        }
        packed
    }

    /// These bf16 values, two in the place of an f32; the last block is filled up with zeros.
    pub(super) fn bf16(values: &[u16]) -> Self {
        let pair = |pair: &[u16]| pair.iter().rev().fold(0, |bits, value| bits << 16 | u32::from(*value));
        Self::new(&values.chunks(2).map(|two| f32::from_bits(pair(two))).collect::<Vec<_>>())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_a_line_and_are_filled_up() {
        let packed = Packed::new(&[1.0; 17]);
        assert_eq!(packed.as_ptr().align_offset(64), 0);
        assert_eq!(packed.bytes(), 128);
        assert_eq!(packed.0[1].0[..2], [1.0, 0.0]);
        let halves = Packed::bf16(&[1, 2, 3]);
        // SAFETY: a line holds 32.
        assert_eq!(unsafe { halves.as_ptr().cast::<[u16; 4]>().read() }, [1, 2, 3, 0]);
    }
}
