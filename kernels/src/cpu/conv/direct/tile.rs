//! The inner loops.
//!
//! Invariant: a sum takes its terms in order, one at a time, whatever the size of the tile.

use crate::cpu::lanes::{BLOCK, Lanes, prefetch};

/// The terms of a tile's sums: `runs` times `length` consecutive input values for each pixel.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) runs: usize,
    pub(super) length: usize,
    /// For each run, if the pixels' pointers are the same for all runs.
    pub(super) offsets: *const isize,
    /// For each pixel.
    pub(super) windows: *const *const f32,
    /// From the pointers of a run to those of the next: 0 or the pixels of the tile.
    pub(super) next: usize,
    /// Terms that the sums have already.
    pub(super) before: usize,
    /// From a tile's first pixel to that of the next.
    pub(super) ahead: usize,
    /// What is asked for there with every term.
    pub(super) step: usize,
}

impl Terms {
    /// The runs of one of so many parts.
    #[inline(always)]
    pub(super) unsafe fn part(self, part: usize, parts: usize) -> Self {
        let (from, to) = (part * self.runs / parts, (part + 1) * self.runs / parts);
        // SAFETY: the caller's: there are so many parts, and no more of them than runs.
        let (offsets, windows) = unsafe { (self.offsets.add(from), self.windows.add(from * self.next)) };
        Self { runs: to - from, offsets, windows, before: from * self.length, ..self }
    }
}

/// The smallest tile that there is for so many vectors and pixels, `most` being the largest.
#[inline(always)]
pub(super) fn tile_of(vectors: usize, pixels: usize, most: usize) -> usize {
    let sizes: &[usize] = match vectors {
        1 => &[1, 3, 7],
        2 => &[1, 2, 4, 6, 10],
        3 => &[1, 3, 5, 7],
        _ => &[1, 2, 3, 4, 5],
    };
    sizes.iter().copied().find(|size| *size >= pixels).map_or(most, |size| size.min(most))
}

/// The sums of a tile of so many vectors and pixels.
#[inline(always)]
pub(super) unsafe fn sums<V: Lanes>(vectors: usize, tile: usize, terms: Terms, weights: *const f32, to: *mut f32) {
    macro_rules! of {
        ($($n:literal: $($p:literal)*;)*) => {
            match (vectors, tile) {
                // SAFETY: the caller's.
                $($(($n, $p) => unsafe { tile_sums::<V, $p, $n>(terms, weights, to) },)*)*
                _ => unreachable!("there is no such tile"),
            }
        };
    }
    if V::LANES < BLOCK {
        of! { 2: 1 2 4 6; }
    } else {
        of! { 1: 1 3 7 14; 2: 1 2 4 6 10 14; 3: 1 3 5 7 9; 4: 1 2 3 4 5 6; }
    }
}

/// The inner loop: for every term `N` vectors of weights, `P` factors, `N * P` multiply-adds.
#[inline(always)]
unsafe fn tile_sums<V: Lanes, const P: usize, const N: usize>(terms: Terms, weights: *const f32, to: *mut f32) {
    // SAFETY: the caller's: the terms are there, and as many weights; `to` takes the sums of a tile.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; P];
        if terms.before > 0 {
            for (p, sums) in sums.iter_mut().enumerate() {
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(to.add((p * N + n) * V::LANES));
                }
            }
        }
        let mut weights = weights;
        for run in 0..terms.runs {
            let offset = *terms.offsets.add(run);
            let mut x = [std::ptr::null(); P];
            for (p, x) in x.iter_mut().enumerate() {
                *x = (*terms.windows.add(run * terms.next + p)).wrapping_offset(offset);
            }
            // What the next tile will read is asked for evenly: the processor itself sees too late where the rows go on.
            let mut ahead = x[0].wrapping_add(terms.ahead);
            for i in 0..terms.length {
                prefetch(ahead);
                ahead = ahead.wrapping_add(terms.step);
                let mut w = [V::splat(0.0); N];
                for (n, w) in w.iter_mut().enumerate() {
                    *w = V::load(weights.add(n * V::LANES));
                }
                for (p, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*x[p].add(i));
                    for (sum, w) in sums.iter_mut().zip(&w) {
                        *sum = x.mul_add(*w, *sum);
                    }
                }
                weights = weights.add(N * V::LANES);
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(to.add((p * N + n) * V::LANES));
            }
        }
    }
}
