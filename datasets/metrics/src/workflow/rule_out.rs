//! What lies below a threshold.

use super::{Arbiter, Exam, Strategy, cancers, count, readings};
use crate::proportions::Proportion;
use crate::{Result, Undefined};

/// Exams with a score below the threshold, and what would be lost by not reading them.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOut {
    /// They, of all exams.
    pub below: Proportion,
    /// Cancers among them. [`Undefined::TooFew`] where the truth of an exam is not known.
    pub cancers: Result<u64>,
    /// Cancers among them that double reading found: they would be lost. Undefined, as the next two, where the readers'
    /// decisions are missing as well.
    pub lost: Result<u64>,
    /// Cancers among them that double reading did not find either.
    pub missed_anyway: Result<u64>,
    /// Recalls without cancer among them that would be spared.
    pub false_positives_spared: Result<u64>,
}

/// What ruling out below a threshold would cost against double reading with this arbiter.
///
/// # Errors
///
/// [`Undefined::Empty`] for no exams; [`Undefined::Value`] for a score that is not finite; [`Undefined::Parameter`] for a
/// threshold that is NaN.
pub fn rule_out(exams: &[Exam], threshold: f64, arbiter: Arbiter) -> Result<RuleOut> {
    // What the AI alone does needs scores only, and checks them.
    let flagged = readings(exams, Strategy::Standalone { threshold })?;
    let below: Vec<bool> = flagged.iter().map(|reading| !reading.recalled).collect();
    let cancers = cancers(exams);
    let standard = readings(exams, Strategy::DoubleReading { arbiter });
    let counted = |cancer: bool, recalled: bool| {
        let (cancers, standard) =
            (cancers.as_ref().map_err(Undefined::clone)?, standard.as_ref().map_err(Undefined::clone)?);
        Ok(count(
            (0..exams.len()).map(|row| below[row] && (cancers[row], standard[row].recalled) == (cancer, recalled)),
        ))
    };
    Ok(RuleOut {
        below: Proportion::count(below.iter().copied())?,
        lost: counted(true, true),
        missed_anyway: counted(true, false),
        false_positives_spared: counted(false, true),
        cancers: cancers
            .clone()
            .map(|cancers| count(below.iter().zip(&cancers).map(|(below, cancer)| *below && *cancer))),
    })
}
