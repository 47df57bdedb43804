//! Convolutions of bf16 in the tiles of AMX, on the same f32 maps: inputs and weights are rounded to bf16, products are
//! summed in f32, the epilogue is f32.
//!
//! A piece takes some rows of the output. What they need of the input is rounded once into a buffer, pixels `pitch` apart
//! and with the padding's zeros. A convolution with stride s reads s x s planes, one for every remainder of row and
//! column, so that the inputs of neighbouring outputs are neighbours always: then 16 outputs that follow each other in
//! the buffer are a tile of factors where they lie, whatever row they belong to. Those past the end of a row are
//! computed and dropped.
//!
//! Invariant: a sum runs over the kernel and the channels in one order, so neither pieces nor images can be seen in it.
//! A step of 32 values may reach into the next pixel's channels, where its weights are zero; they are values of the
//! image, so an infinity, and nothing else, can be seen from there.

mod layout;
mod piece;
#[cfg(test)]
mod tests;

use super::super::amx::{self, SIDE};
use super::super::isa::{self, InstructionSet};
use super::super::kernel::{Epilogue, Kernel, Operands};
use super::super::lanes::BLOCK;
use super::super::packed::Packed;
use super::ConvShape;
use layout::Layout;
use piece::Piece;

/// Positions that are computed between two visits of the epilogue.
const POSITIONS: usize = 4 * SIDE;
/// Output channels that are computed side by side.
const PAIR: usize = 2 * SIDE;
/// Cycles of tile products in a piece, about: 0.1 ms.
const PIECE: usize = 1 << 18;
/// bf16 values of a piece's input: half of the second level of the cache.
const INPUT: usize = 1 << 19;
/// bf16 values of the weights that are used in turn.
const WEIGHTS: usize = 3 << 17;

/// A convolution made for one size of input.
pub(in crate::cpu) struct Amx {
    shape: ConvShape,
    layout: Layout,
    /// `[pair of panels][run][step][panel][pair of inputs][output of the panel][input of the pair]`.
    weights: Packed,
    epilogue: Epilogue,
    /// Rows of the output in a piece.
    rows: usize,
    /// Pairs of panels in a piece.
    pairs: usize,
}

impl Amx {
    /// For weights `[out, in, rows, columns]`; none where there is no AMX.
    pub(in crate::cpu) fn new(shape: ConvShape, weight: &[f32], epilogue: Epilogue) -> Option<Self> {
        if !amx::is_available() {
            return None;
        }
        let pairs = shape.output.padded().div_ceil(PAIR);
        let one = Layout::new(&shape, 1);
        let cycles =
            one.columns.div_ceil(SIDE) * one.runs.len() * one.steps * shape.output.padded().div_ceil(SIDE) * 16;
        let most = (INPUT / one.values()).min(PIECE / cycles).clamp(1, shape.output.rows);
        let rows = shape.output.rows.div_ceil(shape.output.rows.div_ceil(most));
        // A small map falls into pieces by its channels.
        let cuts = if rows == shape.output.rows { (cycles * rows).div_ceil(PIECE).min(pairs) } else { 1 };
        let layout = Layout::new(&shape, rows);
        let weights = layout::pack(&shape, &layout, weight);
        Some(Self { shape, layout, weights, epilogue, rows, pairs: pairs.div_ceil(cuts) })
    }

    /// bf16 values of a panel's weights.
    fn panel(&self) -> usize {
        self.layout.runs.len() * self.layout.steps * amx::TILE
    }
}

impl Kernel for Amx {
    fn pieces(&self, images: usize) -> usize {
        let groups = self.shape.output.padded().div_ceil(PAIR).div_ceil(self.pairs);
        images * self.shape.output.rows.div_ceil(self.rows) * groups
    }

    fn scratch(&self) -> usize {
        POSITIONS * PAIR + (self.layout.values() + self.layout.beyond()).div_ceil(2)
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        // SAFETY: the caller's; there is no AMX without AVX-512.
        unsafe { isa::on(InstructionSet::Avx512, Piece { kernel: self, piece, operands, scratch }) }
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn name(&self) -> String {
        format!("bf16 {0}x{0}/{1}", self.shape.kernel, self.shape.stride)
    }
}

const _: () = assert!(SIDE == BLOCK, "a panel is a block of channels");
