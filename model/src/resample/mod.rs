//! The resamplings that recipes name: [`area`] averages what a cell covers, [`bilinear()`] and [`cubic()`] interpolate
//! between pixels.

pub mod area;
pub mod bilinear;
pub mod cubic;

pub use area::{Picture, area_average, area_average_of, area_axis};
pub use bilinear::{bilinear, bilinear_axis, bilinear_of};
pub use cubic::{cubic, cubic_axis};
