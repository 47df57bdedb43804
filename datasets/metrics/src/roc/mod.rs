//! Receiver operating characteristic: the curve, the area under it, and how areas are compared.
//!
//! A row is called positive where its score is at least the threshold. The area is the probability that a row with the
//! outcome scores higher than one without, a tie counting half (Mann and Whitney 1947; Bamber 1975):
//!
//! ```text
//! AUC = 1/(m n) sum over i, j of psi(X_i, Y_j),   psi = 1 where X > Y, 1/2 where X = Y, 0 where X < Y
//! ```
//!
//! with X the m scores of rows with the outcome and Y the n of those without. A weight counts a row that many times.
//!
//! | question | function |
//! |---|---|
//! | the curve | [`curve`]; [`corners`] leaves out points on a straight line |
//! | its area | [`auc`]; [`partial_auc`] and [`standardised_partial_auc`] over a [`Range`] |
//! | how certain the area is | [`delong`], then [`Estimate::interval`](crate::Estimate::interval) or [`logit_interval`] |
//! | two scores on the same rows | [`paired`] |
//! | one score on two groups | [`unpaired`] |
//! | several scores on the same rows | [`correlated`] |
//! | not worse, or the same, up to a margin | [`non_inferiority`], [`equivalence`] |
//! | a point between two thresholds | [`sensitivity_at_specificity`], [`specificity_at_sensitivity`] |
//!
//! Variances are DeLong's (1988), from the [`components`]; where the sample has clusters, Obuchowski's (1997) for
//! clustered data, of which DeLong's is the case of one row a cluster. No variance is defined here for weighted rows:
//! all that need one refuse weights. Take the bootstrap there.
//!
//! All of it needs rows of both classes, with weights above 0. Areas without weights and their variances sort one class and look
//! the rows up in it (`slots.rs`), for fewer than 2^32 rows; all else sorts all rows once. O(n log n) either way.

mod compare;
mod curve;
mod delong;
mod interval;
mod margin;
mod order;
mod partial;
mod slots;
#[cfg(test)]
mod tests;

pub use compare::{Correlated, Overall, Paired, Unpaired, Welch, correlated, paired, unpaired};
pub use curve::{Point, auc, corners, curve};
pub(crate) use delong::Deviations;
pub use delong::{Components, components, delong};
pub use interval::{hanley_mcneil, logit_interval};
pub use margin::{Equivalence, equivalence, non_inferiority};
pub(crate) use order::{Step, Steps};
pub use partial::{
    Range, partial_auc, sensitivity_at_specificity, specificity_at_sensitivity, standardised_partial_auc,
};
