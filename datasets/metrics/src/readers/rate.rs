//! Sensitivity and specificity of readers' decisions as figures of merit.

use super::{FigureOfMerit, Study};
use crate::{Result, Undefined};

/// The share of positive cases scored at least a threshold, or of negative cases scored below it.
///
/// The bootstrap draws units with a case of the class and those without apart.
#[derive(Debug, Clone)]
pub struct Rate {
    modalities: usize,
    readers: usize,
    /// Cases of the class, by unit.
    of_class: Vec<f64>,
    /// Those decided rightly, by unit; one list for each modality and reader.
    right: Vec<Vec<f64>>,
}

impl Rate {
    /// The share of positive cases with a score of at least `threshold`.
    ///
    /// ```
    /// use uvid_metrics::readers::{Figures, Random, Rate, Study};
    ///
    /// let decisions = vec![vec![1., 1., 0., 0., 0., 1.], vec![1., 0., 0., 0., 1., 0.]];
    /// let study = Study::new(&[decisions], &[true, true, true, false, false, false])?;
    /// let mean = Figures::jackknife(&Rate::sensitivity(&study, 0.5)?)?.modality(0, Random::ReadersAndCases)?;
    /// assert!((mean.value - 0.5).abs() < 1e-12);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a threshold that is not finite.
    pub fn sensitivity(study: &Study, threshold: f64) -> Result<Self> {
        Self::of(study, threshold, true)
    }

    /// The share of negative cases with a score below `threshold`.
    ///
    /// # Errors
    ///
    /// As [`Self::sensitivity`].
    pub fn specificity(study: &Study, threshold: f64) -> Result<Self> {
        Self::of(study, threshold, false)
    }

    fn of(study: &Study, threshold: f64, class: bool) -> Result<Self> {
        if !threshold.is_finite() {
            return Err(Undefined::Parameter { what: "the threshold", value: threshold, domain: "finite" });
        }
        let (unit, units) = study.units();
        let cases: Vec<usize> = (0..study.cases()).filter(|case| study.positive()[*case] == class).collect();
        let count = |counted: &dyn Fn(usize) -> bool| {
            let mut by_unit = vec![0.0; units];
            cases.iter().filter(|case| counted(**case)).for_each(|case| by_unit[unit[*case]] += 1.0);
            by_unit
        };
        let mut right = Vec::with_capacity(study.modalities() * study.readers());
        for modality in 0..study.modalities() {
            for reader in 0..study.readers() {
                let scores = study.of(modality, reader);
                right.push(count(&|case| (scores[case] >= threshold) == class));
            }
        }
        Ok(Self { modalities: study.modalities(), readers: study.readers(), of_class: count(&|_| true), right })
    }
}

impl FigureOfMerit for Rate {
    fn modalities(&self) -> usize {
        self.modalities
    }

    fn readers(&self) -> usize {
        self.readers
    }

    fn units(&self) -> usize {
        self.of_class.len()
    }

    fn stratum(&self, unit: usize) -> usize {
        usize::from(self.of_class[unit] > 0.0)
    }

    fn value(&self, modality: usize, reader: usize, counts: &[u32]) -> Result<f64> {
        let total = |list: &[f64]| list.iter().zip(counts).map(|(x, count)| x * f64::from(*count)).sum::<f64>();
        match total(&self.of_class) {
            0.0 => Err(Undefined::Empty("cases of the class")),
            all => Ok(total(&self.right[modality * self.readers + reader]) / all),
        }
    }
}
