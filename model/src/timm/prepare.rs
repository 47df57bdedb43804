//! From stored pixels to the network's input, each step with the recipe's numbers.
//!
//! 1. Window: stored values become 0 to 1, larger = brighter ([`Brightness`]). Pixel padding becomes 0.
//! 2. Breast: what shows none is refused; the whole image or the box around the breast is kept ([`Breast`]).
//! 3. Chest wall: mirrored or left as it lies ([`ChestWall`]).
//! 4. Resize: s = min(rows / height, columns / width); to s times height and width, whole by [`Rounding`], at least 1,
//!    by [`Filter`].
//! 5. Canvas: times `white`, at its [`Place`] on a canvas of 0; where the recipe says so, without what follows the
//!    decimal point.
//! 6. Channels: `(v - mean) / std` of each, f32. The canvas's own 0 takes part.
//!
//! Arithmetic is f64 on values held as f32 between the steps. Pixels count as square.

use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, Mammogram, Reason, Slot, Window};

use super::breast::{Breast, Found};
use crate::regions::Bounds;
use crate::resample::{Picture, area_average_of, bilinear_of};

/// The numbers of the steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Step 1.
    pub window: Brightness,
    /// Step 2.
    pub breast: Breast,
    /// Step 3.
    pub chest_wall: ChestWall,
    /// Rows and columns of the network's input (step 4).
    pub canvas: [usize; 2],
    /// How it is resized (step 4).
    pub filter: Filter,
    /// How its size becomes whole (step 4).
    pub rounding: Rounding,
    /// Where it is put (step 5).
    pub place: Place,
    /// The value of the brightest pixel, 1 or 255 as a rule (step 5).
    pub white: f64,
    /// Whether values lose what follows the decimal point, as by a cast to 8 bits (step 5).
    pub truncate: bool,
    /// Of each of the network's channels, in units of `white` (step 6).
    pub mean: Vec<f64>,
    /// Of each of the network's channels (step 6).
    pub std: Vec<f64>,
}

/// How stored values become 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Brightness {
    /// No window: the darkest and the brightest value that the file declares become 0 and 1.
    None,
    /// The smallest and the largest value of the image become 0 and 1.
    MinMax,
    /// The file's first window, by its function, as a display would.
    File {
        /// Whether an item of the VOI LUT Sequence is a window too; such items come before centre and width.
        tables: bool,
        /// Where the file has no window.
        fallback: Fallback,
    },
}

/// What is done where the file has no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// As [`Brightness::None`].
    None,
    /// As [`Brightness::MinMax`].
    MinMax,
    /// The image is refused.
    Refuse,
}

/// Where the chest wall is put; it is taken to be at the half of the image that holds more of the breast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChestWall {
    /// Where it is.
    AsStored,
    /// At the first column.
    Left,
    /// At the last column.
    Right,
}

/// How a picture is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// [`area_average`]: OpenCV's `INTER_AREA` where it reduces.
    Area,
    /// [`bilinear`]: OpenCV's `INTER_LINEAR` of floats, torch's `interpolate`.
    Bilinear,
}

/// How a size becomes whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, halves up.
    Nearest,
    /// Down.
    Down,
}

/// Where the picture lies on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// All padding is below and on the right.
    TopLeft,
    /// Padding on all sides; what cannot be halved goes below and to the right.
    Centre,
}

/// Why an image is no input.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refused {
    /// All pixels have one value.
    #[error("no pixel is brighter than any other")]
    NoContrast,
    /// What stands out is a speck, or nearly everything.
    #[error("what stands out covers {:.1} % of the image; is its background dark?", .0 * 100.0)]
    Share(f64),
    /// What stands out lies all around the image, where air should be.
    #[error("the image's border is bright nearly all around; is the image inverted?")]
    BrightBorder,
    /// The file has no window, and the recipe none in its place.
    #[error("it offers no window for display, and the model takes no image without")]
    NoWindow,
}

impl Refused {
    pub(crate) fn reason(self, slot: Slot) -> Reason {
        match self {
            Self::NoContrast | Self::Share(_) | Self::BrightBorder => {
                Reason::NoBreastFound { slot: slot.to_string(), detail: self.to_string() }
            }
            Self::NoWindow => Reason::Unreadable(format!("{slot}: {self}")),
        }
    }
}

/// The network's input, before its channels are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Row-major, of the canvas's size; 0 to `white`.
    pub values: Vec<f32>,
    /// From canvas coordinates to pixel coordinates of the image.
    pub to_image: Affine,
    /// What of the image is on it.
    pub bounds: Bounds,
    /// Its first row and column on the canvas.
    pub place: (usize, usize),
    /// Its rows and columns on the canvas.
    pub size: (usize, usize),
    /// Whether it was mirrored.
    pub mirrored: bool,
}

/// How the breast lies in the image and on the canvas; the fields are those of [`Input`].
pub(super) struct Lying {
    pub(super) to_image: Affine,
    pub(super) bounds: Bounds,
    pub(super) place: (usize, usize),
    pub(super) size: (usize, usize),
    pub(super) mirrored: bool,
}

impl Preparation {
    /// Whether each number has a meaning.
    pub(super) fn soundness(&self) -> Vec<(&'static str, bool)> {
        let channels = self.mean.len();
        let mut sound = self.breast.soundness().to_vec();
        sound.extend([
            ("preparation.canvas", self.canvas.iter().all(|n| (32..=8192).contains(n))),
            ("preparation.white", self.white > 0.0 && self.white.is_finite()),
            ("preparation.mean", matches!(channels, 1 | 3) && self.mean.iter().all(|m| m.is_finite())),
            ("preparation.std", self.std.len() == channels && self.std.iter().all(|s| (1e-6..=1e9).contains(s))),
        ]);
        sound
    }

    /// Steps 1 to 5.
    pub fn apply(&self, image: &Mammogram) -> Result<Input, Refused> {
        let (curve, lying) = self.locate(image)?;
        Ok(self.on_canvas(image.pixels.values(), &curve, image.pixels.columns(), &lying))
    }

    /// Steps 1 to 4: what becomes of each pixel value, and how the breast lies in the image and on the canvas.
    pub(super) fn locate(&self, image: &Mammogram) -> Result<(Vec<f64>, Lying), Refused> {
        let (pixels, columns) = (image.pixels.values(), image.pixels.columns());
        let curve = self.window.curve_of(image)?;
        let Found { bounds, on_the_right } = self.breast.find(pixels, columns, |v| curve[usize::from(v)])?;
        let mirrored = match self.chest_wall {
            ChestWall::AsStored => false,
            ChestWall::Left => on_the_right,
            ChestWall::Right => !on_the_right,
        };
        let (height, width) = (bounds.bottom - bounds.top, bounds.right - bounds.left);
        let size = self.fit(height, width);
        let place = match self.place {
            Place::TopLeft => (0, 0),
            Place::Centre => ((self.canvas[0] - size.0) / 2, (self.canvas[1] - size.1) / 2),
        };
        let (down, across) = (height as f64 / size.0 as f64, width as f64 / size.1 as f64);
        let in_box = Affine::scale_then_move(down, across, -(place.0 as f64) * down, -(place.1 as f64) * across);
        let upright = if mirrored { in_box.then(&Affine::mirror(width)) } else { in_box };
        let to_image = upright.then(&Affine::scale_then_move(1.0, 1.0, bounds.top as f64, bounds.left as f64));
        Ok((curve, Lying { to_image, bounds, place, size, mirrored }))
    }

    /// Steps 3 to 5.
    pub(super) fn on_canvas(&self, pixels: &[u16], curve: &[f64], columns: usize, lying: &Lying) -> Input {
        let Lying { to_image, bounds, place, size, mirrored } = *lying;
        let (height, width) = (bounds.bottom - bounds.top, bounds.right - bounds.left);
        let mut kept = Vec::with_capacity(height * width);
        for row in pixels.chunks_exact(columns).take(bounds.bottom).skip(bounds.top) {
            let start = kept.len();
            kept.extend_from_slice(&row[bounds.left..bounds.right]);
            if mirrored {
                kept[start..].reverse();
            }
        }
        let whole = ((0.0, height as f64), (0.0, width as f64));
        let brightness = |v: u16| curve[usize::from(v)];
        let resized: Picture = match self.filter {
            Filter::Area => area_average_of(&kept, width, whole.0, whole.1, size, brightness),
            Filter::Bilinear => bilinear_of(&kept, width, size, brightness),
        };
        let mut values = vec![0.0; self.canvas[0] * self.canvas[1]];
        for (i, line) in resized.values.chunks_exact(size.1).enumerate() {
            let start = (place.0 + i) * self.canvas[1] + place.1;
            for (out, v) in values[start..start + size.1].iter_mut().zip(line) {
                let v = (v * self.white) as f32;
                *out = if self.truncate { truncated(v) } else { v };
            }
        }
        Input { values, to_image, bounds, place, size, mirrored }
    }

    /// Step 4.
    fn fit(&self, height: usize, width: usize) -> (usize, usize) {
        let [rows, columns] = self.canvas;
        let scale = (rows as f64 / height as f64).min(columns as f64 / width as f64);
        let whole = |side: usize, most: usize| {
            let side = side as f64 * scale;
            let side = match self.rounding {
                Rounding::Nearest => (side + 0.5).floor(),
                Rounding::Down => side.floor(),
            };
            (side as usize).clamp(1, most)
        };
        (whole(height, rows), whole(width, columns))
    }

    /// Step 6: the channels one after the other.
    pub fn channels(&self, canvas: &[f32]) -> Vec<f32> {
        let mut channels = Vec::with_capacity(self.mean.len() * canvas.len());
        for (mean, std) in self.mean.iter().zip(&self.std) {
            let (mean, std) = (*mean as f32, *std as f32);
            channels.extend(canvas.iter().map(|v| (v - mean) / std));
        }
        channels
    }
}

impl Brightness {
    /// Step 1: what each of the 65536 values of a pixel becomes, as it is held in an f32.
    fn curve_of(self, image: &Mammogram) -> Result<Vec<f64>, Refused> {
        let mut curve: Vec<f64> = self.curve(image)?.into_iter().map(|y| f64::from(y as f32)).collect();
        curve.resize(1 << 16, 1.0);
        for v in image.padding.clone().into_iter().flatten() {
            curve[usize::from(v)] = 0.0;
        }
        let values = image.pixels.values();
        let first = curve[usize::from(values[0])];
        if values.iter().all(|v| curve[usize::from(*v)] == first) { Err(Refused::NoContrast) } else { Ok(curve) }
    }

    /// What each pixel value becomes.
    fn curve(self, image: &Mammogram) -> Result<Vec<f64>, Refused> {
        let max = image.pixels.max();
        match self {
            Self::None => Ok((0..=max).map(|v| f64::from(v) / f64::from(max)).collect()),
            Self::MinMax => {
                let (lo, hi) = image.extremes().unwrap_or_default();
                let span = f64::from(hi - lo).max(1.0);
                Ok((0..=max).map(|v| (f64::from(v.saturating_sub(lo)) / span).min(1.0)).collect())
            }
            Self::File { tables, fallback } => {
                let taken = |w: &&Window| tables || matches!(w, Window::Function { .. });
                match (image.windows.iter().find(taken), fallback) {
                    (Some(window), _) => Ok(image.seen_through(window)),
                    (None, Fallback::None) => Self::None.curve(image),
                    (None, Fallback::MinMax) => Self::MinMax.curve(image),
                    (None, Fallback::Refuse) => Err(Refused::NoWindow),
                }
            }
        }
    }
}

/// Without what follows the decimal point. A number beyond 2^23 has nothing there, and the others are cast: the baseline
/// of x86-64 has no instruction for it.
fn truncated(v: f32) -> f32 {
    if v.abs() < 8_388_608.0 { (v as i32 as f32).copysign(v) } else { v }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
pub(super) mod tests;
