//! The statistics that are computed fast.

use rayon::prelude::*;

use super::design::Design;
use super::draw::{Counts, LANES};
use super::ratio::Ratio;
use super::sorted::Sorted;
use super::{auc, precision};
use crate::sample::same_length;
use crate::{Binary, Result, Undefined};

/// A statistic of a table, prepared for resampling by a [`Design`].
#[derive(Debug, Clone)]
pub struct Statistic {
    design: Design,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Auc(Sorted),
    AveragePrecision(Sorted),
    Ratio(Ratio),
}

impl Statistic {
    /// The area under the ROC curve, ties counted half, with the sample's weights. The sample's own clusters are not used:
    /// the design's are.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`] where the design is of other rows; [`Undefined::OneClass`]; all weights of a class 0.
    pub fn auc(design: &Design, sample: &Binary) -> Result<Self> {
        Ok(Self { design: design.clone(), kind: Kind::Auc(Sorted::ascending(design, sample)?) })
    }

    /// Average precision without interpolation, ties as one step, with the sample's weights.
    ///
    /// # Errors
    ///
    /// As [`Self::auc`].
    pub fn average_precision(design: &Design, sample: &Binary) -> Result<Self> {
        Ok(Self { design: design.clone(), kind: Kind::AveragePrecision(Sorted::descending(design, sample)?) })
    }

    /// The sum of one list over the sum of another; one value a row.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`], [`Undefined::Value`] for what is not finite or a negative denominator, and
    /// [`Undefined::Degenerate`] where the denominators sum to 0.
    pub fn ratio(design: &Design, numerators: &[f64], denominators: &[f64]) -> Result<Self> {
        Ok(Self { design: design.clone(), kind: Kind::Ratio(Ratio::new(design, numerators, denominators)?) })
    }

    /// The mean of a value of each row.
    ///
    /// # Errors
    ///
    /// As [`Self::ratio`].
    pub fn mean(design: &Design, values: &[f64]) -> Result<Self> {
        Self::ratio(design, values, &vec![1.0; values.len()])
    }

    /// The share of rows with `yes` among those that `among` says: sensitivity among positives, recall rate among all.
    ///
    /// # Errors
    ///
    /// As [`Self::ratio`].
    pub fn proportion(design: &Design, yes: &[bool], among: &[bool]) -> Result<Self> {
        same_length("choices", yes.len(), among.len())?;
        let one = |is: bool| f64::from(u8::from(is));
        let above: Vec<f64> = yes.iter().zip(among).map(|(yes, among)| one(*yes && *among)).collect();
        let below: Vec<f64> = among.iter().map(|among| one(*among)).collect();
        Self::ratio(design, &above, &below)
    }

    /// The share of the positives' weight with a score of at least `threshold`.
    ///
    /// # Errors
    ///
    /// As [`Self::ratio`]; [`Undefined::Parameter`] for a threshold that is NaN.
    pub fn sensitivity(design: &Design, sample: &Binary, threshold: f64) -> Result<Self> {
        Self::rate(design, sample, threshold, |recalled, positive| (recalled && positive, positive))
    }

    /// The share of the negatives' weight with a score below `threshold`.
    ///
    /// # Errors
    ///
    /// As [`Self::sensitivity`].
    pub fn specificity(design: &Design, sample: &Binary, threshold: f64) -> Result<Self> {
        Self::rate(design, sample, threshold, |recalled, positive| (!recalled && !positive, !positive))
    }

    /// The share of all weight with a score of at least `threshold`.
    ///
    /// # Errors
    ///
    /// As [`Self::sensitivity`].
    pub fn recall_rate(design: &Design, sample: &Binary, threshold: f64) -> Result<Self> {
        Self::rate(design, sample, threshold, |recalled, _| (recalled, true))
    }

    fn rate(
        design: &Design,
        sample: &Binary,
        threshold: f64,
        counted: impl Fn(bool, bool) -> (bool, bool),
    ) -> Result<Self> {
        if threshold.is_nan() {
            let domain = "a number";
            return Err(Undefined::Parameter { what: "the threshold", value: threshold, domain });
        }
        let weigh = |row: usize, is: bool| if is { sample.weight(row) } else { 0.0 };
        let rows = sample.scores().iter().zip(sample.positive()).enumerate();
        let (above, below): (Vec<f64>, Vec<f64>) = rows
            .map(|(row, (score, positive))| {
                let (yes, among) = counted(*score >= threshold, *positive);
                (weigh(row, yes), weigh(row, among))
            })
            .unzip();
        Self::ratio(design, &above, &below)
    }

    /// What it was prepared for.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Its value for the table itself.
    pub fn observed(&self) -> f64 {
        let mut values = [0.0; LANES];
        self.evaluate(&vec![[1; LANES]; self.design.clusters()], &mut values);
        values[0]
    }

    /// Its value without each cluster, in the order of the clusters. O(rows) for the AUC and ratios; O(clusters x rows)
    /// for average precision, sixteen clusters at a time.
    ///
    /// # Errors
    ///
    /// Where it is undefined without one of them: a class or a denominator that a single cluster carries.
    pub fn jackknife(&self) -> Result<Vec<f64>> {
        let of_slot = match &self.kind {
            Kind::Auc(rows) => auc::jackknife(rows, &self.design)?,
            Kind::Ratio(ratio) => ratio.jackknife(&self.design)?,
            Kind::AveragePrecision(_) => self.delete_each(),
        };
        let undefined = "without one of the clusters the statistic is undefined";
        let all = of_slot.iter().all(|value| value.is_finite());
        if all { Ok(self.design.by_cluster(&of_slot)) } else { Err(Undefined::Degenerate(undefined)) }
    }

    fn delete_each(&self) -> Vec<f64> {
        let mut of_slot = vec![0.0; self.design.clusters()];
        let ones = || vec![[1; LANES]; self.design.clusters()];
        of_slot.par_chunks_mut(LANES).enumerate().for_each_init(ones, |counts, (block, values)| {
            let first = block * LANES;
            let mut lanes = [0.0; LANES];
            (0..values.len()).for_each(|lane| counts[first + lane][lane] = 0);
            self.evaluate(counts, &mut lanes);
            (0..values.len()).for_each(|lane| counts[first + lane][lane] = 1);
            values.copy_from_slice(&lanes[..values.len()]);
        });
        of_slot
    }

    /// Its values for a block of resamples; not finite where it is undefined.
    pub(super) fn evaluate(&self, counts: &[Counts], values: &mut [f64; LANES]) {
        match &self.kind {
            Kind::Auc(rows) => auc::evaluate(rows, counts, values),
            Kind::AveragePrecision(rows) => precision::evaluate(rows, counts, values),
            Kind::Ratio(ratio) => ratio.evaluate(counts, values),
        }
    }
}
