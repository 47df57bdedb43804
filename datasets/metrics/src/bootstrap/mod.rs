//! The bootstrap by patient: resampling of whole clusters, several statistics at once, percentile and BCa intervals.
//!
//! A resample draws as many clusters as there are, with replacement; a cluster brings all of its rows as often as it was
//! drawn. [`Design`] says what the clusters are and whether the draw is made within strata. [`resample`] computes
//! [`Statistic`]s, all of them on the same resamples, so that differences are paired; [`run`] does the same for any
//! function of how often each cluster was drawn. [`Distribution`] turns the values into intervals, a standard error and a
//! p value; [`Statistic::jackknife`] and [`Design::acceleration`] give what BCa needs beside them.
//!
//! Source: Efron, Tibshirani, An Introduction to the Bootstrap (1993), chapters 6, 8, 13, 14; for clusters Field, Welsh,
//! Bootstrapping clustered data, J R Stat Soc B 69 (2007), their "randomized cluster bootstrap".
//!
//! **Undefined resamples.** A resample may have one class only. It is counted in [`Resampled::undefined`] and left out for
//! all statistics of the run, so that pairs stay pairs; more of them than [`Options::undefined_most`] are an error. A
//! draw that is stratified by outcome avoids most of them.
//!
//! **The same bits everywhere.** Resamples are drawn in blocks of sixteen. Block `b` has its own Xoshiro256++ stream,
//! seeded with the outputs 4b to 4b + 3 of SplitMix64 from the seed. Neither threads nor the number of resamples change
//! a value: the first thousand of a million are the same as a thousand.
//!
//! ```
//! use uvid_metrics::bootstrap::{Design, Options, Statistic, resample};
//! use uvid_metrics::{Binary, Clusters, Confidence};
//!
//! let patients = Clusters::of(["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f"]);
//! let positive = [true, false, true, false, true, false, false, false, false, false, false, false];
//! let score = [0.9, 0.2, 0.4, 0.4, 0.6, 0.3, 0.5, 0.1, 0.3, 0.2, 0.7, 0.1];
//! let sample = Binary::new(&score, &positive)?;
//! let design = Design::by_outcome(&patients, &positive)?;
//! let auc = Statistic::auc(&design, &sample)?;
//! let resampled = resample(&[&auc], &Options { resamples: 2_000, seed: 1, ..Options::default() })?;
//! let distribution = resampled.distribution(0)?;
//! let acceleration = design.acceleration(&auc.jackknife()?)?;
//! let interval = distribution.bca(acceleration, Confidence::P95)?;
//! assert!(interval.lower < 0.87 && 0.87 < interval.upper);
//! # Ok::<(), uvid_metrics::Undefined>(())
//! ```

mod auc;
mod design;
mod distribution;
mod draw;
mod engine;
mod jackknife;
mod precision;
mod ratio;
mod sorted;
mod statistic;
#[cfg(test)]
mod tests;

pub use design::Design;
pub use distribution::Distribution;
pub use engine::{Options, Resampled, resample, run};
pub use jackknife::jackknife;
pub use statistic::Statistic;
