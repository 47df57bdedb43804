//! What NYU's classifiers of findings (GMIC and BCC) do before their networks see anything.
//!
//! The breast is found and cut out ([`crop()`]), mirrored so that the chest wall is on the left ([`Upright`]), and a
//! window of fixed size is placed on it ([`best_centre`], [`place`]). Pixels keep their native size.
//!
//! Where a GPU runs the network, the breast is found by the mask alone ([`locate`]) and the window's pixels are left to
//! the device ([`deferred`]).

mod crop;
mod window;

use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, Mammogram, Reason, Side, Slot};
use uvid_kernels::prepare::{Air, Source, Unsound};

pub use crop::{Crop, NoBreast, crop};
pub(crate) use window::framed;
pub use window::{AboveAir, Upright, best_centre, deferred, place, points_to, standardise, upright};

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

/// Finds the breast of the image that fills `slot`, and cuts it out.
///
/// Air must be exactly 0 for the crop, so the image's smallest value (padding left out) is taken off every pixel: in
/// images whose air is 0, and after standardisation, that changes nothing.
pub fn find(image: &Mammogram, slot: Slot, recipe: &CropRecipe) -> Result<Breast, Reason> {
    let located = locate(image, slot, recipe)?;
    Ok(Breast { crop: located.crop, upright: located.cut(), to_image: located.to_image })
}

/// A breast, found in its image, with its pixels left there.
#[derive(Debug, Clone)]
pub struct Located<'a> {
    image: &'a Mammogram,
    above: Mask,
    points_to: Side,
    /// What is none of it.
    pub air: Air,
    /// Where it is.
    pub crop: Crop,
    /// From the upright picture's coordinates to those of the image's pixels.
    pub to_image: Affine,
}

/// Finds the breast of the image that fills `slot`.
pub fn locate<'a>(image: &'a Mammogram, slot: Slot, recipe: &CropRecipe) -> Result<Located<'a>, Reason> {
    let no_breast = |e: NoBreast| Reason::NoBreastFound { slot: slot.to_string(), detail: e.to_string() };
    let (pixels, columns) = (image.pixels.values(), image.pixels.columns());
    let air = air_of(image);
    let above = Mask::of(pixels, columns, |v| air.above(*v) > 0);
    let in_air = pixels.len() - above.count();
    if (in_air as f64) < recipe.air_share_min * pixels.len() as f64 {
        return Err(no_breast(NoBreast::NoAir));
    }
    let points_to = points_to(&above);
    let crop = crop(&above, points_to, recipe).map_err(no_breast)?;
    let unmirrored = match points_to {
        Side::Right => Affine::IDENTITY,
        Side::Left => Affine::mirror(crop.bounds.right - crop.bounds.left),
    };
    let (top, left) = (crop.bounds.top as f64, crop.bounds.left as f64);
    let to_image = unmirrored.then(&Affine::scale_then_move(1.0, 1.0, top, left));
    Ok(Located { image, above, points_to, air, crop, to_image })
}

impl Located<'_> {
    /// Its pixels, air being 0.
    pub fn cut(&self) -> Upright {
        let (pixels, columns) = (self.image.pixels.values(), self.image.pixels.columns());
        upright(pixels, columns, &self.crop, self.points_to, |v| self.air.above(v))
    }

    /// Its pixels as they are stored, shared with the image; the chest wall on the left.
    ///
    /// # Errors
    ///
    /// None that a crop can cause.
    pub fn source(&self) -> Result<Source, Unsound> {
        let (pixels, b) = (&self.image.pixels, self.crop.bounds);
        let mirrored = self.points_to == Side::Left;
        Source::new(pixels.shared(), pixels.columns(), b.top..b.bottom, b.left..b.right, mirrored)
    }
}

impl AboveAir for Located<'_> {
    fn size(&self) -> (usize, usize) {
        let b = self.crop.bounds;
        (b.bottom - b.top, b.right - b.left)
    }

    fn above_air(&self, row: usize, columns: Range<usize>) -> usize {
        let b = self.crop.bounds;
        let columns = match self.points_to {
            Side::Right => b.left + columns.start..b.left + columns.end,
            Side::Left => b.right - columns.end..b.right - columns.start,
        };
        self.above.count_in_row(b.top + row, columns)
    }
}

/// What of an image is no tissue.
fn air_of(image: &Mammogram) -> Air {
    let padding = image.padding.clone().map_or((1, 0), RangeInclusive::into_inner);
    // Where there is nothing but padding, nothing is above it.
    Air { value: image.extremes().map_or(0, |(least, _)| least), padding }
}

#[cfg(test)]
mod tests;
