//! Convolution as it is defined, a tile of output pixels at a time; a linear layer is one of 1 x 1.
//!
//! A tile is some output pixels times a panel of output channels, whose sums stay in registers from the first tap to the
//! last. Pixels are counted through rows and images, so that only the last tile of a piece is smaller. For every tap each
//! pixel has a pointer, to its input pixel or, beyond the border, to a pixel of zeros.
//!
//! Invariant: every sum is made in one order, tap by tap and channel by channel, whatever the tile.

mod tile;
mod work;

use super::ConvShape;
use super::panels::{Order, Panel, pack, pixels};
use crate::cpu::isa::on;
use crate::cpu::kernel::{Available, Epilogue, Kernel, Operands};
use crate::cpu::lanes::BLOCK;
use crate::cpu::packed::Packed;
use work::{POINTER, Scratch, Work};

/// Pixels of the largest tile: about as many as there are registers for pointers.
const TILE: usize = 14;
/// Blocks of weights of a panel, 512 KB, above which its tiles use them in parts, each for a group of tiles.
const DEEP: usize = 8192;
/// Tiles of a group.
const GROUP: usize = 10;
/// Values of a group of the largest tiles: 14 x 1, 14 x 2, 9 x 3 or 6 x 4 blocks.
const SUMS: usize = GROUP * 28 * BLOCK;
/// What one piece should cost, in operations: about 0.1 ms.
const PIECE: usize = 10_000_000;
/// Below this all work is one piece.
const SMALL: usize = 2_000_000;
/// Operations in the time that a weight takes to come from memory.
const FETCH: usize = 16;
/// Pixels of a piece at least, so that its weights are used often enough.
const PIECE_PIXELS: usize = 56;

/// A convolution or linear layer.
pub(in crate::cpu) struct Direct {
    set: Available,
    shape: ConvShape,
    epilogue: Epilogue,
    panels: Vec<Panel>,
    weights: Packed,
    zeros: Vec<f32>,
}

/// How work falls into pieces: ranges of pixels, and for each the panels in so many parts.
struct Cut {
    pixels: usize,
    ranges: usize,
    parts: usize,
}

impl Direct {
    /// `weight` is `[out, in, rows, columns]`.
    pub(in crate::cpu) fn new(set: Available, shape: ConvShape, weight: &[f32], epilogue: Epilogue) -> Self {
        let (panels, weights) = pack(set.set(), &shape, weight, Order::TapChannel);
        Self { set, shape, epilogue, panels, weights, zeros: vec![0.0; shape.input.channels] }
    }

    fn taps(&self) -> usize {
        self.shape.kernel * self.shape.kernel
    }

    /// Pixels of a tile of a panel at most.
    fn tile(&self, panel: &Panel) -> usize {
        pixels(self.set.set(), panel.blocks).min(TILE)
    }

    fn cut(&self, images: usize) -> Cut {
        let all = images * self.shape.output.pixels();
        let depth = self.taps() * self.shape.input.channels * self.shape.output.padded();
        let cost = |pixels: usize| depth * (2 * pixels + FETCH);
        if cost(all) <= SMALL {
            return Cut { pixels: all, ranges: 1, parts: 1 };
        }
        let tile = self.tile(&self.panels[0]);
        let pixels = (PIECE / (2 * depth)).max(PIECE_PIXELS).next_multiple_of(tile).min(all);
        let parts = cost(pixels).div_ceil(2 * PIECE).min(self.panels.len());
        Cut { pixels, ranges: all.div_ceil(pixels), parts }
    }
}

impl Kernel for Direct {
    fn pieces(&self, images: usize) -> usize {
        let cut = self.cut(images);
        cut.ranges * cut.parts
    }

    fn scratch(&self) -> usize {
        SUMS + self.taps() * (2 + TILE) * POINTER
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        let cut = self.cut(operands.images);
        let (part, range) = (piece / cut.ranges, piece % cut.ranges);
        let panels = part * self.panels.len() / cut.parts..(part + 1) * self.panels.len() / cut.parts;
        let from = range * cut.pixels;
        let to = (from + cut.pixels).min(operands.images * self.shape.output.pixels());
        let x = operands.x[0];
        // SAFETY: the caller's: the scratch is as long as this kernel says.
        let scratch = unsafe { Scratch::new(scratch, &self.shape, x.pixel) };
        let ends = self.epilogue.ends(operands, 1);
        let panels = &self.panels[panels];
        // SAFETY: the caller's: the operands are of this kernel's sizes, and its set is there.
        unsafe { on(self.set.set(), Work { kernel: self, panels, from, to, x, ends, scratch }) }
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn name(&self) -> String {
        let ConvShape { kernel, stride, .. } = self.shape;
        format!("direct {kernel}x{kernel}/{stride}")
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
