//! A piece: some rows of the output, from input to output.

use super::super::super::amx::{self, SIDE, STEP};
use super::super::super::isa::Loop;
use super::super::super::kernel::{Ends, Operands};
use super::super::super::lanes::Lanes;
use super::super::ConvShape;
use super::{Amx, PAIR, POSITIONS, WEIGHTS};

/// A piece of a convolution to be run.
pub(super) struct Piece<'a> {
    pub(super) kernel: &'a Amx,
    pub(super) piece: usize,
    pub(super) operands: Operands<'a>,
    pub(super) scratch: *mut f32,
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
            let mut pixel = (row + r) * columns + column;
            while column < columns && position < end {
                let side_by_side = if position + 4 <= end { 4 } else { 1 };
                for lane in (0..width).step_by(V::LANES) {
                    // SAFETY: the caller's.
                    unsafe {
                        let from = self.scratch.add((position - first) * width + lane);
                        if side_by_side == 1 {
                            epilogue.finish(V::load(from), ends, pixel, channel + lane);
                            continue;
                        }
                        let mut sums = [V::splat(0.0); 4];
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = V::load(from.add(i * width));
                        }
                        epilogue.finish_row(sums, ends, pixel, channel + lane);
                    }
                }
                position += side_by_side;
                pixel += side_by_side;
            }
            position = end;
        }
    }
}
