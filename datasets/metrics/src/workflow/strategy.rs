//! How one exam is read.

use super::Exam;
use crate::{Result, Undefined};

/// A way of reading exams. The AI flags an exam where its score is at or above the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strategy {
    /// Both readers read every exam; disagreements are arbitrated. The standard in European screening.
    DoubleReading {
        /// Who settles disagreements.
        arbiter: Arbiter,
    },
    /// The first reader alone.
    SingleReading,
    /// Exams with a score below the threshold are read by nobody and not recalled; the others are double read.
    RuleOut {
        /// The score from which on exams are read.
        threshold: f64,
        /// Who settles disagreements.
        arbiter: Arbiter,
    },
    /// Exams with a score below the threshold are read by the first reader alone; the others are double read.
    SingleBelow {
        /// The score from which on exams are double read.
        threshold: f64,
        /// Who settles disagreements.
        arbiter: Arbiter,
    },
    /// The first reader and the AI; disagreements are arbitrated.
    AiAsSecond {
        /// The score from which on the AI says recall.
        threshold: f64,
        /// Who settles disagreements.
        arbiter: Arbiter,
    },
    /// Double reading; where both readers said normal and the score is at or above a (high) threshold, the exam goes to
    /// `rescue`. [`Arbiter::AnyRecall`] there means that it is recalled without a further look.
    SafetyNet {
        /// The score from which on exams are not let go.
        threshold: f64,
        /// Who settles disagreements of the readers.
        arbiter: Arbiter,
        /// Who decides on exams that the AI alone would recall.
        rescue: Arbiter,
    },
    /// The AI alone.
    Standalone {
        /// The score from which on exams are recalled.
        threshold: f64,
    },
}

/// Who decides where two disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arbiter {
    /// What consensus or arbitration was recorded to have said; where none was recorded because both readers agreed,
    /// what they agreed on.
    Recorded,
    /// The second reader's recorded decision is final.
    Second,
    /// An arbiter who recalls cancers and nothing else: the most that arbitration can do.
    Perfect,
    /// There is no arbitration: whoever recalls, recalls.
    AnyRecall,
    /// There is no arbitration: only what both recall is recalled.
    BothRecall,
}

/// How one exam was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// First and second readings by humans.
    pub readings: u8,
    /// Whether it was arbitrated or read once more.
    pub arbitrated: bool,
    /// Whether it was recalled.
    pub recalled: bool,
}

/// What a strategy needs and an exam lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    First,
    Second,
    Consensus,
    Cancer,
}

impl Missing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "exams with a decision of the first reader",
            Self::Second => "exams with a decision of the second reader",
            Self::Consensus => "exams with a decision of consensus or arbitration",
            Self::Cancer => "exams of which it is known whether there was cancer",
        }
    }

    pub(super) fn there(self, exam: &Exam) -> bool {
        match self {
            Self::First => exam.first.is_some(),
            Self::Second => exam.second.is_some(),
            Self::Consensus => exam.consensus.is_some(),
            Self::Cancer => exam.cancer.is_some(),
        }
    }
}

type Found<T> = std::result::Result<T, Missing>;

impl Strategy {
    /// Refuses thresholds that are NaN. Infinite ones flag all or nothing.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::DoubleReading { .. } | Self::SingleReading => Ok(()),
            Self::RuleOut { threshold, .. }
            | Self::SingleBelow { threshold, .. }
            | Self::AiAsSecond { threshold, .. }
            | Self::SafetyNet { threshold, .. }
            | Self::Standalone { threshold } => match threshold.is_nan() {
                true => Err(Undefined::Parameter { what: "the threshold", value: threshold, domain: "a number" }),
                false => Ok(()),
            },
        }
    }

    /// How an exam is read.
    pub(super) fn read(self, exam: &Exam) -> Found<Reading> {
        match self {
            Self::DoubleReading { arbiter } => double(exam, arbiter),
            Self::SingleReading => single(exam),
            Self::RuleOut { threshold, .. } if exam.score < threshold => {
                Ok(Reading { readings: 0, arbitrated: false, recalled: false })
            }
            Self::SingleBelow { threshold, .. } if exam.score < threshold => single(exam),
            Self::RuleOut { arbiter, .. } | Self::SingleBelow { arbiter, .. } => double(exam, arbiter),
            Self::AiAsSecond { threshold, arbiter } => settled(exam, 1, first(exam)?, exam.score >= threshold, arbiter),
            Self::SafetyNet { threshold, arbiter, rescue } => {
                let (one, two) = (first(exam)?, second(exam)?);
                match one || two || exam.score < threshold {
                    true => double(exam, arbiter),
                    false => settled(exam, 2, false, true, rescue),
                }
            }
            Self::Standalone { threshold } => {
                Ok(Reading { readings: 0, arbitrated: false, recalled: exam.score >= threshold })
            }
        }
    }
}

fn single(exam: &Exam) -> Found<Reading> {
    Ok(Reading { readings: 1, arbitrated: false, recalled: first(exam)? })
}

fn double(exam: &Exam, arbiter: Arbiter) -> Found<Reading> {
    settled(exam, 2, first(exam)?, second(exam)?, arbiter)
}

/// What two say, by an arbiter where they disagree.
fn settled(exam: &Exam, readings: u8, one: bool, two: bool, arbiter: Arbiter) -> Found<Reading> {
    if one == two {
        return Ok(Reading { readings, arbitrated: false, recalled: one });
    }
    let (arbitrated, recalled) = match arbiter {
        Arbiter::Recorded => (true, recorded(exam)?),
        Arbiter::Second => (true, second(exam)?),
        Arbiter::Perfect => (true, exam.cancer.ok_or(Missing::Cancer)?),
        Arbiter::AnyRecall => (false, true),
        Arbiter::BothRecall => (false, false),
    };
    Ok(Reading { readings, arbitrated, recalled })
}

fn recorded(exam: &Exam) -> Found<bool> {
    match (exam.consensus, exam.first, exam.second) {
        (Some(consensus), _, _) => Ok(consensus),
        (None, Some(one), Some(two)) if one == two => Ok(one),
        (None, _, _) => Err(Missing::Consensus),
    }
}

fn first(exam: &Exam) -> Found<bool> {
    exam.first.ok_or(Missing::First)
}

fn second(exam: &Exam) -> Found<bool> {
    exam.second.ok_or(Missing::Second)
}
