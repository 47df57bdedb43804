//! Rows on their way: copied, summed, pooled, finished.

use super::tile::{Terms, sums, tile_of};
use super::{Stem, pixels};
use crate::cpu::isa::Loop;
use crate::cpu::kernel::{Ends, Source};
use crate::cpu::lanes::{BLOCK, Lanes, prefetch};

/// The output rows `from..to` of an image.
pub(super) struct Work<'a> {
    pub(super) stem: &'a Stem,
    pub(super) x: Source,
    pub(super) ends: Ends,
    pub(super) image: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// `[input channel][row modulo the kernel][column modulo the stride][column / stride]`.
    pub(super) rows: *mut f32,
    /// `[row modulo the pool's kernel][column][channel]`, and the largest of each column.
    pub(super) sums: *mut f32,
    /// Where the values for each weight lie.
    pub(super) taps: *mut *const f32,
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
                        largest = largest.largest(V::load(from.add(column * padded + channel)));
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
                largest = largest.largest(V::load(row.add(at)));
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
