//! Windows at random places, over which the authors average: the tables they published were made with ten.
//!
//! A window is moved by up to `crop_noise` pixels and its sides by up to `size_noise`, then resampled to its size. Six
//! numbers in [-1, 1) decide, drawn from NumPy's legacy generator. The authors' generator runs through all exams of a
//! list; here it starts anew for every exam and skips the draws of the [`exam_position`](Augmentation::exam_position)
//! exams before it, so that an exam's score depends on nothing else and can still be the published one.

use serde::{Deserialize, Serialize};
use uvid_exam::View;
use uvid_kernels::prepare::{Air, Preparation, Source, Steps, Unsound};

use crate::nyu_window::{self, Upright};
use crate::predictor::LoadError;
use crate::random::NumpyRandom;
use crate::resample::{cubic, cubic_axis};

/// Averaging over windows at random places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Windows of each view.
    pub epochs: usize,
    /// Of `numpy.random.RandomState`.
    pub seed: u32,
    /// Largest shift in rows and in columns, pixels.
    pub crop_noise: [usize; 2],
    /// Largest shift of a side, pixels.
    pub size_noise: usize,
    /// The exam's place in the authors' list, from 0; every exam there has one image of each view. For the image-wise
    /// model, the image's place in a list of images.
    #[serde(default)]
    pub exam_position: usize,
}

impl Augmentation {
    /// Refuses numbers with which the steps have no meaning.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        let noise = |n: usize| n <= 1024;
        LoadError::unless_all(&[
            ("augmentation.epochs", (1..=100).contains(&self.epochs)),
            ("augmentation.crop_noise", self.crop_noise.into_iter().all(noise)),
            ("augmentation.size_noise", noise(self.size_noise)),
            ("augmentation.exam_position", self.exam_position <= 10_000),
        ])
    }

    /// The generator as it stands before an exam of so many views.
    pub fn random(&self, views: usize) -> NumpyRandom {
        let mut random = NumpyRandom::new(self.seed);
        for _ in 0..self.exam_position * self.epochs * views {
            Draw::next(&mut random);
        }
        random
    }
}

/// What is drawn for one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Rows and columns, as shares of the largest shift.
    shift: [f64; 2],
    /// Top, bottom, left and right, as shares of the largest shift of a side.
    sides: [f64; 4],
}

impl Draw {
    /// The next one.
    pub fn next(random: &mut NumpyRandom) -> Self {
        // Which of the view's images: there is one, and nothing is drawn.
        let _ = random.below(1);
        let mut noise = || random.uniform(-1.0, 1.0);
        Self { shift: [noise(), noise()], sides: [noise(), noise(), noise(), noise()] }
    }
}

/// The sides of a window, in pixels; `bottom` and `right` are one past the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borders {
    /// First row.
    pub top: i64,
    /// End of rows.
    pub bottom: i64,
    /// First column.
    pub left: i64,
    /// End of columns.
    pub right: i64,
}

/// A window of the picture after zeros were added around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed {
    /// Rows and columns with the zeros.
    pub padded: (i64, i64),
    /// Rows of zeros above the picture; there are none to its left.
    pub above: i64,
    /// After the shift.
    pub shifted: Borders,
    /// In the end.
    pub borders: Borders,
}

/// Half to even, as NumPy rounds.
fn round(x: f64) -> i64 {
    x.round_ties_even() as i64
}

/// Where the window lies that `draw` makes of the one around `centre`, in a picture of `size` (rows, columns).
pub fn frame(
    size: (usize, usize),
    centre: (i64, i64),
    view: View,
    window: [usize; 2],
    noise: &Augmentation,
    draw: &Draw,
) -> Framed {
    let [h, w] = window.map(|n| n as i64);
    let (mut rows, mut columns) = (size.0 as i64, size.1 as i64);
    let (mut top, mut left, mut above) = (centre.0 - h / 2, centre.1 - w / 2, 0);
    let [row_margin, column_margin] = noise.crop_noise.map(|n| (n + noise.size_noise) as i64);
    // Room for the noise: above and below in a CC, below in an MLO, and to the right.
    let sides = if view == View::MedioLateralOblique { 1 } else { 2 };
    if rows < h + sides * row_margin {
        if sides == 2 {
            above = (h + 2 * row_margin - rows) / 2;
        }
        rows = h + sides * row_margin;
        top = if sides == 2 { row_margin } else { 0 };
    }
    if columns < w + column_margin {
        columns = w + column_margin;
        left = 0;
    }
    let (top, left) = (top.clamp(0, rows - h), left.clamp(0, columns - w));

    let shift = |from: i64, length: i64, size: i64, noise: usize, share: f64| {
        let (before, after) = (from, size - from - length);
        let share = match (before, after) {
            (0, _) => share.abs(),
            (_, 0) => -share.abs(),
            _ => share,
        };
        let room = if share >= 0.0 { after } else { before };
        from + round((noise as i64).min(room) as f64 * share)
    };
    let top = shift(top, h, rows, noise.crop_noise[0], draw.shift[0]);
    let left = shift(left, w, columns, noise.crop_noise[1], draw.shift[1]);
    let shifted = Borders { top, bottom: top + h, left, right: left + w };

    let room = [top, rows - shifted.bottom, left, columns - shifted.right];
    let most = room.into_iter().fold(noise.size_noise as i64, i64::min) as f64;
    let most_columns = round(most * w as f64 / h as f64) as f64;
    let [u0, u1, u2, u3] = draw.sides;
    let borders = Borders {
        top: shifted.top + round(most * u0),
        bottom: shifted.bottom + round(most * u1),
        left: shifted.left + round(most_columns * u2),
        right: shifted.right + round(most_columns * u3),
    };
    Framed { padded: (rows, columns), above, shifted, borders }
}

impl Framed {
    /// The window's corner in the picture and its rows and columns, before it is resampled.
    fn place(&self) -> ((i64, i64), [usize; 2]) {
        let b = self.borders;
        ((b.top - self.above, b.left), [b.bottom - b.top, b.right - b.left].map(|n| n.max(1) as usize))
    }

    /// [`Framed::cut`], standardised, left to the device. One pixel for one needs no filter, and the filter gives it.
    pub fn deferred(&self, breast: &Source, air: Air, window: [usize; 2]) -> Result<Preparation, Unsound> {
        let (corner, size) = self.place();
        let (source, frame) = nyu_window::framed(breast, corner, size)?;
        let (rows, columns) = (cubic_axis(size[0], window[0])?, cubic_axis(size[1], window[1])?);
        Preparation::new(source, Steps::Cubic { air, frame, rows, columns })
    }

    /// The window of `picture`, resampled to `window` rows and columns.
    pub fn cut<T: Copy + Default + Into<f32>>(&self, picture: &Upright<T>, window: [usize; 2]) -> Vec<f32> {
        let (corner, size) = self.place();
        let pixels = picture.window(corner, size);
        let pixels: Vec<f32> = pixels.into_iter().map(Into::into).collect();
        if size == window { pixels } else { cubic(&pixels, size.into(), window.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::nyu_window::standardise;

    proptest! {
        #[test]
        fn a_window_that_is_left_to_the_device_is_the_one_that_is_cut_here(
            rows in 8usize..60, columns in 8usize..60, height in 8usize..50, width in 8usize..50, right in any::<bool>(),
            centre in (-20i64..80, -20i64..80), noise in 0usize..12, seed in any::<u32>(), mlo in any::<bool>(),
            values in prop::collection::vec(any::<u16>(), 3600),
        ) {
            let noise = Augmentation { epochs: 1, seed, crop_noise: [noise, noise], size_noise: noise, exam_position: 0 };
            let view = if mlo { View::MedioLateralOblique } else { View::CranioCaudal };
            let draw = Draw::next(&mut noise.random(1));
            let framed = frame((rows, columns), centre, view, [height, width], &noise, &draw);
            let air = Air { value: 300, padding: (500, 600) };
            let stored = &values[..rows * columns];
            let mut pixels: Vec<u16> = stored.iter().map(|v| air.above(*v)).collect();
            if right {
                pixels.chunks_exact_mut(columns).for_each(<[u16]>::reverse);
            }
            let here = standardise(&framed.cut(&Upright { rows, columns, pixels }, [height, width]));
            let source = Source::new(Arc::new(stored.to_vec()), columns, 0..rows, 0..columns, right).expect("whole");
            let deferred = framed.deferred(&source, air, [height, width]).expect("sound").on_host();
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&deferred), bits(&here));
        }
    }
}
