//! The largest value, or the mean, under a window that slides over a map.

use super::isa::{Loop, on};
use super::kernel::{Available, Epilogue, Kernel, Operands, Size};
use super::lanes::Lanes;
use crate::compile::{Take, Window};

/// Values that a piece writes: some 32 KiB.
const PIECE: usize = 1 << 13;

/// The step.
pub(super) struct Pool {
    set: Available,
    input: Size,
    output: Size,
    window: Window,
    take: Take,
    epilogue: Epilogue,
}

impl Pool {
    /// From maps of a size to those of another.
    pub(super) fn new(
        set: Available,
        (input, output): (Size, Size),
        window: Window,
        take: Take,
        epilogue: Epilogue,
    ) -> Self {
        Self { set, input, output, window, take, epilogue }
    }

    /// Rows of the output in a piece.
    fn rows(&self) -> usize {
        (PIECE / (self.output.columns * self.output.padded()).max(1)).max(1)
    }
}

impl Kernel for Pool {
    fn pieces(&self, images: usize) -> usize {
        (images * self.output.rows).div_ceil(self.rows())
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, _: *mut f32) {
        // SAFETY: the caller's; the set is available.
        unsafe { on(self.set.set(), Work { kernel: self, piece, operands }) }
    }

    fn flops(&self) -> u64 {
        (self.output.pixels() * self.output.channels * self.window.kernel * self.window.kernel) as u64
    }

    fn name(&self) -> String {
        let take = if self.take == Take::Max { "max" } else { "mean" };
        format!("{take} pool {0}x{0}/{1}", self.window.kernel, self.window.stride)
    }
}

struct Work<'a> {
    kernel: &'a Pool,
    piece: usize,
    operands: Operands<'a>,
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { kernel: k, piece, operands } = self;
        let (x, window) = (operands.x[0], k.window);
        let ends = k.epilogue.ends(operands, 1);
        // The part of the window at this place that is inside.
        let inside = |at: usize, before: usize, size: usize| {
            let from = at * window.stride;
            from.saturating_sub(before)..(from + window.kernel).saturating_sub(before).min(size)
        };
        let end = ((piece + 1) * k.rows()).min(operands.images * k.output.rows);
        for line in piece * k.rows()..end {
            let (image, row) = (line / k.output.rows, line % k.output.rows);
            let rows = inside(row, window.padding.top, k.input.rows);
            for column in 0..k.output.columns {
                let columns = inside(column, window.padding.left, k.input.columns);
                for channel in (0..k.output.padded()).step_by(V::LANES) {
                    // SAFETY: the caller's; rows and columns are inside the map.
                    unsafe {
                        let mut v = V::splat(if k.take == Take::Max { f32::NEG_INFINITY } else { 0.0 });
                        for r in rows.clone() {
                            for c in columns.clone() {
                                let from = x.pixel((image * k.input.rows + r) * k.input.columns + c);
                                let under = V::load(from.add(channel));
                                v = if k.take == Take::Max { v.largest(under) } else { v.add(under) };
                            }
                        }
                        if k.take == Take::Mean {
                            v = v.div(V::splat((window.kernel * window.kernel) as f32));
                        }
                        k.epilogue.finish(v, &ends, line * k.output.columns + column, channel);
                    }
                }
            }
        }
    }
}
