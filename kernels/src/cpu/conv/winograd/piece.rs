//! A piece: blocks of tiles, from input to output.

use super::super::super::isa::Loop;
use super::super::super::kernel::{Operands, Source};
use super::super::super::lanes::{BLOCK, Lanes};
use super::Winograd;
use super::multiply::Product;
use super::transform::{self, PATCH, PRODUCTS, TILE};

/// A piece of a convolution to be run.
pub(super) struct Piece<'a> {
    pub(super) kernel: &'a Winograd,
    pub(super) piece: usize,
    pub(super) operands: Operands<'a>,
    pub(super) scratch: *mut f32,
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
