//! 3 x 3 convolutions with stride 1 by Winograd's F(4 x 4, 3 x 3): 36 multiplications where the definition has 144.
//!
//! Tiles of 4 x 4 outputs are counted through rows and images and taken in blocks. For a block, the 6 x 6 patches under
//! its tiles are transformed into 36 factors each; for every panel of output channels, 36 matrix products follow, and
//! the products are transformed into outputs, which meet the epilogue in registers. Factors and products of a block stay
//! in the cache, and so do the weights of a product while its tiles pass.
//!
//! Invariant: what a tile becomes depends on its patch alone, so neither blocks nor pieces nor images can be seen in it.

mod multiply;
#[cfg(test)]
mod tests;
mod transform;

use super::super::isa::{self, Loop};
use super::super::kernel::{Available, Epilogue, Kernel, Operands, Source};
use super::super::lanes::{BLOCK, Lanes};
use super::super::packed::Packed;
use super::ConvShape;
use multiply::Product;
use transform::{PATCH, PRODUCTS, TILE};

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
        let block = match c {
            0..256 => 28,
            256..512 => 32,
            _ => 56,
        };
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
        const WEIGHT: usize = 24;
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

/// A tile, by its place in an image.
#[derive(Clone, Copy)]
struct Tile {
    image: usize,
    row: usize,
    column: usize,
}

impl Tile {
    fn new(tile: usize, grid: (usize, usize)) -> Self {
        let (line, column) = (tile / grid.1, tile % grid.1);
        Self { image: line / grid.0, row: line % grid.0, column }
    }

    #[inline(always)]
    fn next(&mut self, grid: (usize, usize)) {
        self.column += 1;
        if self.column == grid.1 {
            self.column = 0;
            self.row += 1;
        }
        if self.row == grid.0 {
            self.row = 0;
            self.image += 1;
        }
    }
}

struct Piece<'a> {
    kernel: &'a Winograd,
    piece: usize,
    operands: Operands<'a>,
    scratch: *mut f32,
}

impl Loop for Piece<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let (kernel, plan) = (self.kernel, self.kernel.plan);
        let (c, k) = (kernel.shape.input.channels, kernel.shape.output.padded());
        let (factors, products) = (kernel.factors_apart(), kernel.products_apart());
        let groups = k.div_ceil(plan.panel).div_ceil(plan.panels);
        let (part, group) = (self.piece / groups, self.piece % groups);
        let tiles = self.operands.images * plan.tiles();
        let end = tiles.min((part + 1) * plan.blocks * plan.block);
        // SAFETY: the caller's; scratch is factors, products and a patch.
        unsafe {
            let v = self.scratch;
            let m = v.add(PRODUCTS * factors);
            let patch = m.add(PRODUCTS * products);
            for first in (part * plan.blocks * plan.block..end).step_by(plan.block) {
                let count = plan.block.min(end - first);
                self.factors::<V>(first, count, v, patch);
                let last = k.min((group + 1) * plan.panels * plan.panel);
                for channel in (group * plan.panels * plan.panel..last).step_by(plan.panel) {
                    let width = plan.panel.min(k - channel);
                    for product in 0..PRODUCTS {
                        let u = kernel.weights.as_ptr().add((channel * PRODUCTS + product * width) * c);
                        let (v, m) = (v.add(product * factors), m.add(product * products));
                        let product = Product { v, u, m, apart: plan.block, tiles: count, channels: c };
                        match width / V::LANES {
                            1 => product.run::<V, 1>(),
                            _ => product.run::<V, 2>(),
                        }
                    }
                    self.outputs::<V>(first, count, channel, width, m);
                }
            }
        }
    }
}

impl Piece<'_> {
    /// Transforms the patches under a block's tiles.
    #[inline(always)]
    unsafe fn factors<V: Lanes>(&self, first: usize, count: usize, v: *mut f32, patch: *mut f32) {
        let (kernel, plan, x) = (self.kernel, self.kernel.plan, self.operands.x[0]);
        let (input, padding) = (kernel.shape.input, kernel.shape.padding);
        let apart = kernel.factors_apart();
        let mut tile = Tile::new(first, plan.grid);
        for t in 0..count {
            // The corner of the patch, as far as it lies within the image.
            let (row, column) = (tile.row * TILE, tile.column * TILE);
            let within = row >= padding.top
                && column >= padding.left
                && row + PATCH <= input.rows + padding.top
                && column + PATCH <= input.columns + padding.left;
            for block in 0..input.padded() / BLOCK {
                // SAFETY: the caller's; a patch that is not whole within the image is read from the copy.
                unsafe {
                    let to = v.add((block * plan.block + t) * BLOCK);
                    let (from, line, pixel) = if within {
                        let corner = (row - padding.top) * input.columns + column - padding.left;
                        let from = x.pixel(tile.image * input.pixels() + corner).add(block * BLOCK);
                        (from, input.columns * x.pixel, x.pixel)
                    } else {
                        self.copy::<V>(x, tile, block, patch);
                        (patch.cast_const(), PATCH * BLOCK, BLOCK)
                    };
                    for lane in (0..BLOCK).step_by(V::LANES) {
                        transform::input::<V>(from.add(lane), line, pixel, to.add(lane), apart);
                    }
                }
            }
            tile.next(plan.grid);
        }
    }

    /// Copies a block of channels of a patch that reaches beyond the image, with zeros there.
    #[inline(always)]
    unsafe fn copy<V: Lanes>(&self, x: Source, tile: Tile, block: usize, patch: *mut f32) {
        let (input, padding) = (self.kernel.shape.input, self.kernel.shape.padding);
        for r in 0..PATCH {
            for c in 0..PATCH {
                let row = (tile.row * TILE + r).wrapping_sub(padding.top);
                let column = (tile.column * TILE + c).wrapping_sub(padding.left);
                let inside = row < input.rows && column < input.columns;
                for lane in (0..BLOCK).step_by(V::LANES) {
                    // SAFETY: the caller's; the pixel lies in the image.
                    unsafe {
                        let value = if inside {
                            let pixel = (tile.image * input.rows + row) * input.columns + column;
                            V::load(x.pixel(pixel).add(block * BLOCK + lane))
                        } else {
                            V::splat(0.0)
                        };
                        value.store(patch.add((r * PATCH + c) * BLOCK + lane));
                    }
                }
            }
        }
    }

    /// Transforms a block's products into outputs, from a channel on.
    #[inline(always)]
    unsafe fn outputs<V: Lanes>(&self, first: usize, count: usize, channel: usize, width: usize, m: *const f32) {
        let (kernel, plan) = (self.kernel, self.kernel.plan);
        let output = kernel.shape.output;
        let ends = kernel.epilogue.ends(self.operands, 1);
        let apart = kernel.products_apart();
        let mut tile = Tile::new(first, plan.grid);
        for t in 0..count {
            let (row, column) = (tile.row * TILE, tile.column * TILE);
            let (rows, columns) = (TILE.min(output.rows - row), TILE.min(output.columns - column));
            for lane in (0..width).step_by(V::LANES) {
                // SAFETY: the caller's.
                unsafe {
                    let from = m.add((lane / BLOCK * plan.block + t) * BLOCK + lane % BLOCK);
                    let y = transform::output::<V>(from, apart);
                    for (r, y) in y.iter().enumerate().take(rows) {
                        let pixel = (tile.image * output.rows + row + r) * output.columns + column;
                        if columns == TILE {
                            kernel.epilogue.finish_row(*y, &ends, pixel, channel + lane);
                            continue;
                        }
                        for (c, y) in y.iter().enumerate().take(columns) {
                            kernel.epilogue.finish(*y, &ends, pixel + c, channel + lane);
                        }
                    }
                }
            }
            tile.next(plan.grid);
        }
    }
}
