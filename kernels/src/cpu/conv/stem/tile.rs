//! The inner loops.
//!
//! Invariant: a sum takes its terms in order, one at a time, whatever the size of the tile.

use crate::cpu::lanes::{BLOCK, Lanes};

/// The terms of a tile's sums: for every weight as many values as the tile has pixels.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) taps: *const *const f32,
    pub(super) count: usize,
    pub(super) column: usize,
    pub(super) weights: *const f32,
}

/// The smallest tile that there is for so many vectors and pixels, or the largest.
#[inline(always)]
pub(super) fn tile_of(vectors: usize, pixels: usize, most: usize) -> usize {
    let sizes: &[usize] = match vectors {
        1 => &[4, 8, 14],
        2 => &[2, 4, 6],
        3 => &[3, 5],
        _ => &[2, 4],
    };
    sizes.iter().copied().find(|size| *size >= pixels).map_or(most, |size| size.min(most))
}

/// The sums of a tile of so many vectors and pixels; pixels are `next` values apart.
#[inline(always)]
pub(super) unsafe fn sums<V: Lanes>(vectors: usize, tile: usize, terms: Terms, to: *mut f32, next: usize) {
    macro_rules! of {
        ($($n:literal: $($p:literal)*;)*) => {
            match (vectors, tile) {
                // SAFETY: the caller's.
                $($(($n, $p) => unsafe { tile_sums::<V, $p, $n>(terms, to, next) },)*)*
                _ => unreachable!("there is no such tile"),
            }
        };
    }
    if V::LANES < BLOCK {
        of! { 2: 2 4 6; }
    } else {
        of! { 1: 4 8 14 28; 2: 2 4 6 14; 3: 3 5 9; 4: 2 4 6; }
    }
}

/// The inner loop: for every term `N` vectors of weights, `P` consecutive factors, `N * P` multiply-adds.
#[inline(always)]
unsafe fn tile_sums<V: Lanes, const P: usize, const N: usize>(terms: Terms, to: *mut f32, next: usize) {
    // SAFETY: the caller's: the terms are there, and as many weights; `to` takes the sums of a tile.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; P];
        let mut weights = terms.weights;
        for tap in 0..terms.count {
            let x = (*terms.taps.add(tap)).add(terms.column);
            let mut w = [V::splat(0.0); N];
            for (n, w) in w.iter_mut().enumerate() {
                *w = V::load(weights.add(n * V::LANES));
            }
            for (p, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*x.add(p));
                for (sum, w) in sums.iter_mut().zip(&w) {
                    *sum = x.mul_add(*w, *sum);
                }
            }
            weights = weights.add(N * V::LANES);
        }
        for (p, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(to.add(p * next + n * V::LANES));
            }
        }
    }
}
