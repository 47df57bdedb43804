//! Whether a probability is a frequency, and how to make it one.
//!
//! [`Forecasts`] are probabilities with outcomes, checked once. What is asked of them:
//!
//! | question | here |
//! |---|---|
//! | are there as many as were announced? | [`observed_expected`], [`in_the_large`] |
//! | are high ones too high, low ones too low? | [`cox`]: slope and intercept |
//! | where do they go astray? | [`bins`], [`Loess::curve`] |
//! | how far, in one number? | [`Curve::errors`] (ICI, E50, E90, Emax), [`expected_error`], [`largest_error`] |
//! | calibration and discrimination together | [`brier`], [`scaled_brier`], [`murphy`], [`log_loss`] |
//! | is it more than chance? | [`spiegelhalter`], [`hosmer_lemeshow`], the tests of the estimates |
//! | how is it put right? | [`Method::fit`], [`cross_fitted`] |
//!
//! **Probabilities of exactly 0 or 1** have no logit. What needs one refuses them ([`Undefined::Value`] with the row); who
//! wants them clipped says so, and how far: [`Forecasts::clipped`].
//!
//! **Weights** multiply a row's share of every sum. In standard errors they are inverse probabilities of having been
//! sampled: a row of weight 2 is one observation that stands for two (the exception is [`StandardErrors::Model`]).
//!
//! **Clusters**: where a patient has several rows, standard errors are of sums over patients.
//!
//! Overview and hierarchy: Van Calster et al., Calibration: the Achilles heel of predictive analytics, BMC Medicine 17
//! (2019) 230.

mod bins;
mod curve;
mod folds;
mod forecasts;
mod isotonic;
mod loess;
pub(crate) mod logistic;
mod observed_expected;
mod recalibrate;
mod scores;
mod slope;

pub use bins::{Bin, Binning, Murphy, bins, expected_error, hosmer_lemeshow, largest_error, murphy};
pub(crate) use bins::{equal_mass, grouped};
pub use curve::{Curve, CurveErrors};
pub use folds::folds;
pub use forecasts::Forecasts;
pub use isotonic::Isotonic;
pub use loess::Loess;
pub use observed_expected::{ObservedExpected, observed_expected};
pub use recalibrate::{Map, Method, cross_fitted};
pub use scores::{brier, log_loss, scaled_brier, spiegelhalter};
pub use slope::{Cox, StandardErrors, cox, in_the_large};

#[cfg(test)]
mod tests;

#[cfg(doc)]
use crate::Undefined;
