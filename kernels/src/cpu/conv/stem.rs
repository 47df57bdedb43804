//! The first convolution of a network: few input channels, in planes as they came, and a pool behind it if there is one.
//!
//! Work is a band of output rows, in strips of columns. The rows that a strip needs are copied, with their padding, to
//! scratch memory, columns of one remainder modulo the stride side by side: what neighbouring pixels multiply by one
//! weight is then consecutive. The convolution's sums lie in a ring of as many rows as the pool's window has, from where
//! they are pooled and finished; bias and activations that do not fall (none, ReLU) commute with a maximum, bit for bit.
//!
//! Invariant: every sum is made channel by channel and tap by tap, whatever the strip; sums at the edges of strips and
//! bands are made again, and are the same.

mod tile;
mod work;

use super::ConvShape;
use super::panels::{Order, Panel, pack, pixels};
use crate::cpu::isa::on;
use crate::cpu::kernel::{Available, Epilogue, Kernel, Operands, Size};
use crate::cpu::lanes::BLOCK;
use crate::cpu::packed::Packed;
use crate::op::Padding;
use work::Work;

/// Bytes of the ring of sums, so that it stays in the first cache.
const RING: usize = 32 << 10;
/// Columns of a strip at least, even if the ring is in the second cache then: so that few are summed twice.
const LEAST: usize = 126;
/// Pixels of the largest tile: as many may be read and summed beyond the end of a strip.
const TILE: usize = 28;
/// What one piece should cost, in operations: about 0.1 ms.
const PIECE: u64 = 10_000_000;
/// Output rows of a piece at least, where a pool's windows overlap: so that few sums are made twice.
const BAND: usize = 16;
/// Below this all work is one piece.
const SMALL: u64 = 2_000_000;
/// f32s in the place of a pointer.
const POINTER: usize = size_of::<*const f32>().div_ceil(size_of::<f32>());

/// A max pool; outside the map counts as minus infinity.
pub(in crate::cpu) use crate::compile::Window as Pool;

/// A convolution of planes, and a pool.
pub(in crate::cpu) struct Stem {
    set: Available,
    shape: ConvShape,
    epilogue: Epilogue,
    pooled: bool,
    pool: Pool,
    output: Size,
    panels: Vec<Panel>,
    weights: Packed,
    /// Columns of the convolution in a strip at most.
    strip: usize,
}

impl Stem {
    /// `weight` is `[out, in, rows, columns]`. With a pool, the epilogue has neither residual nor an activation that
    /// falls, and the output is that of the pool.
    pub(in crate::cpu) fn new(
        set: Available,
        shape: ConvShape,
        weight: &[f32],
        epilogue: Epilogue,
        pool: Option<Pool>,
    ) -> Self {
        let (panels, weights) = pack(set.set(), &shape, weight, Order::ChannelTap);
        let pooled = pool.is_some();
        let pool = pool.unwrap_or(Pool { kernel: 1, stride: 1, padding: Padding::default() });
        let places = |size: usize, around: usize| (size + around - pool.kernel) / pool.stride + 1;
        let output = Size {
            rows: places(shape.output.rows, pool.padding.top + pool.padding.bottom),
            columns: places(shape.output.columns, pool.padding.left + pool.padding.right),
            channels: shape.output.channels,
        };
        let tile = panels.iter().map(|panel| pixels(set.set(), panel.blocks)).max().unwrap_or(1);
        let row = pool.kernel * shape.output.padded() * size_of::<f32>();
        let strip = ((RING / row).max(LEAST) / tile * tile).max(pool.kernel);
        Self { set, shape, epilogue, pooled, pool, output, panels, weights, strip }
    }

    /// Output rows of a band.
    fn band(&self) -> usize {
        let row = (self.shape.flops() / self.output.rows as u64).max(1);
        let rows = (PIECE / row) as usize;
        let least = if self.pool.kernel > self.pool.stride { BAND } else { 1 };
        let bands = self.output.rows.div_ceil(rows.max(least));
        self.output.rows.div_ceil(bands)
    }

    fn bands(&self) -> usize {
        self.output.rows.div_ceil(self.band())
    }

    /// Input columns of one remainder in a strip, and what the last tile may read beyond.
    fn lane(&self) -> usize {
        (self.strip + self.shape.kernel.div_ceil(self.shape.stride) + TILE).next_multiple_of(BLOCK)
    }

    fn rows_length(&self) -> usize {
        self.shape.input.channels * self.shape.kernel * self.shape.stride * self.lane()
    }

    fn ring_row(&self) -> usize {
        (self.strip + TILE) * self.shape.output.padded()
    }

    fn taps(&self) -> usize {
        self.shape.input.channels * self.shape.kernel * self.shape.kernel
    }
}

impl Kernel for Stem {
    fn pieces(&self, images: usize) -> usize {
        let small = self.shape.flops() * images as u64 <= SMALL;
        if small { 1 } else { images * self.bands() }
    }

    fn scratch(&self) -> usize {
        self.rows_length() + (self.pool.kernel + 1) * self.ring_row() + self.taps() * POINTER
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32) {
        let (pieces, all) = (self.pieces(operands.images), operands.images * self.bands());
        let each = all / pieces;
        let ends = self.epilogue.ends(operands, 1);
        for band in piece * each..(piece + 1) * each {
            let image = band / self.bands();
            let from = band % self.bands() * self.band();
            let to = (from + self.band()).min(self.output.rows);
            // SAFETY: the caller's: the scratch is as long as this kernel says, the operands of its sizes, its set is
            // there.
            unsafe {
                let sums = scratch.add(self.rows_length());
                let taps = sums.add((self.pool.kernel + 1) * self.ring_row()).cast();
                let work = Work { stem: self, x: operands.x[0], ends, image, from, to, rows: scratch, sums, taps };
                on(self.set.set(), work);
            }
        }
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    fn name(&self) -> String {
        let ConvShape { kernel, stride, .. } = self.shape;
        let pool =
            if self.pooled { format!(" + pool {}x{}", self.pool.kernel, self.pool.kernel) } else { String::new() };
        format!("stem {kernel}x{kernel}/{stride}{pool}")
    }
}

#[cfg(test)]
#[path = "stem_tests.rs"]
mod tests;
