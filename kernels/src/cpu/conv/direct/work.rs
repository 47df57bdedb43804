//! Which terms a tile's sums have, and where they go.

use std::ops::Range;

use super::tile::{Terms, sums, tile_of};
use super::{ConvShape, DEEP, Direct, GROUP, Panel, SUMS};
use crate::cpu::isa::Loop;
use crate::cpu::kernel::{Ends, Source};
use crate::cpu::lanes::{BLOCK, Lanes};

/// f32s in the place of a pointer.
pub(super) const POINTER: usize = size_of::<*const f32>().div_ceil(size_of::<f32>());

/// A worker's memory.
#[derive(Clone, Copy)]
pub(super) struct Scratch {
    /// `[pixel][channel of the panel]`.
    pub(super) sums: *mut f32,
    /// From the first tap of a window to each tap, in values.
    pub(super) taps: *mut isize,
    /// The same to the first tap of each row.
    pub(super) rows: *mut isize,
    /// Of each pixel of a tile, the first tap of its window; where some are beyond a border, for each tap.
    pub(super) windows: *mut *const f32,
}

impl Scratch {
    /// # Safety
    ///
    /// There are `SUMS + kernel² * (2 + TILE) * POINTER` values, aligned to 64 bytes.
    pub(super) unsafe fn new(start: *mut f32, shape: &ConvShape, pixel: usize) -> Self {
        let count = shape.kernel * shape.kernel;
        // SAFETY: the caller's.
        unsafe {
            let taps: *mut isize = start.add(SUMS).cast();
            let (rows, windows) = (taps.add(count), taps.add(2 * count).cast());
            for tap in 0..count {
                let (row, column) = (tap / shape.kernel, tap % shape.kernel);
                *taps.add(tap) = ((row * shape.input.columns + column) * pixel) as isize;
                *rows.add(row) = (row * shape.input.columns * pixel) as isize;
            }
            Self { sums: start, taps, rows, windows }
        }
    }
}

/// The pixels `from..to`, counted through all images, of some panels.
pub(super) struct Work<'a> {
    pub(super) kernel: &'a Direct,
    pub(super) panels: &'a [Panel],
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) x: Source,
    pub(super) ends: Ends,
    pub(super) scratch: Scratch,
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        for panel in self.panels {
            let deep = self.kernel.taps() * self.kernel.shape.input.channels * panel.blocks > DEEP;
            let most = self.kernel.tile(panel);
            let (group, parts) = if deep { (GROUP * most, self.kernel.shape.kernel) } else { (self.to - self.from, 1) };
            for from in (self.from..self.to).step_by(group) {
                // SAFETY: the caller's.
                unsafe { self.group::<V>(panel, from..self.to.min(from + group), parts) };
            }
        }
    }
}

impl Work<'_> {
    /// Some pixels; where the weights are used in more than one part, no more than there is room for their sums.
    #[inline(always)]
    unsafe fn group<V: Lanes>(&self, panel: &Panel, group: Range<usize>, parts: usize) {
        let (kernel, channels) = (self.kernel, panel.blocks * BLOCK);
        let (vectors, most) = (channels / V::LANES, kernel.tile(panel));
        for part in 0..parts {
            let mut place = Place::of(&kernel.shape, group.start);
            let (mut from, mut room) = (group.start, self.scratch.sums);
            while from < group.end {
                // Tiles of about one size, since small ones wait for weights.
                let left = group.end - from;
                let pixels = left.div_ceil(left.div_ceil(most));
                // SAFETY: the caller's; there are so many pixels from here on, and runs for every part.
                unsafe {
                    let tile = tile_of(vectors, pixels, most);
                    let terms = self.terms(&mut place, pixels, tile).part(part, parts);
                    let weights = kernel.weights.as_ptr().add(panel.weights + terms.before * channels);
                    sums::<V>(vectors, tile, terms, weights, room);
                    if part + 1 == parts {
                        self.finish::<V>(panel, room, from, pixels);
                    }
                    if parts > 1 {
                        room = room.add(most * channels);
                    }
                }
                from += pixels;
            }
        }
    }
}

/// Where a pixel lies.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    row: usize,
    column: usize,
}

impl Place {
    fn of(shape: &ConvShape, pixel: usize) -> Self {
        let (image, rest) = (pixel / shape.output.pixels(), pixel % shape.output.pixels());
        Self { image, row: rest / shape.output.columns, column: rest % shape.output.columns }
    }

    /// The next in the order of pixels.
    #[inline(always)]
    fn step(&mut self, shape: &ConvShape) {
        self.column += 1;
        if self.column == shape.output.columns {
            (self.column, self.row) = (0, self.row + 1);
            if self.row == shape.output.rows {
                (self.row, self.image) = (0, self.image + 1);
            }
        }
    }
}

impl Work<'_> {
    /// The terms of the tile whose first pixel is at `place`, which is moved on; a tile that has more places than there
    /// are pixels computes the last one again.
    #[inline(always)]
    unsafe fn terms(&self, place: &mut Place, pixels: usize, tile: usize) -> Terms {
        let shape = &self.kernel.shape;
        let (input, padding) = (shape.input, shape.padding);
        let mut inside = true;
        let first = *place;
        for pixel in 0..tile {
            let (row, column) = (place.row * shape.stride, place.column * shape.stride);
            inside &= row >= padding.top && row + shape.kernel <= padding.top + input.rows;
            inside &= column >= padding.left && column + shape.kernel <= padding.left + input.columns;
            let at = (place.image * input.rows + row) * input.columns + column;
            let at = at.wrapping_sub(padding.top * input.columns + padding.left).wrapping_mul(self.x.pixel);
            // SAFETY: a tile has at most TILE pixels.
            unsafe { *self.scratch.windows.add(pixel) = self.x.start.wrapping_add(at) };
            if pixel + 1 < pixels {
                place.step(shape);
            }
        }
        place.step(shape);
        let scratch = &self.scratch;
        let (windows, taps, channels) = (scratch.windows.cast_const(), self.kernel.taps(), input.channels);
        let ahead = tile * shape.stride * self.x.pixel;
        let step = ahead / channels;
        if !inside {
            // SAFETY: the same.
            unsafe { self.border(first, pixels, tile) };
            Terms { runs: taps, length: channels, offsets: scratch.taps, windows, next: tile, before: 0, ahead, step }
        } else if self.x.pixel == channels {
            Terms {
                runs: shape.kernel,
                length: shape.kernel * channels,
                offsets: scratch.rows,
                windows,
                next: 0,
                before: 0,
                ahead,
                step: ahead / (shape.kernel * channels),
            }
        } else {
            Terms { runs: taps, length: channels, offsets: scratch.taps, windows, next: 0, before: 0, ahead, step }
        }
    }

    /// A pointer for each tap and pixel: such that the tap's offset leads to the input pixel, or to zeros.
    #[inline(never)]
    unsafe fn border(&self, mut place: Place, pixels: usize, tile: usize) {
        let shape = &self.kernel.shape;
        for pixel in 0..tile {
            // SAFETY: a tile has at most TILE pixels, and there are as many offsets as taps.
            unsafe {
                let window = *self.scratch.windows.add(pixel);
                for tap in 0..self.kernel.taps() {
                    let row = place.row * shape.stride + tap / shape.kernel;
                    let column = place.column * shape.stride + tap % shape.kernel;
                    let inside = row.wrapping_sub(shape.padding.top) < shape.input.rows
                        && column.wrapping_sub(shape.padding.left) < shape.input.columns;
                    let zeros = self.kernel.zeros.as_ptr().wrapping_offset(-*self.scratch.taps.add(tap));
                    *self.scratch.windows.add(tap * tile + pixel) = if inside { window } else { zeros };
                }
            }
            if pixel + 1 < pixels {
                place.step(shape);
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<V: Lanes>(&self, panel: &Panel, sums: *const f32, from: usize, pixels: usize) {
        let channels = panel.blocks * BLOCK;
        for pixel in 0..pixels {
            for channel in (0..channels).step_by(V::LANES) {
                // SAFETY: the caller's; the sums of these pixels are there.
                unsafe {
                    let sum = V::load(sums.add(pixel * channels + channel));
                    self.kernel.epilogue.finish(sum, &self.ends, from + pixel, panel.channel + channel);
                }
            }
        }
    }
}
