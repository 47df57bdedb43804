//! Convolutions of each channel by a kernel of its own: the channels of a pixel are a vector, some pixels of a row a tile.
//!
//! Work is some output rows. Of small maps one vector of channels after the other goes through all of them, so that the
//! input under the window stays in the first cache; large ones are read in the order in which they lie.
//!
//! Invariant: every sum is made row by row and column by column, whatever the tile.

use super::conv::ConvShape;
use super::isa::{Loop, on};
use super::kernel::{Available, Ends, Epilogue, Kernel, Operands, Source};
use super::lanes::{BLOCK, Lanes};
use super::packed::Packed;

/// Pixels of the largest tile.
const TILE: usize = 14;
/// What one piece should cost, in operations: about 0.1 ms.
const PIECE: usize = 5_000_000;
/// Values of a map that is larger than the second cache.
const LARGE: usize = 500_000;
/// Below this all work is one piece.
const SMALL: usize = 500_000;

/// A depthwise convolution.
pub(super) struct Depthwise {
    set: Available,
    shape: ConvShape,
    epilogue: Epilogue,
    /// `[block][row][column][channel]`.
    weights: Packed,
}

impl Depthwise {
    /// `weight` is `[channels, 1, rows, columns]`.
    pub(super) fn new(set: Available, shape: ConvShape, weight: &[f32], epilogue: Epilogue) -> Self {
        let taps = shape.kernel * shape.kernel;
        let mut weights = Packed::zeros(shape.input.padded() / BLOCK * taps);
        for (i, to) in weights.blocks_mut().enumerate() {
            let (block, tap) = (i / taps, i % taps);
            for (channel, to) in (block * BLOCK..shape.input.channels).zip(to) {
                *to = weight[channel * taps + tap];
            }
        }
        Self { set, shape, epilogue, weights }
    }

    /// Whether all channels of a tile come before the next tile: then memory is read in its order, which counts where a
    /// map is larger than the second cache. Else one vector of channels goes through all rows of a piece first.
    fn in_order(&self) -> bool {
        self.shape.input.pixels() * self.shape.input.padded() > LARGE
    }

    /// Output rows of a piece.
    fn band(&self, images: usize) -> usize {
        let all = images * self.shape.output.rows;
        let row = 2 * self.shape.output.columns * self.shape.output.padded() * self.shape.kernel * self.shape.kernel;
        if all * row <= SMALL { all } else { (PIECE / row).clamp(1, all) }
    }
}

impl Kernel for Depthwise {
    fn pieces(&self, images: usize) -> usize {
        (images * self.shape.output.rows).div_ceil(self.band(images))
    }

    fn scratch(&self) -> usize {
        TILE * BLOCK
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        let band = self.band(operands.images);
        let from = piece * band;
        let to = (from + band).min(operands.images * self.shape.output.rows);
        let ends = self.epilogue.ends(operands, 1);
        let work = Work { kernel: self, from, to, x: operands.x[0], ends, sums: scratch };
        // SAFETY: the caller's: the operands are of this kernel's sizes, its set is there.
        unsafe { on(self.set.set(), work) }
    }

    fn flops(&self) -> u64 {
        self.shape.flops() / self.shape.input.channels as u64
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn name(&self) -> String {
        let ConvShape { kernel, stride, .. } = self.shape;
        format!("depthwise {kernel}x{kernel}/{stride}")
    }
}

/// The output rows `from..to`, counted through all images.
struct Work<'a> {
    kernel: &'a Depthwise,
    from: usize,
    to: usize,
    x: Source,
    ends: Ends,
    sums: *mut f32,
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let ConvShape { kernel, stride, .. } = self.kernel.shape;
        // SAFETY: the caller's.
        unsafe {
            match (kernel, stride) {
                (3, 1) => self.rows::<V, 3, 1>(),
                (3, 2) => self.rows::<V, 3, 2>(),
                (5, 1) => self.rows::<V, 5, 1>(),
                (5, 2) => self.rows::<V, 5, 2>(),
                (7, 1) => self.rows::<V, 7, 1>(),
                (7, 2) => self.rows::<V, 7, 2>(),
                _ => self.rows::<V, 0, 0>(),
            }
        }
    }
}

/// Some channels of some pixels of an output row, and the rows of the window that are on the map.
#[derive(Clone, Copy)]
struct Tile {
    image: usize,
    row: usize,
    column: usize,
    channel: usize,
    top: usize,
    bottom: usize,
}

impl Work<'_> {
    /// All rows, the kernel and stride being `K` and `S`, or any where those are 0.
    #[inline(always)]
    unsafe fn rows<V: Lanes, const K: usize, const S: usize>(&self) {
        let shape = &self.kernel.shape;
        let (stride, padding, input) = (shape.stride, shape.padding, shape.input);
        let together = if self.kernel.in_order() { input.padded() } else { V::LANES };
        // With 7 x 7 taps the loops of a large tile are not unrolled, and what neighbours share is read twice.
        let large = V::LANES == BLOCK && K != 7;
        for channels in (0..input.padded()).step_by(together) {
            for place in self.from..self.to {
                let (image, row) = (place / shape.output.rows, place % shape.output.rows);
                let top = padding.top.saturating_sub(row * stride).min(shape.kernel);
                let bottom = (input.rows + padding.top).saturating_sub(row * stride).clamp(top, shape.kernel);
                let mut column = 0;
                while column < shape.output.columns {
                    let left = shape.output.columns - column;
                    let size = if large && left > TILE / 2 { TILE } else { TILE / 2 };
                    let first = column * stride;
                    let inside = first >= padding.left
                        && first + (size - 1) * stride + shape.kernel <= padding.left + input.columns;
                    for channel in (channels..channels + together).step_by(V::LANES) {
                        let tile = Tile { image, row, column, channel, top, bottom };
                        // SAFETY: the caller's; a tile that is not inside looks where the map ends.
                        unsafe {
                            match (large && size == TILE, inside) {
                                (true, true) => self.tile::<V, K, S, TILE, false>(tile),
                                (true, false) => self.tile::<V, K, S, TILE, true>(tile),
                                (false, true) => self.tile::<V, K, S, { TILE / 2 }, false>(tile),
                                (false, false) => self.tile::<V, K, S, { TILE / 2 }, true>(tile),
                            }
                            for pixel in 0..size.min(left) {
                                let sum = V::load(self.sums.add(pixel * V::LANES));
                                let at = place * shape.output.columns + column + pixel;
                                self.kernel.epilogue.finish(sum, &self.ends, at, channel);
                            }
                        }
                    }
                    column += size;
                }
            }
        }
    }

    /// The sums of a tile of `P` pixels, which has a `BORDER` where the window may leave the map to a side.
    #[inline(always)]
    unsafe fn tile<V: Lanes, const K: usize, const S: usize, const P: usize, const BORDER: bool>(&self, tile: Tile) {
        let shape = &self.kernel.shape;
        let (kernel, stride) = if K == 0 { (shape.kernel, shape.stride) } else { (K, S) };
        let (input, padding, zeros) = (shape.input, shape.padding, [0.0; BLOCK]);
        let first = (tile.column * stride).wrapping_sub(padding.left);
        // SAFETY: the caller's: the rows are on the map, and where there is no border, so are the columns.
        unsafe {
            let weights = self.kernel.weights.as_ptr().add(tile.channel / BLOCK * BLOCK * kernel * kernel);
            let weights = weights.add(tile.channel % BLOCK);
            let mut sums = [V::splat(0.0); P];
            for kernel_row in tile.top..tile.bottom {
                let row = tile.image * input.rows + tile.row * stride + kernel_row - padding.top;
                let from = self.x.start.add(tile.channel).wrapping_add(row * input.columns * self.x.pixel);
                let from = from.wrapping_add(first.wrapping_mul(self.x.pixel));
                for kernel_column in 0..kernel {
                    let w = V::load(weights.add((kernel_row * kernel + kernel_column) * BLOCK));
                    for (p, sum) in sums.iter_mut().enumerate() {
                        let column = p * stride + kernel_column;
                        let on_map = !BORDER || first.wrapping_add(column) < input.columns;
                        let x = if on_map { from.wrapping_add(column * self.x.pixel) } else { zeros.as_ptr() };
                        *sum = V::load(x).mul_add(w, *sum);
                    }
                }
            }
            for (p, sum) in sums.iter().enumerate() {
                sum.store(self.sums.add(p * V::LANES));
            }
        }
    }
}

#[cfg(test)]
#[path = "depthwise_tests.rs"]
mod tests;
