//! What a preparation is, in plain loops.
//!
//! The order of every sum is part of the definition.

use super::{Air, Axis, Filter, Frame, Preparation, Source, Steps};

impl Preparation {
    /// Carries it out on the processor: planes of [`shape`](Self::shape), row-major.
    pub fn on_host(&self) -> Vec<f32> {
        match &self.steps {
            Steps::Window { air, frame } => {
                let pixels = framed(&self.source, *air, *frame);
                let (mean, deviation) = moments(&pixels);
                pixels.iter().map(|v| (f32::from(*v) - mean) / deviation).collect()
            }
            Steps::Cubic { air, frame, rows, columns } => {
                let pixels = framed(&self.source, *air, *frame);
                let values = cubic(&pixels, rows, columns);
                let (mean, deviation) = moments_of_fractions(&values);
                values.iter().map(|v| (v - mean) / deviation).collect()
            }
            Steps::Triangle { curve, rows, columns, mean, deviation } => {
                let value = |row: usize, column: usize| curve[usize::from(self.source.at(row, column))];
                let mut pixels = triangle(value, rows, columns);
                if is_fuller_on_the_left(&pixels, columns.outputs()) {
                    pixels.chunks_exact_mut(columns.outputs()).for_each(<[u16]>::reverse);
                }
                pixels.iter().map(|v| (f32::from(*v) - mean) / deviation).collect()
            }
            Steps::Canvas { curve, filter, rows, columns, frame, white, truncate, channels } => {
                let value = |row: usize, column: usize| f64::from(curve[usize::from(self.source.at(row, column))]);
                let mut canvas = vec![0f32; frame.size[0] * frame.size[1]];
                for row in 0..rows.outputs() {
                    for column in 0..columns.outputs() {
                        let v = white_of(filter.of(value, rows, columns, (row, column)), *white, *truncate);
                        canvas[(frame.at[0] + row) * frame.size[1] + frame.at[1] + column] = v;
                    }
                }
                channels.iter().flat_map(|(mean, d)| canvas.iter().map(move |v| (v - mean) / d)).collect()
            }
        }
    }
}

impl Preparation {
    /// Of a [`Steps::Canvas`]: which cells of a map of so many rows and columns, stretched over the canvas, lie over
    /// anything but 0. What lies over the breast is known after a few pixels.
    pub fn shown(&self, [map_rows, map_columns]: [usize; 2]) -> Option<Vec<bool>> {
        let Steps::Canvas { curve, filter, rows, columns, frame, white, truncate, .. } = &self.steps else {
            return None;
        };
        let value = |row: usize, column: usize| f64::from(curve[usize::from(self.source.at(row, column))]);
        let mut shown = vec![false; map_rows * map_columns];
        for row in 0..rows.outputs() {
            let cells = (frame.at[0] + row) * map_rows / frame.size[0] * map_columns;
            for column in 0..columns.outputs() {
                let cell = cells + (frame.at[1] + column) * map_columns / frame.size[1];
                let seen = || white_of(filter.of(value, rows, columns, (row, column)), *white, *truncate) != 0.0;
                shown[cell] = shown[cell] || seen();
            }
        }
        Some(shown)
    }
}

/// The frame's pixels, above air.
pub(super) fn framed(source: &Source, air: Air, frame: Frame) -> Vec<u16> {
    let mut out = vec![0; frame.size[0] * frame.size[1]];
    for row in 0..source.rows {
        let start = (frame.at[0] + row) * frame.size[1] + frame.at[1];
        let line = out[start..start + source.columns].iter_mut().enumerate();
        line.for_each(|(column, out)| *out = air.above(source.at(row, column)));
    }
    out
}

/// Mean and deviation of whole numbers: their sum and that of their squares are exact, the variance is rounded once.
fn moments(pixels: &[u16]) -> (f32, f32) {
    let sum: u64 = pixels.iter().map(|v| u64::from(*v)).sum();
    let squares: u64 = pixels.iter().map(|v| u64::from(*v) * u64::from(*v)).sum();
    let (count, sum, squares) = (pixels.len() as u128, u128::from(sum), u128::from(squares));
    // n times the sum of squares is never less than the square of the sum.
    let spread = (count * squares).saturating_sub(sum * sum);
    let n = pixels.len() as f64;
    let variance = spread as f64 / (n * n);
    ((sum as f64 / n) as f32, variance.sqrt().max(1e-5) as f32)
}

/// The same of fractions, summed in f64 one after the other.
pub(super) fn moments_of_fractions(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    (mean as f32, variance.sqrt().max(1e-5) as f32)
}

pub(super) fn cubic(pixels: &[u16], rows: &Axis, columns: &Axis) -> Vec<f32> {
    let width = columns.samples();
    let across = |row: usize, column: usize| -> f32 {
        columns.of(column).map(|(sample, w)| f32::from(pixels[row * width + sample]) * w as f32).sum()
    };
    let places = (0..rows.outputs()).flat_map(|row| (0..columns.outputs()).map(move |column| (row, column)));
    places.map(|(row, column)| rows.of(row).map(|(sample, w)| across(sample, column) * w as f32).sum()).collect()
}

fn triangle(value: impl Fn(usize, usize) -> u16, rows: &Axis, columns: &Axis) -> Vec<u16> {
    // Half upwards; no value is negative, so that a cast, which cuts off, is the floor.
    let rounded = |sum: f64| (sum + 0.5) as u16;
    let across = |row: usize, column: usize| {
        rounded(columns.of(column).fold(0.0, |sum, (sample, w)| sum + f64::from(value(row, sample)) * w))
    };
    // Each row is narrowed once.
    let narrowed: Vec<u16> = (0..rows.samples())
        .flat_map(|row| (0..columns.outputs()).map(move |column| (row, column)))
        .map(|(row, column)| across(row, column))
        .collect();
    let place = |row: usize, column: usize| row * columns.outputs() + column;
    let down = |row: usize, column: usize| {
        rounded(rows.of(row).fold(0.0, |sum, (sample, w)| sum + f64::from(narrowed[place(sample, column)]) * w))
    };
    (0..rows.outputs())
        .flat_map(|row| (0..columns.outputs()).map(move |column| (row, column)))
        .map(|(row, column)| down(row, column))
        .collect()
}

/// Whether the left three quarters hold more than the right three quarters.
fn is_fuller_on_the_left(pixels: &[u16], columns: usize) -> bool {
    let part = columns * 3 / 4;
    let sum = |row: &[u16]| row.iter().map(|v| u64::from(*v)).sum::<u64>();
    let rows = || pixels.chunks_exact(columns);
    rows().map(|row| sum(&row[..part])).sum::<u64>() > rows().map(|row| sum(&row[columns - part..])).sum::<u64>()
}

impl Filter {
    /// One output.
    fn of(
        self,
        value: impl Fn(usize, usize) -> f64,
        rows: &Axis,
        columns: &Axis,
        (row, column): (usize, usize),
    ) -> f64 {
        match self {
            Self::RowsFirst => {
                let line = |sample: usize| rows.of(row).fold(0.0, |sum, (r, w)| sum + w * value(r, sample));
                columns.of(column).fold(0.0, |sum, (sample, w)| sum + line(sample) * w)
            }
            Self::ColumnsFirst => {
                let line = |sample: usize| columns.of(column).fold(0.0, |sum, (c, w)| sum + value(sample, c) * w);
                rows.of(row).fold(0.0, |sum, (sample, w)| sum + line(sample) * w)
            }
        }
    }
}

/// What a resampled value is on the canvas.
fn white_of(y: f64, white: f64, truncate: bool) -> f32 {
    let v = (y * white) as f32;
    if truncate { truncated(v) } else { v }
}

/// Without what follows the decimal point; beyond 2^23 there is nothing.
fn truncated(v: f32) -> f32 {
    if v.abs() < 8_388_608.0 { (v as i32 as f32).copysign(v) } else { v }
}
