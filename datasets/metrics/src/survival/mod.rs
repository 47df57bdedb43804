//! Risk over time under censoring: concordance, time-dependent AUC, Brier, calibration at a horizon.
//!
//! [`Survival`] is when each row was last seen and whether it had the event then. A risk is a number for each row; larger
//! means sooner, or more likely by a horizon. Times and horizons share a unit, which is the caller's.
//!
//! | question | here |
//! |---|---|
//! | how many by when? | [`KaplanMeier`] |
//! | who comes first? | [`harrell`]; [`uno`], which does not depend on the censoring |
//! | who by a horizon? | [`dynamic_auc`], [`mean_auc`]; [`at_horizon`], the risk literature's simple way |
//! | how near are the risks? | [`brier`], [`integrated_brier`]; [`by_risk_group`] |
//!
//! **Censoring** is taken to be independent of the risk. Weights are 1/G, G the Kaplan-Meier curve of being uncensored,
//! [`Censoring`], which may be estimated on another sample. Where G is 0 or unknown at a time that is needed, there is no
//! number.
//!
//! **Ties** are exact. scikit-survival takes risks within 1e-8 of each other to be tied unless told otherwise
//! (`tied_tol=0`); such a relation is not transitive, and rows would count as tied or not by their neighbours.
//!
//! **Weights of rows** are not taken here. Clusters are, where a standard error says so.
//!
//! **Years from days.** The published tables of risk models give days. The evaluation that goes with the demonstration
//! table of Mirai's and Sybil's authors (GeneralEvaluation) counts years of 365 days, and a negative as followed for year t
//! once t - 1 whole years are over; cancers of day 0 are left out. In the words of [`at_horizon`]: times are `floor(days / 365) + 1`, the year in which
//! something happened, and horizons are 1, 2, 3. With times of `days / 365` negatives have been followed for t whole years.
//!
//! Such years are codes, and many rows are censored exactly at a horizon. [`at_horizon`] counts these as negative. [`dynamic_auc`] and
//! [`brier`] take them as censored by then, neither case nor control. For the same rows as [`at_horizon`], add half a year to the
//! times of rows without the event, and keep the horizons (a horizon half a year earlier would make the last year's events
//! controls).

mod auc;
mod brier;
mod concordance;
mod groups;
mod horizon;
mod kaplan_meier;
#[cfg(test)]
mod tests;
mod times;

pub use auc::{dynamic_auc, mean_auc};
pub use brier::{brier, integrated_brier};
pub use concordance::{Concordance, harrell, uno};
pub use groups::{RiskGroup, by_risk_group};
pub use horizon::{AtHorizon, at_horizon};
pub use kaplan_meier::{At, Censoring, KaplanMeier, Step};
pub use times::Survival;
