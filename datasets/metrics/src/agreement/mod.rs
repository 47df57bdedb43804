//! Agreement of raters.
//!
//! - [`kappa`]: two raters who sort into categories: Cohen's kappa and its kin;
//! - [`fleiss`]: several raters who sort into categories;
//! - [`krippendorff`]: the same, or ordered or measured, with readings missing;
//! - [`icc`]: several raters who measure: intraclass correlations;
//! - [`pairs`]: two ways to measure: limits of agreement, Lin's concordance.

pub mod fleiss;
pub mod icc;
pub mod kappa;
pub mod krippendorff;
pub mod pairs;
#[cfg(test)]
mod tests;
