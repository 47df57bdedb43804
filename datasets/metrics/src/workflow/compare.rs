//! Two strategies on the same exams.
//!
//! The tests and intervals of [`Paired`] (McNemar, Tango, ratios) take exams as independent. They are not where one woman comes to
//! several rounds: her exams are alike, and intervals and p values too small. Keep one round of each woman, or take the bootstrap by
//! woman ([`crate::bootstrap`]).

use super::{Exam, Programme, Strategy, cancers, readings, simulate};
use crate::proportions::{Bounded, Paired};
use crate::{Confidence, Result, Undefined};

/// A strategy beside the standard. In the tables, the first reading is the strategy's, the second the standard's: tests,
/// differences and margins come from [`Paired`].
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The strategy.
    pub strategy: Programme,
    /// The standard.
    pub standard: Programme,
    /// Recalls, of all exams.
    pub recalls: Paired,
    /// Recalls of cancers, of all cancers: those that the standard alone recalls are lost, those that neither recalls were
    /// missed anyway.
    pub cancers: Result<Paired>,
    /// False recalls, of all exams without cancer.
    pub false_positives: Result<Paired>,
    /// Looks by humans against the standard's, less 1: -0.44 where 44 % are saved.
    pub workload_change: Result<f64>,
}

impl Comparison {
    /// Sensitivity against the standard's. The test for a margin is [`Paired::non_inferior_ratio`] of
    /// [`Self::cancers`].
    ///
    /// # Errors
    ///
    /// Where the truth is not known, there is no cancer, or the standard finds none.
    pub fn relative_sensitivity(&self, confidence: Confidence) -> Result<Bounded> {
        self.cancers.clone()?.ratio(confidence)
    }

    /// Recall rate against the standard's.
    ///
    /// # Errors
    ///
    /// Where the standard recalls nobody.
    pub fn relative_recall_rate(&self, confidence: Confidence) -> Result<Bounded> {
        self.recalls.ratio(confidence)
    }
}

/// Reads the same exams by the strategy and by the standard.
///
/// # Errors
///
/// As [`simulate`], of both.
///
/// ```
/// use uvid_metrics::workflow::{Arbiter, Exam, Strategy, compare};
/// let exam = |score, cancer, first| Exam { score, cancer: Some(cancer), first: Some(first), second: Some(first), consensus: None };
/// let exams = [exam(0.9, true, true), exam(0.1, false, false), exam(0.2, false, false), exam(0.7, false, true)];
/// let arbiter = Arbiter::Recorded;
/// let found = compare(&exams, Strategy::RuleOut { threshold: 0.5, arbiter }, Strategy::DoubleReading { arbiter })?;
/// assert_eq!(found.workload_change, Ok(-0.5));
/// assert_eq!(found.cancers?.second_only(), 0);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn compare(exams: &[Exam], strategy: Strategy, standard: Strategy) -> Result<Comparison> {
    let recalled = |strategy| -> Result<Vec<bool>> {
        Ok(readings(exams, strategy)?.into_iter().map(|reading| reading.recalled).collect())
    };
    let (new, old) = (recalled(strategy)?, recalled(standard)?);
    let (strategy, standard) = (simulate(exams, strategy)?, simulate(exams, standard)?);
    let among = |cancer: bool| {
        let cancers = cancers(exams)?;
        let pick = |list: &[bool]| -> Vec<bool> {
            cancers.iter().zip(list).filter(|(is, _)| **is == cancer).map(|(_, recalled)| *recalled).collect()
        };
        Paired::of(&pick(&new), &pick(&old))
    };
    let workload_change = match standard.workload() {
        0 => Err(Undefined::Degenerate("no human reads in the standard: there is no workload to change")),
        looks => Ok(strategy.workload() as f64 / looks as f64 - 1.0),
    };
    Ok(Comparison {
        recalls: Paired::of(&new, &old)?,
        cancers: among(true),
        false_positives: among(false),
        workload_change,
        strategy,
        standard,
    })
}
