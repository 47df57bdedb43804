//! Values from one place to another: the network's inputs to channels last, parts of a concatenation that could not be
//! computed where they belong.

use super::kernel::{Kernel, Operands, Size};
use super::lanes::BLOCK;
use crate::compile::Copying;

/// Pixels in a piece.
const PIECE: usize = 1 << 12;

/// From planes (N, C, H, W), dense, to channels last. Vectors are maps of one pixel.
pub(super) struct Import(pub(super) Size);

impl Kernel for Import {
    fn pieces(&self, images: usize) -> usize {
        (images * self.0.pixels()).div_ceil(PIECE)
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, _: *mut f32) {
        let (pixels, channels) = (self.0.pixels(), self.0.channels);
        let (x, y) = (operands.x[0].start, operands.y[0]);
        for pixel in piece * PIECE..((piece + 1) * PIECE).min(operands.images * pixels) {
            let (image, at) = (pixel / pixels, pixel % pixels);
            for channel in 0..self.0.padded() {
                // SAFETY: the caller's: the planes have the channel, the target whole blocks.
                unsafe {
                    let value =
                        if channel < channels { *x.add((image * channels + channel) * pixels + at) } else { 0.0 };
                    y.pixel(pixel).add(channel).write(value);
                }
            }
        }
    }

    fn flops(&self) -> u64 {
        0
    }

    fn name(&self) -> String {
        "channels last".into()
    }
}

/// Channels from one place to another.
pub(super) struct Copy {
    /// Of the output.
    pub(super) size: Size,
    /// Which, and where to.
    pub(super) copying: Copying,
}

impl Kernel for Copy {
    fn pieces(&self, images: usize) -> usize {
        (images * self.size.pixels()).div_ceil(PIECE)
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, _: *mut f32) {
        let (x, y) = (operands.x[0], operands.y[0]);
        let Copying { from: first, to, count, times, joined } = self.copying;
        for pixel in piece * PIECE..((piece + 1) * PIECE).min(operands.images * self.size.pixels()) {
            let mut to = to;
            for from in (0..times).flat_map(|_| pixel * joined..(pixel + 1) * joined) {
                // SAFETY: the caller's: both pixels are there, with these channels.
                unsafe { y.pixel(pixel).add(to).copy_from_nonoverlapping(x.pixel(from).add(first), count) };
                to += count;
            }
            let padding = to.next_multiple_of(BLOCK) - to;
            if to == self.size.channels {
                // SAFETY: the caller's: pixels have whole blocks.
                unsafe { y.pixel(pixel).add(to).write_bytes(0, padding) };
            }
        }
    }

    fn flops(&self) -> u64 {
        0
    }

    fn name(&self) -> String {
        "copy".into()
    }
}
