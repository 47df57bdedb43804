//! What makes a preparation sound.

use super::{CHANNELS_MAX, Frame, Source, Steps, Unsound};

/// The longest side of a picture, in pixels: a place fits 32 bits, a row a grid.
const SIDE_MAX: usize = 65535;

pub(super) fn check(source: &Source, steps: &Steps) -> Result<(), Unsound> {
    let unless = Unsound::unless;
    let small = |sides: [usize; 2]| sides.iter().all(|side| (1..=SIDE_MAX).contains(side));
    unless(source.rows <= SIDE_MAX && source.columns <= SIDE_MAX, "a rectangle that is too large")?;
    let size = [source.rows, source.columns];
    match steps {
        Steps::Window { frame, .. } => {
            unless(small(frame.size), "a window of a senseless size")?;
            unless(holds(frame, size), "a frame that does not hold its picture")
        }
        Steps::Cubic { frame, rows, columns, .. } => {
            unless(small([rows.outputs(), columns.outputs()]), "a window of a senseless size")?;
            unless(small(frame.size) && holds(frame, size), "a frame that does not hold its picture")?;
            unless([rows.samples(), columns.samples()] == frame.size, "axes that do not fit their frame")?;
            let four = |axis: &super::Axis| axis.starts.windows(2).all(|s| s[1] - s[0] == 4);
            unless(four(rows) && four(columns), "a cubic filter without four samples")?;
            let as_f32 = |axis: &super::Axis| axis.weights.iter().all(|w| f64::from(*w as f32) == *w);
            unless(as_f32(rows) && as_f32(columns), "weights that are no f32")?;
            unless(rows.gain() * columns.gain() <= 1e6, "weights that are too large")
        }
        Steps::Triangle { curve, rows, columns, mean, deviation } => {
            unless(small([rows.outputs(), columns.outputs()]), "a picture of a senseless size")?;
            unless([rows.samples(), columns.samples()] == size, "axes that do not fit their source")?;
            unless(curve.len() == 1 << 16, "a curve that does not know every value")?;
            let kept = |axis: &super::Axis| axis.weights.iter().all(|w| *w >= 0.0) && axis.gain() <= 1.0 + 1e-9;
            unless(kept(rows) && kept(columns), "a triangle that enlarges")?;
            unless(stays_finite(65535.0, *mean, *deviation), "a mean or deviation that makes no sense")
        }
        Steps::Canvas { curve, rows, columns, frame, white, channels, .. } => {
            unless(small(frame.size), "a canvas of a senseless size")?;
            unless([rows.samples(), columns.samples()] == size, "axes that do not fit their source")?;
            unless(holds(frame, [rows.outputs(), columns.outputs()]), "a canvas that does not hold its picture")?;
            unless(curve.len() == 1 << 16, "a curve that does not know every value")?;
            unless(curve.iter().all(|y| y.is_finite()), "a curve that is no number")?;
            let most = curve.iter().fold(0f32, |most, y| most.max(y.abs()));
            let most = (f64::from(most) * rows.gain() * columns.gain() * 1.001 * white.abs()) as f32;
            unless((1..=CHANNELS_MAX).contains(&channels.len()), "no channel, or too many")?;
            unless(channels.iter().all(|(m, d)| stays_finite(most, *m, *d)), "a mean or deviation that makes no sense")
        }
    }
}

fn holds(frame: &Frame, size: [usize; 2]) -> bool {
    (0..2).all(|side| frame.at[side].checked_add(size[side]).is_some_and(|end| end <= frame.size[side]))
}

/// Whether `(x - mean) / deviation` is a number for every x up to `most`, above and below 0.
fn stays_finite(most: f32, mean: f32, deviation: f32) -> bool {
    ((most.abs() + mean.abs()) / deviation.abs()).is_finite() && deviation != 0.0
}
