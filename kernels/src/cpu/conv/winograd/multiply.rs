//! The small matrix products: tiles by input channels, times input channels by output channels.
//!
//! Invariant: every sum runs over the input channels in their order, however many tiles are computed side by side.

use super::super::super::isa::InstructionSet;
use super::super::super::lanes::{BLOCK, Lanes};

/// Output channels that are computed side by side: two vectors.
pub(super) fn panel(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Avx512 => 32,
        InstructionSet::Avx2 | InstructionSet::Portable => 16,
    }
}

/// One product: tile t's value of input channel c is `v[(c / 16 * apart + t) * 16 + c % 16]`, that of output channel k
/// becomes `m[(k / 16 * apart + t) * 16 + k % 16]`; weights lie as `u[c][k]`.
#[derive(Clone, Copy)]
pub(super) struct Product {
    /// Factors of the tiles.
    pub(super) v: *const f32,
    /// Factors of the kernels.
    pub(super) u: *const f32,
    /// Products, summed over channels.
    pub(super) m: *mut f32,
    /// Tiles from a block of channels to the next.
    pub(super) apart: usize,
    /// Tiles.
    pub(super) tiles: usize,
    /// Input channels.
    pub(super) channels: usize,
}

impl Product {
    /// Computes it for `N` vectors of output channels.
    ///
    /// # Safety
    ///
    /// The set of `V` is there; the memory is there and nobody else's.
    #[inline(always)]
    pub(super) unsafe fn run<V: Lanes, const N: usize>(self) {
        // Sums, weights and one value of a tile fill the registers.
        let most = if V::LANES == 16 { 28 / N } else { 12 / N };
        let (mut first, mut line) = (0, 0);
        // As many at once in every round but for one, rather than few in the last.
        for rounds in (1..=self.tiles.div_ceil(most)).rev() {
            let rows = (self.tiles - first).div_ceil(rounds);
            macro_rules! rows {
                ($($rows:literal)*) => {
                    match rows {
                        // SAFETY: the caller's.
                        $($rows if $rows <= most => unsafe { self.rows::<V, N, $rows>(first, line) },)*
                        _ => debug_assert_eq!(rows, 0),
                    }
                };
            }
            rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28);
            first += rows;
            line += BLOCK;
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Lanes, const N: usize, const ROWS: usize>(self, first: usize, line: usize) {
        // The weights of the product that follows, a line of each channel in a round.
        let ahead = self.channels * N * V::LANES + line;
        let fetch = line < N * V::LANES;
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; ROWS];
            let mut u = self.u;
            for start in (0..self.channels).step_by(BLOCK) {
                let mut v = self.v.add((start / BLOCK * self.apart + first) * BLOCK);
                for _ in start..self.channels.min(start + BLOCK) {
                    let mut weights = [V::splat(0.0); N];
                    for (n, weight) in weights.iter_mut().enumerate() {
                        *weight = V::load(u.add(n * V::LANES));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let value = V::splat(*v.add(row * BLOCK));
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum = value.mul_add(weight, *sum);
                        }
                    }
                    if fetch {
                        prefetch(u.wrapping_add(ahead));
                    }
                    u = u.add(N * V::LANES);
                    v = v.add(1);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (n, sum) in sums.into_iter().enumerate() {
                    let (block, lane) = (n * V::LANES / BLOCK, n * V::LANES % BLOCK);
                    sum.store(self.m.add((block * self.apart + first + row) * BLOCK + lane));
                }
            }
        }
    }
}

/// Asks for a line of memory to be brought to the second level of the cache.
#[inline(always)]
fn prefetch(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is in every x86-64; an address that is not there is ignored.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
