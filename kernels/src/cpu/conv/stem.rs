//! The first convolution of a network: few input channels, in planes as they came, and a pool behind it if there is one.
//!
//! Work is a band of output rows, in strips of columns. The rows that a strip needs are copied, with their padding, to
//! scratch memory, columns of one remainder modulo the stride side by side: what neighbouring pixels multiply by one
//! weight is then consecutive. The convolution's sums lie in a ring of as many rows as the pool's window has, from where
//! they are pooled and finished; bias and activations that do not fall (none, ReLU) commute with a maximum, bit for bit.
//!
//! Invariant: every sum is made channel by channel and tap by tap, whatever the strip; sums at the edges of strips and
//! bands are made again, and are the same.

use super::super::isa::{Loop, on};
use super::super::kernel::{Available, Ends, Epilogue, Kernel, Operands, Size, Source};
use super::super::lanes::{BLOCK, Lanes, prefetch};
use super::super::packed::Packed;
use super::ConvShape;
use super::panels::{Order, Panel, pack, pixels};
use crate::op::Padding;

/// Bytes of the ring of sums, so that it stays in the first cache.
const RING: usize = 32 << 10;
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

/// A max pool; outside the map counts as minus infinity; floor mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Pool {
    /// Window.
    pub(in crate::cpu) kernel: usize,
    /// Step.
    pub(in crate::cpu) stride: usize,
    /// Around the input, less than the window.
    pub(in crate::cpu) padding: Padding,
}

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
        let strip = (RING / row / tile * tile).max(2 * tile).max(pool.kernel);
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

/// The output rows `from..to` of an image.
struct Work<'a> {
    stem: &'a Stem,
    x: Source,
    ends: Ends,
    image: usize,
    from: usize,
    to: usize,
    /// `[input channel][row modulo the kernel][column modulo the stride][column / stride]`.
    rows: *mut f32,
    /// `[row modulo the pool's kernel][column][channel]`, and the largest of each column.
    sums: *mut f32,
    /// Where the values for each weight lie.
    taps: *mut *const f32,
}

/// Output columns, and the convolution's columns that they need.
#[derive(Clone, Copy)]
struct Strip {
    from: usize,
    to: usize,
    first: usize,
    end: usize,
}

/// The part of a pool's window that is on the map.
#[inline(always)]
fn window(place: usize, kernel: usize, stride: usize, before: usize, size: usize) -> (usize, usize) {
    let from = place * stride;
    (from.saturating_sub(before), (from + kernel).saturating_sub(before).min(size))
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let (pool, shape) = (self.stem.pool, &self.stem.shape);
        let columns = (self.stem.strip - pool.kernel) / pool.stride + 1;
        for from in (0..self.stem.output.columns).step_by(columns) {
            let to = (from + columns).min(self.stem.output.columns);
            let place = |at| window(at, pool.kernel, pool.stride, pool.padding.left, shape.output.columns);
            let strip = Strip { from, to, first: place(from).0, end: place(to - 1).1 };
            // Padded rows of the input, and rows of the convolution, that are there.
            let (mut copied, mut summed) = (0, 0);
            for row in self.from..self.to {
                let (first, end) = window(row, pool.kernel, pool.stride, pool.padding.top, shape.output.rows);
                for sums in first.max(summed)..end {
                    let needed = sums * shape.stride;
                    for input in needed.max(copied)..needed + shape.kernel {
                        // SAFETY: the caller's.
                        unsafe { self.copy(input, strip) };
                    }
                    copied = copied.max(needed + shape.kernel);
                    // SAFETY: the caller's.
                    unsafe { self.sum::<V>(sums, strip) };
                }
                summed = summed.max(end);
                // SAFETY: the caller's.
                unsafe { self.finish::<V>(row, (first, end), strip) };
            }
        }
    }
}

impl Work<'_> {
    /// Copies a row of the padded input, of all channels.
    #[inline(always)]
    unsafe fn copy(&self, row: usize, strip: Strip) {
        let shape = &self.stem.shape;
        let lane = self.stem.lane();
        let first = strip.first * shape.stride;
        let count = (strip.end - strip.first - 1) * shape.stride + shape.kernel;
        // Of the columns, those that are on the map.
        let left = shape.padding.left.saturating_sub(first).min(count);
        let right = (shape.padding.left + shape.input.columns).saturating_sub(first).clamp(left, count);
        let on_map = row.wrapping_sub(shape.padding.top);
        for channel in 0..shape.input.channels {
            // SAFETY: `lane` is as long as a strip's columns; the columns `left..right` are on the map.
            unsafe {
                let to = self.rows.add((channel * shape.kernel + row % shape.kernel) * shape.stride * lane);
                let at = |column: usize| to.add(column % shape.stride * lane + column / shape.stride);
                if on_map >= shape.input.rows {
                    (0..count).for_each(|column| *at(column) = 0.0);
                    continue;
                }
                (0..left).chain(right..count).for_each(|column| *at(column) = 0.0);
                let plane = self.image * shape.input.channels + channel;
                let row = (plane * shape.input.rows + on_map) * shape.input.columns;
                let from = self.x.start.add(row).wrapping_add(first + left).wrapping_sub(shape.padding.left);
                let whole = left.next_multiple_of(shape.stride).min(right);
                (left..whole).for_each(|column| *at(column) = *from.add(column - left));
                let (from, to, count) = (from.add(whole - left), to.add(whole / shape.stride), right - whole);
                match shape.stride {
                    1 => deal::<1>(from, to, lane, count),
                    2 => deal::<2>(from, to, lane, count),
                    4 => deal::<4>(from, to, lane, count),
                    _ => (whole..right).for_each(|column| *at(column) = *from.add(column - whole)),
                }
            }
        }
    }

    /// A row of the convolution's sums.
    #[inline(always)]
    unsafe fn sum<V: Lanes>(&self, row: usize, strip: Strip) {
        let shape = &self.stem.shape;
        let lane = self.stem.lane();
        let mut tap = 0;
        for channel in 0..shape.input.channels {
            for kernel_row in 0..shape.kernel {
                let slot = channel * shape.kernel + (row * shape.stride + kernel_row) % shape.kernel;
                // Counters, since a division costs as much as a tap.
                let (mut remainder, mut quotient) = (0, 0);
                for _ in 0..shape.kernel {
                    // SAFETY: the caller's: there are so many rows and taps.
                    unsafe { *self.taps.add(tap) = self.rows.add((slot * shape.stride + remainder) * lane + quotient) };
                    (tap, remainder) = (tap + 1, remainder + 1);
                    if remainder == shape.stride {
                        (remainder, quotient) = (0, quotient + 1);
                    }
                }
            }
        }
        let (next, count) = (shape.output.padded(), strip.end - strip.first);
        for panel in &self.stem.panels {
            let vectors = panel.blocks * BLOCK / V::LANES;
            let most = pixels(self.stem.set.set(), panel.blocks);
            let mut column = 0;
            while column < count {
                let tile = tile_of(vectors, count - column, most);
                if panel.channel == 0 {
                    self.ask(row, strip, column, tile);
                }
                // SAFETY: rows and ring are longer than a strip by a tile.
                unsafe {
                    let to = self.sums.add(row % self.stem.pool.kernel * self.stem.ring_row());
                    let to = to.add(column * next + panel.channel);
                    let weights = self.stem.weights.as_ptr().add(panel.weights);
                    sums::<V>(vectors, tile, Terms { taps: self.taps, count: tap, column, weights }, to, next);
                }
                column += tile;
            }
        }
    }

    /// Asks for what a tile of the next row will read, and for where this one's outputs go: nothing else hides how far
    /// the memory is.
    #[inline(always)]
    fn ask(&self, row: usize, strip: Strip, column: usize, tile: usize) {
        let (shape, output, stride) = (&self.stem.shape, self.stem.output, self.stem.pool.stride);
        let next = ((row + 1) * shape.stride + shape.kernel).wrapping_sub(shape.stride + shape.padding.top);
        let first = ((strip.first + column) * shape.stride).wrapping_add(shape.kernel).wrapping_sub(shape.padding.left);
        for channel in 0..shape.input.channels {
            let plane = (self.image * shape.input.channels + channel) * shape.input.rows;
            for row in 0..shape.stride {
                let row = plane.wrapping_add(next).wrapping_add(row).wrapping_mul(shape.input.columns);
                let at = self.x.start.wrapping_add(row.wrapping_add(first));
                (0..tile * shape.stride).step_by(BLOCK).for_each(|column| prefetch(at.wrapping_add(column)));
            }
        }
        if let Some(y) = self.ends.first {
            let row = (self.image * output.rows + row / stride) * output.columns;
            let at = y.start.wrapping_add((row + (strip.first + column) / stride) * y.pixel);
            (0..(tile / stride) * y.pixel).step_by(BLOCK).for_each(|value| prefetch(at.wrapping_add(value)));
        }
    }

    /// Pools and finishes a row: the largest of each column, then of each window.
    #[inline(always)]
    unsafe fn finish<V: Lanes>(&self, row: usize, (top, bottom): (usize, usize), strip: Strip) {
        let (stem, pool, padded) = (self.stem, self.stem.pool, self.stem.shape.output.padded());
        let columns = (strip.end - strip.first) * padded;
        // SAFETY: the caller's: the rows `top..bottom` are in the ring, and after it is room for one.
        unsafe {
            let ring = |row: usize| self.sums.add(row % pool.kernel * stem.ring_row()).cast_const();
            let spare = self.sums.add(pool.kernel * stem.ring_row());
            let largest = match bottom - top {
                1 => ring(top),
                2 => largest_of::<V, 2>([ring(top), ring(top + 1)], spare, columns),
                _ => {
                    let three = [ring(top), ring(top + 1), ring(top + 2)];
                    let first = largest_of::<V, 3>(three, spare, columns);
                    (top + 3..bottom)
                        .fold(first, |largest, row| largest_of::<V, 2>([largest, ring(row)], spare, columns))
                }
            };
            for column in strip.from..strip.to {
                let (left, right) =
                    window(column, pool.kernel, pool.stride, pool.padding.left, stem.shape.output.columns);
                let pixel = (self.image * stem.output.rows + row) * stem.output.columns + column;
                let from = largest.add((left - strip.first) * padded);
                for channel in (0..padded).step_by(V::LANES) {
                    let mut largest = V::load(from.add(channel));
                    for column in 1..right - left {
                        largest = largest.max(V::load(from.add(column * padded + channel)));
                    }
                    stem.epilogue.finish(largest, &self.ends, pixel, channel);
                }
            }
        }
    }
}

/// The largest of so many rows, column by column.
#[inline(always)]
unsafe fn largest_of<V: Lanes, const N: usize>(rows: [*const f32; N], to: *mut f32, columns: usize) -> *const f32 {
    for at in (0..columns).step_by(V::LANES) {
        // SAFETY: the caller's: the rows are whole blocks long.
        unsafe {
            let mut largest = V::load(rows[0].add(at));
            for row in &rows[1..] {
                largest = largest.max(V::load(row.add(at)));
            }
            largest.store(to.add(at));
        }
    }
    to
}

/// Deals values to `S` lanes in turn.
#[inline(always)]
unsafe fn deal<const S: usize>(from: *const f32, to: *mut f32, lane: usize, count: usize) {
    for part in 0..count / S {
        for s in 0..S {
            // SAFETY: the caller's: there are so many values, and as many places.
            unsafe { *to.add(s * lane + part) = *from.add(part * S + s) };
        }
    }
    for column in count / S * S..count {
        // SAFETY: the same.
        unsafe { *to.add(column % S * lane + column / S) = *from.add(column) };
    }
}

/// The terms of a tile's sums: for every weight as many values as the tile has pixels.
#[derive(Clone, Copy)]
struct Terms {
    taps: *const *const f32,
    count: usize,
    column: usize,
    weights: *const f32,
}

/// The smallest tile that there is for so many vectors and pixels, or the largest.
#[inline(always)]
fn tile_of(vectors: usize, pixels: usize, most: usize) -> usize {
    let sizes: &[usize] = match vectors {
        1 => &[4, 8, 14],
        2 => &[2, 4, 6],
        3 => &[3, 5],
        _ => &[2, 4],
    };
    sizes.iter().copied().find(|size| *size >= pixels).map_or(most, |size| size.min(most))
}

/// The sums of a tile of so many vectors and pixels; pixels are `next` values apart.
#[inline(always)]
unsafe fn sums<V: Lanes>(vectors: usize, tile: usize, terms: Terms, to: *mut f32, next: usize) {
    macro_rules! of {
        ($($n:literal: $($p:literal)*;)*) => {
            match (vectors, tile) {
                // SAFETY: the caller's.
                $($(($n, $p) => unsafe { tile_sums::<V, $p, $n>(terms, to, next) },)*)*
                _ => unreachable!("there is no such tile"),
            }
        };
    }
    if V::LANES < BLOCK {
        of! { 2: 2 4 6; }
    } else {
        of! { 1: 4 8 14 28; 2: 2 4 6 14; 3: 3 5 9; 4: 2 4 6; }
    }
}

/// The inner loop: for every term `N` vectors of weights, `P` consecutive factors, `N * P` multiply-adds.
#[inline(always)]
unsafe fn tile_sums<V: Lanes, const P: usize, const N: usize>(terms: Terms, to: *mut f32, next: usize) {
    // SAFETY: the caller's: the terms are there, and as many weights; `to` takes the sums of a tile.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; P];
        let mut weights = terms.weights;
        for tap in 0..terms.count {
            let x = (*terms.taps.add(tap)).add(terms.column);
            let mut w = [V::splat(0.0); N];
            for (n, w) in w.iter_mut().enumerate() {
                *w = V::load(weights.add(n * V::LANES));
            }
            for (p, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*x.add(p));
                for (sum, w) in sums.iter_mut().zip(&w) {
                    *sum = x.mul_add(*w, *sum);
                }
            }
            weights = weights.add(N * V::LANES);
        }
        for (p, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(to.add(p * next + n * V::LANES));
            }
        }
    }
}

#[cfg(test)]
#[path = "stem_tests.rs"]
mod tests;
