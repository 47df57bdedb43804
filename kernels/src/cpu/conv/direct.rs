//! Convolution as it is defined, a tile of output pixels at a time; a linear layer is one of 1 x 1.
//!
//! A tile is some output pixels times a panel of output channels, whose sums stay in registers from the first tap to the
//! last. Pixels are counted through rows and images, so that only the last tile of a piece is smaller. For every tap each
//! pixel has a pointer, to its input pixel or, beyond the border, to a pixel of zeros.
//!
//! Invariant: every sum is made in one order, tap by tap and channel by channel, whatever the tile.

use std::ops::Range;

use super::super::isa::{Loop, on};
use super::super::kernel::{Available, Ends, Epilogue, Kernel, Operands, Source};
use super::super::lanes::{BLOCK, Lanes, prefetch};
use super::super::packed::Packed;
use super::ConvShape;
use super::panels::{Order, Panel, pack, pixels};

/// Pixels of the largest tile: about as many as there are registers for pointers.
const TILE: usize = 14;
/// Blocks of weights of a panel, above which its tiles use them in parts, each for a group of tiles: half of the second
/// cache's 2 MB or less.
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

/// f32s in the place of a pointer.
const POINTER: usize = size_of::<*const f32>().div_ceil(size_of::<f32>());

/// A worker's memory.
#[derive(Clone, Copy)]
struct Scratch {
    /// `[pixel][channel of the panel]`.
    sums: *mut f32,
    /// From the first tap of a window to each tap, in values.
    taps: *mut isize,
    /// The same to the first tap of each row.
    rows: *mut isize,
    /// Of each pixel of a tile, the first tap of its window; where some are beyond a border, for each tap.
    windows: *mut *const f32,
}

impl Scratch {
    /// # Safety
    ///
    /// There are `SUMS + kernel² * (2 + TILE) * POINTER` values, aligned to 64 bytes.
    unsafe fn new(start: *mut f32, shape: &ConvShape, pixel: usize) -> Self {
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
struct Work<'a> {
    kernel: &'a Direct,
    panels: &'a [Panel],
    from: usize,
    to: usize,
    x: Source,
    ends: Ends,
    scratch: Scratch,
}

/// The terms of a tile's sums: `runs` times `length` consecutive input values for each pixel.
#[derive(Clone, Copy)]
struct Terms {
    runs: usize,
    length: usize,
    /// For each run, if the pixels' pointers are the same for all runs.
    offsets: *const isize,
    /// For each pixel.
    windows: *const *const f32,
    /// From the pointers of a run to those of the next: 0 or the pixels of the tile.
    next: usize,
    /// Terms that the sums have already.
    before: usize,
    /// From a tile's first pixel to that of the next.
    ahead: usize,
    /// What is asked for there with every term.
    step: usize,
}

impl Terms {
    /// The runs of one of so many parts.
    #[inline(always)]
    unsafe fn part(self, part: usize, parts: usize) -> Self {
        let (from, to) = (part * self.runs / parts, (part + 1) * self.runs / parts);
        // SAFETY: the caller's: there are so many parts, and no more of them than runs.
        let (offsets, windows) = unsafe { (self.offsets.add(from), self.windows.add(from * self.next)) };
        Self { runs: to - from, offsets, windows, before: from * self.length, ..self }
    }
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

/// The smallest tile that there is for so many vectors and pixels, `most` being the largest.
#[inline(always)]
fn tile_of(vectors: usize, pixels: usize, most: usize) -> usize {
    let sizes: &[usize] = match vectors {
        1 => &[1, 3, 7],
        2 => &[1, 2, 4, 6, 10],
        3 => &[1, 3, 5, 7],
        _ => &[1, 2, 3, 4, 5],
    };
    sizes.iter().copied().find(|size| *size >= pixels).map_or(most, |size| size.min(most))
}

/// The sums of a tile of so many vectors and pixels.
#[inline(always)]
unsafe fn sums<V: Lanes>(vectors: usize, tile: usize, terms: Terms, weights: *const f32, to: *mut f32) {
    macro_rules! of {
        ($($n:literal: $($p:literal)*;)*) => {
            match (vectors, tile) {
                // SAFETY: the caller's.
                $($(($n, $p) => unsafe { tile_sums::<V, $p, $n>(terms, weights, to) },)*)*
                _ => unreachable!("there is no such tile"),
            }
        };
    }
    if V::LANES < BLOCK {
        of! { 2: 1 2 4 6; }
    } else {
        of! { 1: 1 3 7 14; 2: 1 2 4 6 10 14; 3: 1 3 5 7 9; 4: 1 2 3 4 5 6; }
    }
}

/// The inner loop: for every term `N` vectors of weights, `P` factors, `N * P` multiply-adds.
#[inline(always)]
unsafe fn tile_sums<V: Lanes, const P: usize, const N: usize>(terms: Terms, weights: *const f32, to: *mut f32) {
    // SAFETY: the caller's: the terms are there, and as many weights; `to` takes the sums of a tile.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; P];
        if terms.before > 0 {
            for (p, sums) in sums.iter_mut().enumerate() {
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(to.add((p * N + n) * V::LANES));
                }
            }
        }
        let mut weights = weights;
        for run in 0..terms.runs {
            let offset = *terms.offsets.add(run);
            let mut x = [std::ptr::null(); P];
            for (p, x) in x.iter_mut().enumerate() {
                *x = (*terms.windows.add(run * terms.next + p)).wrapping_offset(offset);
            }
            // What the next tile will read is asked for evenly: the processor itself sees too late where the rows go on.
            let mut ahead = x[0].wrapping_add(terms.ahead);
            for i in 0..terms.length {
                prefetch(ahead);
                ahead = ahead.wrapping_add(terms.step);
                let mut w = [V::splat(0.0); N];
                for (n, w) in w.iter_mut().enumerate() {
                    *w = V::load(weights.add(n * V::LANES));
                }
                for (p, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*x[p].add(i));
                    for (sum, w) in sums.iter_mut().zip(&w) {
                        *sum = x.mul_add(*w, *sum);
                    }
                }
                weights = weights.add(N * V::LANES);
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(to.add((p * N + n) * V::LANES));
            }
        }
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
