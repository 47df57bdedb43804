//! What looks at one pixel alone: sums, affine functions and activations that no other step takes along; norms over
//! channels; a map times a factor for each channel.

use super::isa::{Loop, on};
use super::kernel::{Available, Epilogue, Kernel, Operands, Size};
use super::lanes::{BLOCK, Lanes};
use crate::compile::Of;

/// Values that a piece works on: some 64 KiB.
const PIECE: usize = 1 << 14;

/// The step.
pub(super) struct Pointwise {
    set: Available,
    size: Size,
    of: Of,
    epilogue: Epilogue,
}

impl Pointwise {
    /// Of maps of this size.
    pub(super) fn new(set: Available, size: Size, of: Of, epilogue: Epilogue) -> Self {
        Self { set, size, of, epilogue }
    }

    fn pixels(&self) -> usize {
        (PIECE / self.size.padded()).max(1)
    }
}

impl Kernel for Pointwise {
    fn pieces(&self, images: usize) -> usize {
        (images * self.size.pixels()).div_ceil(self.pixels())
    }

    fn scratch(&self) -> usize {
        if matches!(self.of, Of::Normed(_)) { self.size.padded() } else { 0 }
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        // SAFETY: the caller's; the set is available.
        unsafe { on(self.set.set(), Work { kernel: self, piece, operands, scratch }) }
    }

    fn flops(&self) -> u64 {
        (self.size.pixels() * self.size.channels) as u64
    }

    fn name(&self) -> String {
        match self.of {
            Of::Itself => "pointwise".into(),
            Of::Factors => "factors".into(),
            Of::Normed(_) => "layer norm".into(),
        }
    }
}

struct Work<'a> {
    kernel: &'a Pointwise,
    piece: usize,
    operands: Operands<'a>,
    scratch: *mut f32,
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { kernel, piece, operands, scratch } = self;
        let x = operands.x[0];
        let ends = kernel.epilogue.ends(operands, if kernel.of == Of::Factors { 2 } else { 1 });
        let pixels = kernel.pixels();
        let end = ((piece + 1) * pixels).min(operands.images * kernel.size.pixels());
        for pixel in piece * pixels..end {
            // SAFETY: the caller's: the operands have the pixel, and whole blocks of channels; so has the scratch.
            unsafe {
                let mut from = x.pixel(pixel);
                if let Of::Normed(eps) = kernel.of {
                    normed::<V>(from, scratch, kernel.size.channels, eps);
                    from = scratch.cast_const();
                }
                for channel in (0..kernel.size.padded()).step_by(V::LANES) {
                    let mut v = V::load(from.add(channel));
                    if kernel.of == Of::Factors {
                        let factors = operands.x[1].pixel(pixel / kernel.size.pixels());
                        v = v.mul(V::load(factors.add(channel)));
                    }
                    kernel.epilogue.finish(v, &ends, pixel, channel);
                }
            }
        }
    }
}

/// `(x - mean) / sqrt(variance + eps)` of so many values, whole blocks; what is beyond the last is 0.
///
/// # Safety
///
/// The set of `V` is there; both pointers have whole blocks.
#[inline(always)]
unsafe fn normed<V: Lanes>(from: *const f32, to: *mut f32, channels: usize, eps: f32) {
    // SAFETY: the caller's.
    unsafe {
        let padded = channels.next_multiple_of(BLOCK);
        to.copy_from_nonoverlapping(from, channels);
        to.add(channels).write_bytes(0, padded - channels);
        let sum = |of: &dyn Fn(V) -> V| {
            let mut sums = V::splat(0.0);
            for at in (0..padded).step_by(V::LANES) {
                sums = sums.add(of(V::load(to.add(at))));
            }
            let mut lanes = [0f32; BLOCK];
            sums.store(lanes.as_mut_ptr());
            lanes.iter().sum::<f32>()
        };
        let count = channels as f32;
        let mean = V::splat(sum(&|v| v) / count);
        for at in (0..padded).step_by(V::LANES) {
            V::load(to.add(at)).sub(mean).store(to.add(at));
        }
        to.add(channels).write_bytes(0, padded - channels);
        let variance = sum(&|v| v.mul(v)) / count;
        let factor = V::splat(1.0).div(V::splat(variance + eps).sqrt());
        for at in (0..padded).step_by(V::LANES) {
            V::load(to.add(at)).mul(factor).store(to.add(at));
        }
    }
}
