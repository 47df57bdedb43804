//! What this processor could do: multiply-adds of what is in registers already.

use std::hint::black_box;
use std::time::Instant;

use super::isa::{Loop, on};
use super::kernel::Available;
use super::lanes::{BLOCK, Lanes};

/// Sums that run beside each other: more than the processor has multiply-adds under way.
const SUMS: usize = 12;
/// Multiply-adds of each sum in a round.
const STEPS: usize = 20_000;
/// Rounds of which the best counts.
const ROUNDS: usize = 50;

/// One thread's floating-point operations a second, a multiply-add being two.
pub(super) fn flops(set: Available) -> f64 {
    let mut sums = [0f32; SUMS * BLOCK];
    let mut best = f64::INFINITY;
    let mut lanes = 1;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        // SAFETY: the set is available.
        unsafe { on(set.set(), Multiply(black_box(&mut sums), &mut lanes)) };
        best = best.min(start.elapsed().as_secs_f64());
    }
    (2 * SUMS * STEPS * lanes) as f64 / best
}

struct Multiply<'a>(&'a mut [f32; SUMS * BLOCK], &'a mut usize);

impl Loop for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        *self.1 = V::LANES;
        // SAFETY: the set is there; a block is a whole number of vectors.
        unsafe {
            let factor = V::splat(black_box(0.5));
            let mut sums = [factor; SUMS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    *sum = sum.mul_add(factor, factor);
                }
            }
            for (sum, to) in sums.into_iter().zip(self.0.chunks_exact_mut(BLOCK)) {
                sum.store(to.as_mut_ptr());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    #[test]
    fn a_peak_is_a_number_above_0() {
        for set in InstructionSet::ALL.into_iter().filter_map(Available::new) {
            let flops = flops(set);
            assert!(flops.is_finite() && flops > 0.0, "{}: {flops}", set.set());
        }
    }
}
