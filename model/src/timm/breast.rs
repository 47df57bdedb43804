//! Where the breast is, and whether there is one.
//!
//! The picture after the window is averaged down; the breast is the largest region brighter than a threshold. What
//! covers too little or too much of the picture, or nearly all of its border, is none: a speck, noise, a blank field,
//! an inverted image. A classifier would give them a score like any other.

use serde::{Deserialize, Serialize};

use super::prepare::Refused;
use crate::regions::{Bounds, Mask};
use crate::resample::area_average_of;

/// How the breast is found, and how much of the image around it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breast {
    /// The longer side of the small picture on which it is looked for, in pixels.
    pub work_size: usize,
    /// Breast is brighter; 0 to 1 after the window.
    pub threshold: f64,
    /// Smallest and largest share of the image that it covers.
    pub share: [f64; 2],
    /// Largest share of the image's border that it covers.
    pub border_share_max: f64,
    /// What is kept of the image.
    pub keep: Keep,
}

/// What is kept of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Keep {
    /// All of it.
    Whole,
    /// The box around the breast.
    Box {
        /// Pixels of the image kept around it, where there are any.
        margin: usize,
    },
}

/// The breast in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What is kept, in pixels of the image.
    pub bounds: Bounds,
    /// Whether most of the breast lies in the right half of the image.
    pub on_the_right: bool,
}

impl Breast {
    pub(crate) fn soundness(&self) -> [(&'static str, bool); 4] {
        let share = |s: f64| (0.0..=1.0).contains(&s);
        [
            ("breast.work_size", (16..=4096).contains(&self.work_size)),
            ("breast.threshold", share(self.threshold)),
            ("breast.share", self.share.into_iter().all(share) && self.share[0] < self.share[1]),
            ("breast.border_share_max", share(self.border_share_max)),
        ]
    }

    /// Finds it among the pixels of an image of so many columns; `brightness` makes 0 to 1 of each.
    pub fn find(&self, pixels: &[u16], columns: usize, brightness: impl Fn(u16) -> f64) -> Result<Found, Refused> {
        let rows = pixels.len() / columns;
        // Never enlarged: a pixel is the smallest thing to be seen.
        let longer = rows.max(columns);
        let small = |side: usize| ((side * self.work_size).div_ceil(longer)).clamp(1, side);
        let size = (small(rows), small(columns));
        let whole = ((0.0, rows as f64), (0.0, columns as f64));
        let work = area_average_of(pixels, columns, whole.0, whole.1, size, brightness);
        let mask = Mask::of(&work.values, size.1, |v| *v > self.threshold);
        let mask = mask.largest_component().ok_or(Refused::Share(0.0))?;
        let share = mask.share();
        if !(self.share[0]..=self.share[1]).contains(&share) {
            return Err(Refused::Share(share));
        }
        if mask.border_share(0) > self.border_share_max {
            return Err(Refused::BrightBorder);
        }
        let bounds = match self.keep {
            Keep::Whole => Bounds { top: 0, bottom: rows, left: 0, right: columns },
            Keep::Box { margin } => {
                let tight = mask.bounds().ok_or(Refused::Share(0.0))?;
                // Outwards to whole pixels.
                let from = |cell: usize, side: usize, cells: usize| (cell * side / cells).saturating_sub(margin);
                let to = |cell: usize, side: usize, cells: usize| {
                    (cell * side).div_ceil(cells).saturating_add(margin).min(side)
                };
                Bounds {
                    top: from(tight.top, rows, size.0),
                    bottom: to(tight.bottom, rows, size.0),
                    left: from(tight.left, columns, size.1),
                    right: to(tight.right, columns, size.1),
                }
            }
        };
        Ok(Found { bounds, on_the_right: mask.right_half_is_fuller() })
    }
}
