//! The resamplings that recipes name: [`area`] averages what a cell covers, [`cubic()`] interpolates between pixels.

pub mod area;
pub mod cubic;

pub use area::{Picture, area_average};
pub use cubic::cubic;
