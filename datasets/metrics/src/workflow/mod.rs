//! What a programme would see: triage, AI as a reader, safety net, standalone; beside double reading.
//!
//! Input is what was recorded of each [`Exam`]: the AI's score, what both readers and the consensus said, and whether
//! there was cancer. A [`Strategy`] says from that alone how the exam would have been read; [`simulate`] counts,
//! [`compare`] counts two strategies on the same exams and tests the difference.
//!
//! Readers' decisions are replayed as they were made. What a simulation cannot know: that readers decide otherwise when
//! they see the AI's result, or when easy exams no longer reach them; and that a cancer found earlier by the AI may have
//! been recorded as none. Readers who gave probabilities need a threshold first, which is the caller's.
//!
//! Nothing is guessed: where a strategy needs a decision that was not recorded, there is no result, and the error says
//! for how many exams it was there. Without the truth of every exam, cancers are not counted, and all else is.

mod compare;
mod rule_out;
mod strategy;

pub use compare::{Comparison, compare};
pub use rule_out::{RuleOut, rule_out};
pub use strategy::{Arbiter, Reading, Strategy};

use crate::proportions::Proportion;
use crate::{Result, Undefined};

/// What was recorded of one exam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exam {
    /// The AI's score: larger is more suspicious. Finite.
    pub score: f64,
    /// Whether there was cancer: found in this round, or in the interval, by the study's definition. `None` where it is not
    /// known.
    pub cancer: Option<bool>,
    /// Whether the first reader recalled.
    pub first: Option<bool>,
    /// Whether the second reader recalled.
    pub second: Option<bool>,
    /// Whether consensus or arbitration recalled.
    pub consensus: Option<bool>,
}

/// What a strategy comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Programme {
    /// Exams, all of them.
    pub exams: u64,
    /// First and second readings by humans.
    pub readings: u64,
    /// Arbitrations and re-readings, each one more look by a human.
    pub arbitrations: u64,
    /// Exams recalled.
    pub recalls: u64,
    /// What became of the cancers; [`Undefined::TooFew`] where the truth of an exam is not known.
    pub truth: Result<Truth>,
}

/// Recalls beside the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Cancers recalled.
    pub detected: u64,
    /// Cancers not recalled.
    pub missed: u64,
    /// Recalls without cancer.
    pub false_positives: u64,
}

impl Programme {
    /// Recalls, of all exams.
    ///
    /// # Errors
    ///
    /// None for what [`simulate`] returns.
    pub fn recall_rate(&self) -> Result<Proportion> {
        Proportion::new(self.recalls, self.exams)
    }

    /// Cancers detected, of all exams.
    ///
    /// # Errors
    ///
    /// Where the truth is not known.
    pub fn detection_rate(&self) -> Result<Proportion> {
        Proportion::new(self.truth.as_ref().map_err(Clone::clone)?.detected, self.exams)
    }

    /// Cancers detected, of all cancers.
    ///
    /// # Errors
    ///
    /// Where the truth is not known, or there is no cancer.
    pub fn sensitivity(&self) -> Result<Proportion> {
        let truth = self.truth.clone()?;
        Proportion::new(truth.detected, truth.detected + truth.missed)
    }

    /// Exams not recalled, of all without cancer.
    ///
    /// # Errors
    ///
    /// Where the truth is not known, or all have cancer.
    pub fn specificity(&self) -> Result<Proportion> {
        let truth = self.truth.clone()?;
        let healthy = self.exams - truth.detected - truth.missed;
        Proportion::new(healthy - truth.false_positives, healthy)
    }

    /// Looks by humans: readings and arbitrations.
    pub fn workload(&self) -> u64 {
        self.readings + self.arbitrations
    }

    /// A count per 1000 exams.
    pub fn per_1000(&self, count: u64) -> f64 {
        1000.0 * count as f64 / self.exams as f64
    }
}

/// Counts what the strategy does with these exams.
///
/// # Errors
///
/// [`Undefined::Empty`] for no exams; [`Undefined::Value`] for a score that is not finite; [`Undefined::Parameter`] for a
/// threshold that is NaN; [`Undefined::TooFew`] where a decision is missing that the strategy needs.
///
/// ```
/// use uvid_metrics::workflow::{Arbiter, Exam, Strategy, simulate};
/// let exam = |score, cancer, first, second| Exam {
///     score, cancer: Some(cancer), first: Some(first), second: Some(second), consensus: None,
/// };
/// let exams = [exam(0.9, true, false, true), exam(0.1, false, true, true), exam(0.2, false, false, false)];
/// let found = simulate(&exams, Strategy::AiAsSecond { threshold: 0.5, arbiter: Arbiter::Second })?;
/// assert_eq!((found.readings, found.arbitrations, found.recalls), (3, 2, 2));
/// assert_eq!(found.truth?.detected, 1);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn simulate(exams: &[Exam], strategy: Strategy) -> Result<Programme> {
    let readings = readings(exams, strategy)?;
    let recalled: Vec<bool> = readings.iter().map(|reading| reading.recalled).collect();
    Ok(Programme {
        exams: exams.len() as u64,
        readings: readings.iter().map(|reading| u64::from(reading.readings)).sum(),
        arbitrations: count(readings.iter().map(|reading| reading.arbitrated)),
        recalls: count(recalled.iter().copied()),
        truth: cancers(exams).map(|cancers| Truth {
            detected: count(cancers.iter().zip(&recalled).map(|(cancer, recalled)| *cancer && *recalled)),
            missed: count(cancers.iter().zip(&recalled).map(|(cancer, recalled)| *cancer && !*recalled)),
            false_positives: count(cancers.iter().zip(&recalled).map(|(cancer, recalled)| !*cancer && *recalled)),
        }),
    })
}

/// How each exam would be read.
///
/// # Errors
///
/// As [`simulate`].
pub fn readings(exams: &[Exam], strategy: Strategy) -> Result<Vec<Reading>> {
    if exams.is_empty() {
        return Err(Undefined::Empty("exams"));
    }
    if let Some((row, exam)) = exams.iter().enumerate().find(|(_, exam)| !exam.score.is_finite()) {
        return Err(Undefined::Value { what: "the score", row, value: exam.score, domain: "a finite number" });
    }
    strategy.check()?;
    let read: Vec<_> = exams.iter().map(|exam| strategy.read(exam)).collect();
    if let Some(missing) = read.iter().find_map(|reading| reading.err()) {
        let found = exams.iter().filter(|exam| missing.there(exam)).count();
        let lacking = read.iter().filter(|reading| reading.err() == Some(missing)).count();
        return Err(Undefined::TooFew { what: missing.name(), found, needed: found + lacking });
    }
    Ok(read.into_iter().flatten().collect())
}

/// Which exams are cancers.
fn cancers(exams: &[Exam]) -> Result<Vec<bool>> {
    let known: Vec<bool> = exams.iter().filter_map(|exam| exam.cancer).collect();
    if known.len() < exams.len() {
        let what = "exams of which it is known whether there was cancer";
        return Err(Undefined::TooFew { what, found: known.len(), needed: exams.len() });
    }
    Ok(known)
}

fn count(yes: impl Iterator<Item = bool>) -> u64 {
    yes.filter(|yes| *yes).count() as u64
}

#[cfg(test)]
mod tests;
