//! The threshold for an aim.

use super::{Rate, Totals};
use crate::ranks::order;
use crate::{Binary, Result, Undefined};

/// What a threshold is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// The lowest threshold whose specificity is at least this, 0 to 1.
    Specificity(f64),
    /// The highest threshold whose sensitivity is at least this, 0 to 1.
    Sensitivity(f64),
    /// The lowest threshold that flags at most this share, 0 to 1.
    RecallRate(f64),
    /// The threshold with the largest Youden index; of several, the highest.
    Youden,
}

/// A threshold and what it reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// The threshold: an observed score, or the next number above the largest one, at which nothing is flagged.
    pub threshold: f64,
    /// What it reaches on the sample on which it was chosen (which is optimistic: judge it on another one).
    pub reached: Totals,
}

/// Weighted sums are rounded; this share of the whole counts as nothing.
const ROUNDING: f64 = 1e-12;

/// The threshold for an aim. Candidates are the observed scores and the next number above the largest; equal scores are on
/// the same side, so an aim may be overshot, and what was reached is said. With weights, rates are of weights, and an aim
/// counts as reached within 1e-12.
///
/// # Errors
///
/// [`Undefined::Parameter`] for an aim outside 0 to 1. [`Undefined::OneClass`] where the class is not there that the aim is
/// about (both for Youden's index), and [`Undefined::Degenerate`] where its weights are all 0.
///
/// ```
/// use uvid_metrics::{Binary, operating_point::{Aim, Rate, choose}};
/// let sample = Binary::new(&[0.1, 0.2, 0.2, 0.4, 0.6, 0.3], &[false, false, false, false, true, true])?;
/// let found = choose(&sample, Aim::Specificity(0.5))?;
/// assert_eq!(found.threshold, 0.3);
/// assert_eq!(found.reached.rate(Rate::Specificity)?, 0.75);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn choose(sample: &Binary, aim: Aim) -> Result<Chosen> {
    let (target, needs_positives, needs_negatives) = match aim {
        Aim::Specificity(target) => (target, false, true),
        Aim::Sensitivity(target) => (target, true, false),
        Aim::RecallRate(target) => (target, false, false),
        Aim::Youden => (0.0, true, true),
    };
    if !(0.0..=1.0).contains(&target) {
        return Err(Undefined::Parameter { what: "the aim", value: target, domain: "from 0 to 1" });
    }
    let (positives, negatives) = sample.counts();
    if (needs_positives && positives == 0) || (needs_negatives && negatives == 0) {
        return Err(Undefined::OneClass { positives, negatives });
    }
    let candidates = candidates(sample)?;
    // Sums of counts are exact, and so is what is compared to them.
    let slack = if sample.weights().is_some() { ROUNDING } else { 0.0 };
    let rate = |candidate: &Chosen, rate: Rate| candidate.reached.rate(rate);
    let chosen = match aim {
        Aim::Specificity(_) => {
            rate(&candidates[0], Rate::Specificity)?;
            let reaches = |at: &&Chosen| rate(at, Rate::Specificity).is_ok_and(|found| found >= target - slack);
            candidates.iter().rev().find(reaches)
        }
        Aim::Sensitivity(_) => {
            rate(&candidates[0], Rate::Sensitivity)?;
            let reaches = |at: &&Chosen| rate(at, Rate::Sensitivity).is_ok_and(|found| found >= target - slack);
            candidates.iter().find(reaches)
        }
        Aim::RecallRate(_) => {
            let reaches = |at: &&Chosen| rate(at, Rate::RecallRate).is_ok_and(|found| found <= target + slack);
            candidates.iter().rev().find(reaches)
        }
        Aim::Youden => {
            candidates[0].reached.youden()?;
            largest_youden(&candidates, sample.weights().is_some())
        }
    };
    let threshold = chosen.ok_or(Undefined::Degenerate("no threshold reaches the aim"))?.threshold;
    // Summed anew, so that it is the same as whoever uses the threshold will find.
    Ok(Chosen { threshold, reached: Totals::at(sample, threshold)? })
}

fn largest_youden(candidates: &[Chosen], weighted: bool) -> Option<&Chosen> {
    let mut best: Option<(f64, &Chosen)> = None;
    for candidate in candidates {
        let at = candidate.reached;
        let scaled = match weighted {
            true => at.youden().ok()?,
            // Times both classes: whole numbers where rows are counted, so that equal ones are equal.
            false => at.true_positives * at.negatives() - at.false_positives * at.positives(),
        };
        if best.is_none_or(|(most, _)| scaled > most + if weighted { ROUNDING } else { 0.0 }) {
            best = Some((scaled, candidate));
        }
    }
    best.map(|(_, chosen)| chosen)
}

/// Every threshold that makes a difference, highest first.
fn candidates(sample: &Binary) -> Result<Vec<Chosen>> {
    let scores = sample.scores();
    let order = order(scores);
    let nothing = scores[order[order.len() - 1]].next_up();
    if !nothing.is_finite() {
        return Err(Undefined::Degenerate("the largest score is the largest number: no threshold is above it"));
    }
    let mut at = Totals::at(sample, nothing)?;
    let (positives, negatives) = (at.positives(), at.negatives());
    let mut found = vec![Chosen { threshold: nothing, reached: at }];
    let highest_first: Vec<usize> = order.into_iter().rev().collect();
    for tied in highest_first.chunk_by(|a, b| scores[*a] == scores[*b]) {
        for row in tied {
            *at.cell(true, sample.positive()[*row]) += sample.weight(*row);
        }
        at.false_negatives = (positives - at.true_positives).max(0.0);
        at.true_negatives = (negatives - at.false_positives).max(0.0);
        found.push(Chosen { threshold: scores[tied[0]], reached: at });
    }
    Ok(found)
}
