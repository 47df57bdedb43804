//! 3 x 3 convolutions with stride 1 by Winograd's F(4 x 4, 3 x 3): 36 multiplications where the definition has 144.
//!
//! Tiles of 4 x 4 outputs are counted through rows and images and taken in blocks. For a block, the 6 x 6 patches under
//! its tiles are transformed into 36 factors each; for every panel of output channels, 36 matrix products follow, and
//! the products are transformed into outputs, which meet the epilogue in registers. Factors and products of a block stay
//! in the cache, and so do the weights of a product while its tiles pass.
//!
//! Invariant: what a tile becomes depends on its patch alone, so neither blocks nor pieces nor images can be seen in it.

mod multiply;
mod piece;
#[cfg(test)]
mod tests;
mod transform;

use super::super::isa;
use super::super::kernel::{Available, Epilogue, Kernel, Operands};
use super::super::lanes::BLOCK;
use super::super::packed::Packed;
use super::ConvShape;
use piece::Piece;
use transform::{PRODUCTS, TILE};

/// A convolution made for one size of input.
pub(in crate::cpu) struct Winograd {
    set: Available,
    shape: ConvShape,
    /// `[panel][product][input channel][output channel of the panel]`.
    weights: Packed,
    epilogue: Epilogue,
    plan: Plan,
}

/// Multiply-adds of a piece, about: 0.1 ms.
const PIECE: usize = 8 << 20;

/// Tiles down and across an image.
fn grid(shape: &ConvShape) -> (usize, usize) {
    (shape.output.rows.div_ceil(TILE), shape.output.columns.div_ceil(TILE))
}

/// What a tile costs, in multiply-adds: the products, and the transforms, as they were measured.
fn work(c: usize, k: usize) -> usize {
    PRODUCTS * (c * k + 8 * (c + k))
}

/// How the work is cut.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Tiles down and across an image.
    grid: (usize, usize),
    /// Tiles in a block.
    block: usize,
    /// Blocks in a piece.
    blocks: usize,
    /// Output channels in a panel; the last may have fewer.
    panel: usize,
    /// Panels in a piece.
    panels: usize,
}

impl Plan {
    fn new(shape: &ConvShape, set: Available) -> Self {
        let (c, k) = (shape.input.padded(), shape.output.padded());
        // A block's factors stay in the second level of the cache, and its tiles are worth reading the weights for.
        let block = if c < 256 { 28 } else { 48 };
        let panel = multiply::panel(set.set());
        // A piece of more panels transforms its patches less often, one of fewer is sooner done.
        let panels = k.min(128).div_ceil(panel);
        let blocks = (PIECE / (block * work(c, k.min(128)))).max(1);
        Self { grid: grid(shape), block, blocks, panel, panels }
    }

    fn tiles(&self) -> usize {
        self.grid.0 * self.grid.1
    }
}

impl Winograd {
    /// Whether this way takes a shape and is faster than the definition. Both read their weights once for an image, this
    /// one four times as many; a weight costs as much time as 24 multiply-adds.
    pub(in crate::cpu) fn serves(shape: &ConvShape) -> bool {
        const WEIGHT: usize = 14;
        let (c, k) = (shape.input.padded(), shape.output.padded());
        let (down, across) = grid(shape);
        let here = down * across * work(c, k) + WEIGHT * PRODUCTS * c * k;
        let direct = (shape.output.pixels() + WEIGHT) * 9 * shape.input.channels * k;
        shape.kernel == 3 && shape.stride == 1 && here < direct
    }

    /// For weights `[out, in, 3, 3]`; the shape is 3 x 3 with stride 1.
    pub(in crate::cpu) fn new(set: Available, shape: ConvShape, weight: &[f32], epilogue: Epilogue) -> Self {
        let plan = Plan::new(&shape, set);
        Self { set, shape, weights: pack(&shape, plan.panel, weight), epilogue, plan }
    }

    /// Values from a product's factors to the next one's: an odd number of lines, so that the 36 that are written
    /// together do not meet in one set of the cache.
    fn factors_apart(&self) -> usize {
        ((self.shape.input.padded() / BLOCK * self.plan.block) | 1) * BLOCK
    }

    /// The same of products.
    fn products_apart(&self) -> usize {
        ((self.plan.panel / BLOCK * self.plan.block) | 1) * BLOCK
    }
}

/// Transforms the weights, and orders them as they will be read.
fn pack(shape: &ConvShape, panel: usize, weight: &[f32]) -> Packed {
    let (inputs, outputs) = (shape.input.channels, shape.output.channels);
    debug_assert_eq!(weight.len(), outputs * inputs * 9);
    let padded = shape.output.padded();
    let mut packed = vec![0.0; PRODUCTS * inputs * padded];
    for (at, g) in weight.chunks_exact(9).enumerate() {
        let (out, input) = (at / inputs, at % inputs);
        let start = out / panel * panel;
        let width = panel.min(padded - start);
        let g = std::array::from_fn(|row| std::array::from_fn(|column| f64::from(g[row * 3 + column])));
        for (product, value) in transform::kernel(g).as_flattened().iter().enumerate() {
            packed[(start * PRODUCTS + product * width) * inputs + input * width + out - start] = *value as f32;
        }
    }
    Packed::new(&packed)
}

impl Kernel for Winograd {
    fn pieces(&self, images: usize) -> usize {
        let plan = self.plan;
        let panels = self.shape.output.padded().div_ceil(plan.panel);
        (images * plan.tiles()).div_ceil(plan.block * plan.blocks) * panels.div_ceil(plan.panels)
    }

    fn scratch(&self) -> usize {
        PRODUCTS * (self.factors_apart() + self.products_apart() + BLOCK)
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        // SAFETY: the caller's.
        unsafe { isa::on(self.set.set(), Piece { kernel: self, piece, operands, scratch }) }
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn name(&self) -> String {
        "winograd 4x4".to_owned()
    }
}
