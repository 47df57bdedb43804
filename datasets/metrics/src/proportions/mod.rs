//! Proportions, their intervals, ratios, differences and tests.
//!
//! | question | function | source |
//! |---|---|---|
//! | one proportion | [`Proportion::clopper_pearson`], [`Proportion::wilson`] | Clopper & Pearson 1934; Wilson 1927 |
//! | ratio of two samples | [`ratio`] | Katz 1978; likelihood ratios: Simel 1991 |
//! | difference of two samples | [`difference_newcombe`], [`difference_miettinen_nurminen`] | Newcombe 1998a; Miettinen & Nurminen 1985 |
//! | margins, two samples | [`non_inferior`], [`equivalent`] | Farrington & Manning 1990; Miettinen & Nurminen 1985 |
//! | two readings of the same cases | [`Paired`]: McNemar, differences, ratio, margins | Newcombe 1998b; Tango 1998; Nam & Blackwelder 2002 |
//! | several breasts or lesions of one patient | [`clustered`], [`ratio_of_totals`] | Rao & Scott 1992 |
//!
//! Score methods need nuisance parameters fitted under the hypothesis. They are found here by bisection of the
//! likelihood's derivative, which is monotone, not by the closed forms of the papers, which cancel for rare events.

mod clustered;
mod independent;
mod paired;
mod paired_ratio;
mod solve;

pub use clustered::{clustered, ratio_of_totals};
pub use independent::{
    Variance, difference_miettinen_nurminen, difference_newcombe, equivalent, non_inferior, odds_ratio, ratio,
};
pub use paired::{McNemar, Paired};

use crate::distributions::{beta_quantile, normal_cdf};
use crate::{Confidence, Estimate, Interval, Result, Test, Undefined};

/// Cases that are counted at most. Up to here exact tests agree with sums of forty digits to nine digits, and exact intervals with
/// scipy.
const MOST: u64 = 10_000_000;

/// So many events of so many cases.
///
/// Invariant: at least one case, no more events than cases, no more than ten million cases.
///
/// ```
/// use uvid_metrics::{Confidence, proportions::Proportion};
/// let sensitivity = Proportion::new(81, 263)?;
/// let interval = sensitivity.wilson(Confidence::P95);
/// assert!((interval.lower - 0.2553).abs() < 1e-4 && (interval.upper - 0.3662).abs() < 1e-4);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Proportion {
    events: u64,
    of: u64,
}

impl Proportion {
    /// `events` of `of` cases.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] for a proportion of nothing; [`Undefined::Parameter`] for more events than cases, or
    /// more than ten million cases.
    pub fn new(events: u64, of: u64) -> Result<Self> {
        if of == 0 {
            return Err(Undefined::Empty("cases to take a proportion of"));
        }
        if of > MOST {
            return Err(Undefined::Parameter {
                what: "the number of cases",
                value: of as f64,
                domain: "at most 10,000,000",
            });
        }
        if events > of {
            let domain = "at most the number of cases";
            return Err(Undefined::Parameter { what: "the number of events", value: events as f64, domain });
        }
        Ok(Self { events, of })
    }

    /// How many rows say yes.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where there are none; [`Undefined::Parameter`] for more than ten million.
    pub fn count(rows: impl IntoIterator<Item = bool>) -> Result<Self> {
        let (events, of) = rows.into_iter().fold((0, 0), |(events, of), yes| (events + u64::from(yes), of + 1));
        Self::new(events, of)
    }

    /// The cases with the event.
    pub fn events(self) -> u64 {
        self.events
    }

    /// All cases.
    pub fn of(self) -> u64 {
        self.of
    }

    /// The share, 0 to 1.
    pub fn value(self) -> f64 {
        self.events as f64 / self.of as f64
    }

    /// The cases without the event, of all.
    #[must_use]
    pub fn complement(self) -> Self {
        Self { events: self.of - self.events, of: self.of }
    }

    /// The share with its binomial standard error `sqrt(p (1 - p) / n)`: 0 where all or none have the event, so prefer
    /// the intervals below.
    pub fn estimate(self) -> Estimate {
        let p = self.value();
        Estimate { value: p, standard_error: (p * self.complement().value() / self.of as f64).sqrt() }
    }

    /// The exact interval of Clopper & Pearson (1934): quantiles of beta distributions. It covers at least as often as it
    /// says, and usually more often.
    pub fn clopper_pearson(self, confidence: Confidence) -> Interval {
        let (events, others) = (self.events as f64, (self.of - self.events) as f64);
        let tail = confidence.alpha() / 2.0;
        Interval {
            lower: if self.events == 0 { 0.0 } else { beta_quantile(events, others + 1.0, tail) },
            // The mirrored quantile: near 1 the tail itself is not lost in rounding.
            upper: if self.events == self.of { 1.0 } else { 1.0 - beta_quantile(others, events + 1.0, tail) },
        }
    }

    /// The score interval of Wilson (1927), without continuity correction: it covers about as often as it says, for few
    /// cases as well.
    pub fn wilson(self, confidence: Confidence) -> Interval {
        let (n, p, z) = (self.of as f64, self.value(), confidence.z());
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * self.complement().value() / n + z * z / (4.0 * n * n)).sqrt();
        let lower = if self.events == 0 { 0.0 } else { middle - half };
        let upper = if self.events == self.of { 1.0 } else { middle + half };
        Interval { lower, upper }.within(0.0, 1.0)
    }
}

/// A value with an interval that does not follow from a standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The estimate.
    pub value: f64,
    /// Its confidence interval; the value lies within.
    pub interval: Interval,
}

impl Bounded {
    /// The exponential of an estimate on the logarithmic scale.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where an end is too large for a number of 64 bits.
    pub(crate) fn exp(value: f64, ln: Interval) -> Result<Self> {
        let bounded = Self { value, interval: Interval { lower: ln.lower.exp(), upper: ln.upper.exp() } };
        let finite = value.is_finite() && bounded.interval.upper.is_finite() && bounded.interval.lower.is_finite();
        finite.then_some(bounded).ok_or(Undefined::Degenerate("the interval is too wide for a number"))
    }
}

/// Two one-sided tests (Schuirmann 1987): equivalence is shown where both are significant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// Not below the lower margin: statistic z, one-sided p.
    pub not_below: Test,
    /// Not above the upper margin: statistic z, one-sided p.
    pub not_above: Test,
    /// The larger of both p values.
    pub p: f64,
}

impl Equivalence {
    fn of(lower_z: f64, upper_z: f64) -> Self {
        let (not_below, not_above) = (above(lower_z), Test { statistic: upper_z, p: normal_cdf(upper_z) });
        Self { not_below, not_above, p: not_below.p.max(not_above.p) }
    }
}

/// One-sided: small p where the statistic is large.
fn above(statistic: f64) -> Test {
    Test { statistic, p: normal_cdf(-statistic) }
}

/// Refuses margins of differences that are not above 0 and below 1.
fn difference_margin(margin: f64) -> Result<f64> {
    if margin > 0.0 && margin < 1.0 {
        Ok(margin)
    } else {
        Err(Undefined::Parameter { what: "the margin", value: margin, domain: "above 0 and below 1" })
    }
}

#[cfg(test)]
mod tests;
