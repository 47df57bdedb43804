//! The bootstrap by patient, as all sections use it.

use uvid_metrics::bootstrap::{self, Design, Distribution, Resampled, Statistic, resample};
use uvid_metrics::{Interval, Result};

use super::{Options, Study};

/// How the intervals were made, for a finding's `method`; empty where no resamples are drawn.
pub(super) fn drawn(study: &Study, options: &Options) -> String {
    if options.resamples == 0 { String::new() } else { bca(study) }
}

/// The same, for people.
pub(super) fn bca(study: &Study) -> String {
    format!("BCa bootstrap by {}, stratified by outcome", study.unit())
}

/// What is read off resamples; nothing where none were drawn, the reason where there could be none.
pub(super) fn of_drawn<T>(
    resamples: &Result<Option<Resamples>>,
    read: impl FnOnce(&Resamples) -> Result<T>,
) -> Result<Option<T>> {
    resamples.as_ref().map_err(Clone::clone)?.as_ref().map(read).transpose()
}

/// Statistics of one study on the same resamples.
pub(super) struct Resamples {
    statistics: Vec<Statistic>,
    resampled: Resampled,
}

/// Patients, stratified by whether one of their rows has the outcome.
pub(super) fn design(study: &Study) -> Result<Design> {
    Design::by_outcome(&study.clusters_or_rows(), &study.positive)
}

impl Resamples {
    /// Draws; `None` where no resamples are asked for.
    pub(super) fn of(statistics: Vec<Statistic>, options: &Options) -> Result<Option<Self>> {
        if options.resamples == 0 || statistics.is_empty() {
            return Ok(None);
        }
        let how =
            bootstrap::Options { resamples: options.resamples, seed: options.seed, ..bootstrap::Options::default() };
        let resampled = resample(&statistics.iter().collect::<Vec<_>>(), &how)?;
        Ok(Some(Self { statistics, resampled }))
    }

    /// The BCa interval of one statistic.
    pub(super) fn interval(&self, at: usize, options: &Options) -> Result<Interval> {
        let statistic = &self.statistics[at];
        let acceleration = statistic.design().acceleration(&statistic.jackknife()?)?;
        self.resampled.distribution(at)?.bca(acceleration, options.confidence)
    }

    /// The BCa interval and the p value of the difference of two.
    pub(super) fn difference(&self, first: usize, second: usize, options: &Options) -> Result<(Interval, f64)> {
        let distribution: Distribution = self.resampled.difference(first, second)?;
        let (a, b) = (self.statistics[first].jackknife()?, self.statistics[second].jackknife()?);
        let without: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let acceleration = self.statistics[first].design().acceleration(&without)?;
        Ok((distribution.bca(acceleration, options.confidence)?, distribution.p(0.0)?))
    }
}
