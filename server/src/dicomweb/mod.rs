//! DICOMweb (PS3.18): so far the Store Transaction of the Studies Service, STOW-RS.

mod answer;
mod media;
mod multipart;
mod stow;

pub use stow::routes;
