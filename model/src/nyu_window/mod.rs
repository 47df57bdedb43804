//! What NYU's classifiers of findings (GMIC and BCC) do before their networks see anything.
//!
//! The breast is found and cut out ([`crop()`]), mirrored so that the chest wall is on the left ([`Upright`]), and a
//! window of fixed size is placed on it ([`best_centre`], [`place`]). Pixels keep their native size.

mod crop;
mod window;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, Mammogram, Reason, Side, Slot};

pub use crop::{Crop, NoBreast, crop};
pub use window::{Upright, best_centre, place, points_to, standardise, upright};

use crate::predictor::LoadError;
use crate::regions::Mask;

/// How the breast is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropRecipe {
    /// Erosions and dilations.
    pub iterations: u16,
    /// Pixels kept around the breast.
    pub buffer: usize,
    /// Share of the rows, from the top, where the nipple is not looked for: 1 over this.
    pub search_divisor: usize,
    /// An image with a smaller share of pixels that are exactly air (its smallest value) is refused: the breast is
    /// found as what lies above air.
    pub air_share_min: f64,
}

impl CropRecipe {
    /// Refuses numbers with which the steps have no meaning.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        LoadError::unless_all(&[
            ("crop.search_divisor", self.search_divisor > 0),
            ("crop.air_share_min", (0.0..=1.0).contains(&self.air_share_min)),
        ])
    }
}

/// A breast, found in its image.
#[derive(Debug, Clone, PartialEq)]
pub struct Breast {
    /// Where it is.
    pub crop: Crop,
    /// Its pixels, air being 0.
    pub upright: Upright,
    /// From the upright picture's coordinates to those of the image's pixels.
    pub to_image: Affine,
}

/// Finds the breast of the image that fills `slot`.
///
/// Air must be exactly 0 for the crop, so the image's smallest value (padding left out) is taken off every pixel: in
/// images whose air is 0, and after standardisation, that changes nothing.
pub fn find(image: &Mammogram, slot: Slot, recipe: &CropRecipe) -> Result<Breast, Reason> {
    let no_breast = |e: NoBreast| Reason::NoBreastFound { slot: slot.to_string(), detail: e.to_string() };
    let (pixels, columns) = (image.pixels.values(), image.pixels.columns());
    let air = Air::of(image);
    let above = Mask::of(pixels, columns, |v| air.above(*v) > 0);
    let in_air = pixels.len() - above.count();
    if (in_air as f64) < recipe.air_share_min * pixels.len() as f64 {
        return Err(no_breast(NoBreast::NoAir));
    }
    let points_to = points_to(&above);
    let crop = crop(&above, points_to, recipe).map_err(no_breast)?;
    let upright = upright(pixels, columns, &crop, points_to, |v| air.above(v));
    let unmirrored = match points_to {
        Side::Right => Affine::IDENTITY,
        Side::Left => Affine::mirror(upright.columns),
    };
    let (top, left) = (crop.bounds.top as f64, crop.bounds.left as f64);
    let to_image = unmirrored.then(&Affine::scale_then_move(1.0, 1.0, top, left));
    Ok(Breast { crop, upright, to_image })
}

/// What of an image is no tissue.
#[derive(Debug, Clone, Copy)]
struct Air {
    /// The smallest value that is no padding.
    value: u16,
    /// The least and the most that is padding; none where the least is larger.
    padding: (u16, u16),
}

impl Air {
    fn of(image: &Mammogram) -> Self {
        let padding = image.padding.clone().map_or((1, 0), RangeInclusive::into_inner);
        // Where there is nothing but padding, nothing is above it.
        Self { value: image.extremes().map_or(0, |(least, _)| least), padding }
    }

    /// Without a branch: every pixel is asked.
    fn is_padding(self, v: u16) -> bool {
        (self.padding.0 <= v) & (v <= self.padding.1)
    }

    /// How much a pixel is above air: 0 for padding.
    fn above(self, v: u16) -> u16 {
        if self.is_padding(v) { 0 } else { v.saturating_sub(self.value) }
    }
}
