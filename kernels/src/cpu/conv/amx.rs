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

#[cfg(test)]
mod tests;

use super::super::amx::{self, SIDE, STEP};
use super::super::isa::{self, InstructionSet, Loop};
use super::super::kernel::{Ends, Epilogue, Kernel, Operands};
use super::super::lanes::{BLOCK, Lanes};
use super::super::packed::Packed;
use super::ConvShape;

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

/// A stretch of the buffer that is multiplied with weights in one go.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Of the kernel.
    row: usize,
    /// Of the kernel: its first.
    column: usize,
    /// bf16 values from a position's first.
    offset: usize,
}

/// How the input lies in the buffer.
#[derive(Debug, Clone)]
struct Layout {
    /// Remainders of rows, and of columns, that a kernel meets.
    planes: usize,
    /// Of a plane.
    rows: usize,
    /// Of a plane.
    columns: usize,
    /// bf16 values from a pixel to the next.
    pitch: usize,
    /// Stretches, in the order of the sum.
    runs: Vec<Run>,
    /// Steps of each.
    steps: usize,
}

impl Layout {
    /// For so many rows of the output.
    fn new(shape: &ConvShape, output_rows: usize) -> Self {
        let ConvShape { kernel, stride, .. } = *shape;
        let channels = shape.input.padded();
        let beyond = (kernel - 1) / stride;
        let (rows, columns) = (output_rows + beyond, shape.output.columns + beyond);
        let planes = kernel.min(stride);
        // Few channels: a row of the kernel is one run. Many: pixels that are not a power of two apart meet less often in
        // one set of the cache.
        let few = channels < 128;
        let whole_rows = stride == 1 && few;
        let pitch = if few || kernel == 1 || !channels.is_multiple_of(STEP) { channels } else { channels + STEP };
        let length = if whole_rows { kernel * channels } else { channels };
        let taps =
            (0..kernel).flat_map(|row| (0..kernel).step_by(if whole_rows { kernel } else { 1 }).map(move |c| (row, c)));
        let run = |(row, column): (usize, usize)| {
            let plane = row % stride * planes + column % stride;
            let offset = ((plane * rows + row / stride) * columns + column / stride) * pitch;
            Run { row, column, offset }
        };
        Self { planes, rows, columns, pitch, runs: taps.map(run).collect(), steps: length.div_ceil(STEP) }
    }

    /// bf16 values of all planes.
    fn values(&self) -> usize {
        self.planes * self.planes * self.rows * self.columns * self.pitch
    }

    /// bf16 values that may be read after them, by positions that are dropped or by a last step.
    fn beyond(&self) -> usize {
        (POSITIONS + 1) * self.pitch + STEP
    }
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
        let weights = pack(&shape, &layout, weight);
        Some(Self { shape, layout, weights, epilogue, rows, pairs: pairs.div_ceil(cuts) })
    }

    /// bf16 values of a panel's weights.
    fn panel(&self) -> usize {
        self.layout.runs.len() * self.layout.steps * amx::TILE
    }
}

/// Rounds the weights, and orders them as they will be read.
fn pack(shape: &ConvShape, layout: &Layout, weight: &[f32]) -> Packed {
    let (kernel, inputs, outputs) = (shape.kernel, shape.input.channels, shape.output.channels);
    debug_assert_eq!(weight.len(), outputs * inputs * kernel * kernel);
    let (panels, across) = (shape.output.padded() / SIDE, shape.input.padded());
    let mut packed = Vec::with_capacity(panels * layout.runs.len() * layout.steps * amx::TILE);
    for first in (0..panels).step_by(2) {
        for (run, step) in layout.runs.iter().flat_map(|run| (0..layout.steps).map(move |step| (run, step))) {
            for at in 0..amx::TILE * (panels - first).min(2) {
                let (panel, at) = (first + at / amx::TILE, at % amx::TILE);
                let (pair, out, half) = (at / STEP, panel * SIDE + at % STEP / 2, at % 2);
                let value = step * STEP + 2 * pair + half;
                let (column, input) = (run.column + value / across, value % across);
                // A run is a row of the kernel, or a tap.
                let end = if layout.runs.len() == kernel { kernel } else { run.column + 1 };
                let there = column < end && input < inputs && out < outputs;
                let from = ((out * inputs + input) * kernel + run.row) * kernel + column;
                packed.push(if there { amx::bf16(weight[from]) } else { 0 });
            }
        }
    }
    Packed::bf16(&packed)
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

struct Piece<'a> {
    kernel: &'a Amx,
    piece: usize,
    operands: Operands<'a>,
    scratch: *mut f32,
}

impl Loop for Piece<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let kernel = self.kernel;
        let output = kernel.shape.output;
        let (parts, panels) = (output.rows.div_ceil(kernel.rows), output.padded() / SIDE);
        let groups = panels.div_ceil(2).div_ceil(kernel.pairs);
        let (part, group) = (self.piece / groups, self.piece % groups);
        let (image, row) = (part / parts, part % parts * kernel.rows);
        let rows = kernel.rows.min(output.rows - row);
        let positions = (rows - 1) * kernel.layout.columns + output.columns;
        let ends = kernel.epilogue.ends(self.operands, 1);
        let (panel, last) = (group * kernel.pairs * 2, panels.min((group + 1) * kernel.pairs * 2));
        // So many panels that their weights stay in the cache while all positions pass.
        let together = (WEIGHTS / kernel.panel()).next_multiple_of(2).max(2);
        // SAFETY: the caller's; scratch is sums and a buffer.
        unsafe {
            let buffer = self.scratch.add(POSITIONS * PAIR).cast::<u16>();
            self.round(image, row, buffer);
            amx::begin();
            for panel in (panel..last).step_by(together) {
                for first in (0..positions).step_by(POSITIONS) {
                    let count = POSITIONS.min(positions - first);
                    let from = buffer.add(first * kernel.layout.pitch);
                    for panel in (panel..last.min(panel + together)).step_by(2) {
                        let panels = 2.min(panels - panel);
                        let weights = kernel.weights.as_ptr().cast::<u16>().add(panel * kernel.panel());
                        self.multiply(from, weights, panels, count);
                        self.finish::<V>(&ends, (image * output.rows + row, first, count), panel * SIDE, panels * SIDE);
                    }
                }
            }
            amx::end();
        }
    }
}

impl Piece<'_> {
    /// Rounds what the piece needs of the input into the buffer.
    #[inline(always)]
    unsafe fn round(&self, image: usize, row: usize, buffer: *mut u16) {
        let ConvShape { input, stride, padding, .. } = self.kernel.shape;
        let (layout, x) = (&self.kernel.layout, self.operands.x[0]);
        let length = layout.columns * layout.pitch;
        for line in 0..layout.planes * layout.planes * layout.rows {
            let (plane, r) = (line / layout.rows, line % layout.rows);
            let row = ((row + r) * stride + plane / layout.planes).wrapping_sub(padding.top);
            // The columns of this plane that lie in the image.
            let shift = plane % layout.planes;
            let start = padding.left.saturating_sub(shift).div_ceil(stride).min(layout.columns);
            let end = (input.columns + padding.left).saturating_sub(shift).div_ceil(stride).min(layout.columns);
            let end = if row < input.rows { end.max(start) } else { start };
            // SAFETY: the caller's; the pixels lie in the image.
            unsafe {
                let to = buffer.add(line * length);
                to.write_bytes(0, start * layout.pitch);
                if start < end {
                    let column = start * stride + shift - padding.left;
                    let from = x.pixel((image * input.rows + row) * input.columns + column);
                    let to = (to.add(start * layout.pitch), layout.pitch);
                    amx::convert((from, x.pixel * stride), to, end - start, input.channels);
                }
                to.add(end * layout.pitch).write_bytes(0, (layout.columns - end) * layout.pitch);
            }
        }
        // SAFETY: the buffer goes on.
        unsafe { buffer.add(layout.values()).write_bytes(0, STEP) }
    }

    /// Computes positions, for one panel or two, into the first part of the scratch memory: `[position][channel]`.
    #[inline(always)]
    unsafe fn multiply(&self, from: *const u16, weights: *const u16, panels: usize, count: usize) {
        let layout = &self.kernel.layout;
        let (apart, tile) = (2 * layout.pitch, SIDE * layout.pitch);
        let (steps, sums) = (layout.steps, self.scratch);
        // SAFETY: the caller's; positions that are dropped read what lies beyond.
        unsafe {
            let mut b = weights;
            if panels == 1 {
                amx::zero();
                for run in &layout.runs {
                    let a = from.add(run.offset);
                    amx::multiply_4x1([a, a.add(tile), a.add(2 * tile), a.add(3 * tile)], apart, b, steps);
                    b = b.add(steps * amx::TILE);
                }
                let size = SIDE * SIDE;
                amx::store([sums, sums.add(size), sums.add(2 * size), sums.add(3 * size)], SIDE * 4);
                return;
            }
            for first in (0..count).step_by(2 * SIDE) {
                b = weights;
                amx::zero();
                for run in &layout.runs {
                    let a = from.add(first * layout.pitch + run.offset);
                    amx::multiply_2x2([a, a.add(tile)], apart, b, steps);
                    b = b.add(2 * steps * amx::TILE);
                }
                let sums = sums.add(first * PAIR);
                let below = sums.add(SIDE * PAIR);
                amx::store([sums, sums.add(SIDE), below, below.add(SIDE)], PAIR * 4);
            }
        }
    }

    /// Hands the sums to the epilogue: of some positions from a first one on, counted from the start of a row of the
    /// output (counted through all images).
    #[inline(always)]
    unsafe fn finish<V: Lanes>(
        &self,
        ends: &Ends,
        (row, first, count): (usize, usize, usize),
        channel: usize,
        width: usize,
    ) {
        let (columns, across) = (self.kernel.shape.output.columns, self.kernel.layout.columns);
        let epilogue = &self.kernel.epilogue;
        let mut position = first;
        while position < first + count {
            let (r, column) = (position / across, position % across);
            // The stretch of one row that is left, or that is to be dropped.
            let stretch = if column < columns { columns - column } else { across - column };
            let end = (position + stretch).min(first + count);
            let pixel = (row + r) * columns + column - position;
            while column < columns && position < end {
                let side_by_side = if position + 4 <= end { 4 } else { 1 };
                for lane in (0..width).step_by(V::LANES) {
                    // SAFETY: the caller's.
                    unsafe {
                        let from = self.scratch.add((position - first) * width + lane);
                        if side_by_side == 1 {
                            epilogue.finish(V::load(from), ends, pixel + position, channel + lane);
                            continue;
                        }
                        let mut sums = [V::splat(0.0); 4];
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = V::load(from.add(i * width));
                        }
                        epilogue.finish_row(sums, ends, pixel + position, channel + lane);
                    }
                }
                position += side_by_side;
            }
            position = end;
        }
    }
}

const _: () = assert!(SIDE == BLOCK, "a panel is a block of channels");
