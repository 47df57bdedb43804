//! Marks of a reader or a program against lesions, and what follows from them.
//!
//! [`find`] says which lesions an image's marks find, by a [`HitRule`]; what is left is a [`Case`]: the score by which each
//! lesion was found, and the scores of false marks. [`Cases`] are all of them; from them come
//!
//! - [`froc`]: sensitivity against false marks per image;
//! - [`jafroc`]: areas under the AFROC curve, weighted or not, as figures of merit for [`crate::readers`];
//! - [`lroc`]: one lesion at most, and whether the most suspicious place is the right one;
//! - [`maps`]: the pointing game and mean IoU.
//!
//! A [`Study`] holds the cases of several readers under several modalities (or of two programs); with a [`Merit`] it is a
//! figure of merit, so that single estimates, paired differences and reader studies are all [`crate::readers::Figures`]. One
//! program's areas have a standard error by [`estimate`]; its sensitivities at rates of false marks an interval by [`resample`].
//!
//! ```
//! use uvid_metrics::localisation::{Case, Cases, Merit, Study, froc};
//! use uvid_metrics::readers::{Figures, Random};
//!
//! let cases = vec![
//!     Case::new(&[Some(0.9), None], &[0.3]), // two lesions, one of them found, and one false mark
//!     Case::new(&[Some(0.6)], &[]),
//!     Case::new(&[], &[0.5, 0.2]), // no lesion
//!     Case::new(&[], &[]),
//! ];
//! let cases = Cases::new(cases)?;
//! let curve = froc::curve(&cases, froc::Sensitivity::Lesions, froc::Marks::OfAllImages)?;
//! assert_eq!(curve.sensitivity_at(0.25)?, 2.0 / 3.0);
//!
//! let study = Study::new(vec![vec![cases]])?.with(Merit::WeightedAfroc)?;
//! let area = Figures::jackknife(&study)?.modality(0, Random::Cases)?;
//! assert!((area.value - (0.5 * 1.0 + 0.5 * 0.25 + 1.0) / 2.0).abs() < 1e-12);
//! # Ok::<(), uvid_metrics::Undefined>(())
//! ```

mod cases;
pub mod froc;
pub mod jafroc;
pub mod lroc;
pub mod maps;
mod matching;
mod shapes;
mod study;
#[cfg(test)]
mod tests;

pub use cases::{Case, Cases};
pub use matching::{Found, Further, HitRule, Mark, find};
pub use shapes::{Mask, Point, Polygon, Rectangle, Region};
pub use study::{Merit, Study, WithMerit, estimate, resample};
