//! Two proportions from two samples that share no patient.

use super::solve::{Term, bisect, maximum};
use super::{Bounded, Equivalence, Proportion, above, difference_margin};
use crate::{Confidence, Interval, Result, Test, Undefined};

/// `a / b` with the interval of Katz et al. (1978): the logarithm has the variance `1/x1 - 1/n1 + 1/x2 - 1/n2`.
///
/// Likelihood ratios of a test are such ratios (Simel 1991): true positives of all positives to false positives of all
/// negatives.
///
/// # Errors
///
/// [`Undefined::Degenerate`] where either has no event, or both have nothing but events: the variance is 0 then.
///
/// ```
/// use uvid_metrics::{Confidence, proportions::{Proportion, ratio}};
/// let found = ratio(Proportion::new(30, 100)?, Proportion::new(15, 100)?, Confidence::P95)?;
/// assert_eq!(found.value, 2.0);
/// assert!((found.interval.lower - 1.1489).abs() < 1e-4);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn ratio(a: Proportion, b: Proportion, confidence: Confidence) -> Result<Bounded> {
    if a.events() == 0 || b.events() == 0 {
        return Err(Undefined::Degenerate("a proportion is 0: their ratio has no logarithm"));
    }
    // 1/x - 1/n, without the cancellation.
    let variance = |p: Proportion| p.complement().value() / p.events() as f64;
    if a.events() == a.of() && b.events() == b.of() {
        return Err(Undefined::Degenerate("both proportions are 1: the variance of their ratio is 0"));
    }
    let value = a.value() / b.value();
    Bounded::exp(value, Interval::wald(value.ln(), (variance(a) + variance(b)).sqrt(), confidence))
}

/// The odds of `a` to those of `b`, with the interval of Woolf (1955): the logarithm's variance is the sum of the four
/// cells' reciprocals.
///
/// # Errors
///
/// [`Undefined::Degenerate`] where one of the four cells is 0.
pub fn odds_ratio(a: Proportion, b: Proportion, confidence: Confidence) -> Result<Bounded> {
    let cells = [a.events(), a.complement().events(), b.events(), b.complement().events()].map(|cell| cell as f64);
    if cells.contains(&0.0) {
        return Err(Undefined::Degenerate("a cell of the table is 0: the odds ratio has no logarithm"));
    }
    let value = cells[0] / cells[1] / (cells[2] / cells[3]);
    let variance: f64 = cells.iter().map(|cell| 1.0 / cell).sum();
    Bounded::exp(value, Interval::wald(value.ln(), variance.sqrt(), confidence))
}

/// `a - b` with method 10 of Newcombe (Stat Med 1998; 17: 873-890): Wilson's intervals of both, put together.
pub fn difference_newcombe(a: Proportion, b: Proportion, confidence: Confidence) -> Bounded {
    let (of_a, of_b) = (a.wilson(confidence), b.wilson(confidence));
    let value = a.value() - b.value();
    let below = (a.value() - of_a.lower).hypot(of_b.upper - b.value());
    let over = (of_a.upper - a.value()).hypot(b.value() - of_b.lower);
    Bounded { value, interval: Interval { lower: value - below, upper: value + over }.within(-1.0, 1.0) }
}

/// `a - b` with the score interval of Miettinen & Nurminen (Stat Med 1985; 4: 213-226): all differences that the score
/// test does not reject.
///
/// statsmodels (0.15) has a count where the paper's cubic has the number of cases, and so another interval; this one is
/// that of the published examples.
pub fn difference_miettinen_nurminen(a: Proportion, b: Proportion, confidence: Confidence) -> Bounded {
    let (value, z) = (a.value() - b.value(), confidence.z());
    let score = |difference| score(a, b, difference, Variance::MiettinenNurminen);
    let lower = bisect(-1.0, value, |difference| score(difference) > z);
    let upper = bisect(value, 1.0, |difference| score(difference) > -z);
    Bounded { value, interval: Interval { lower, upper } }
}

/// The variance in the score test of a difference. Both are taken at the proportions that are most likely under the
/// hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variance {
    /// `p1 q1 / n1 + p2 q2 / n2` (Farrington & Manning 1990).
    FarringtonManning,
    /// That times `N / (N - 1)`, N cases in both samples together (Miettinen & Nurminen 1985).
    MiettinenNurminen,
}

/// Is `new` larger than `standard` less the margin? One-sided score test of `new - standard <= -margin`; the statistic
/// is z. Where less is better (recall rates), hand in the two the other way round.
///
/// # Errors
///
/// [`Undefined::Parameter`] for a margin that is not above 0 and below 1.
pub fn non_inferior(new: Proportion, standard: Proportion, margin: f64, variance: Variance) -> Result<Test> {
    Ok(above(score(new, standard, -difference_margin(margin)?, variance)))
}

/// Do both differ by less than the margin? Two one-sided score tests.
///
/// # Errors
///
/// [`Undefined::Parameter`] for a margin that is not above 0 and below 1.
pub fn equivalent(new: Proportion, standard: Proportion, margin: f64, variance: Variance) -> Result<Equivalence> {
    let margin = difference_margin(margin)?;
    Ok(Equivalence::of(score(new, standard, -margin, variance), score(new, standard, margin, variance)))
}

/// The score statistic z of `a - b = difference`. The difference must lie between -1 and 1 and not be 0 where both
/// proportions are 0, or both 1.
fn score(a: Proportion, b: Proportion, difference: f64, variance: Variance) -> f64 {
    let [x1, n1, x2, n2] = [a.events(), a.of(), b.events(), b.of()].map(|count| count as f64);
    let terms = [
        Term { weight: x1, constant: difference, slope: 1.0 },
        Term { weight: n1 - x1, constant: 1.0 - difference, slope: -1.0 },
        Term { weight: x2, constant: 0.0, slope: 1.0 },
        Term { weight: n2 - x2, constant: 1.0, slope: -1.0 },
    ];
    let second = maximum(&terms, (-difference).max(0.0), (1.0 - difference).min(1.0));
    let first = (second + difference).clamp(0.0, 1.0);
    let correction = match variance {
        Variance::FarringtonManning => 1.0,
        Variance::MiettinenNurminen => (n1 + n2) / (n1 + n2 - 1.0),
    };
    let variance = correction * (first * (1.0 - first) / n1 + second * (1.0 - second) / n2);
    (a.value() - b.value() - difference) / variance.sqrt()
}
