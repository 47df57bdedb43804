//! How a piece's input lies in its buffer, and the weights beside it.

use super::super::super::amx::{self, SIDE, STEP};
use super::super::super::packed::Packed;
use super::super::ConvShape;
use super::POSITIONS;

/// A stretch of the buffer that is multiplied with weights in one go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Of the kernel.
    pub(super) row: usize,
    /// Of the kernel: its first.
    pub(super) column: usize,
    /// bf16 values from a position's first.
    pub(super) offset: usize,
}

/// How the input lies in the buffer.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Remainders of rows, and of columns, that a kernel meets.
    pub(super) planes: usize,
    /// Of a plane.
    pub(super) rows: usize,
    /// Of a plane.
    pub(super) columns: usize,
    /// bf16 values from a pixel to the next.
    pub(super) pitch: usize,
    /// Stretches, in the order of the sum.
    pub(super) runs: Vec<Run>,
    /// Steps of each.
    pub(super) steps: usize,
}

impl Layout {
    /// For so many rows of the output.
    pub(super) fn new(shape: &ConvShape, output_rows: usize) -> Self {
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
    pub(super) fn values(&self) -> usize {
        self.planes * self.planes * self.rows * self.columns * self.pitch
    }

    /// bf16 values that may be read after them, by positions that are dropped or by a last step.
    pub(super) fn beyond(&self) -> usize {
        (POSITIONS + 1) * self.pitch + STEP
    }
}

/// Rounds the weights, and orders them as they will be read.
pub(super) fn pack(shape: &ConvShape, layout: &Layout, weight: &[f32]) -> Packed {
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
