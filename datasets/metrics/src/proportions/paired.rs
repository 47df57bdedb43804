//! Two readings of the same cases.

use super::solve::{Term, bisect, maximum};
use super::{Bounded, Equivalence, MOST, Proportion, above, difference_margin};
use crate::distributions::{binomial_cdf, binomial_probability, chi_squared_upper};
use crate::sample::same_length;
use crate::{Confidence, Interval, Result, Test, Undefined};

/// The table of two readings of the same cases: who said yes.
///
/// Invariant: at least one case, no more than ten million.
///
/// Below, `n` is all cases, `b` and `c` are those to which the first alone, the second alone, said yes.
///
/// ```
/// use uvid_metrics::{Confidence, proportions::{McNemar, Paired}};
/// // Airway hyper-responsiveness before and after a transplantation: Fagerland, Lydersen & Laake (2014), table I.
/// let table = Paired::new(1, 1, 7, 12)?;
/// let found = table.difference_tango(Confidence::P95).interval;
/// assert!((found.lower + 0.517).abs() < 5e-4 && (found.upper + 0.026).abs() < 5e-4);
/// assert!((table.mcnemar(McNemar::Exact)?.p - 0.0703125).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Paired {
    both: u64,
    first_only: u64,
    second_only: u64,
    neither: u64,
}

/// Which of McNemar's tests (1947).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum McNemar {
    /// Two-sided binomial test of the discordant cases at 1/2. The statistic is the smaller of their two counts.
    Exact,
    /// That with half of the probability of outcomes as extreme as the one observed: Fagerland, Lydersen & Laake
    /// (2013). Less conservative.
    MidP,
    /// `(b - c)^2 / (b + c)`, chi-squared with one degree of freedom.
    Asymptotic,
    /// `(|b - c| - 1)^2 / (b + c)`, at least 0 (statsmodels has `1 / (b + c)` where b = c): with continuity correction
    /// (Edwards 1948).
    Corrected,
}

impl Paired {
    /// From the four cells.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where all are 0; [`Undefined::Parameter`] for more than ten million cases.
    pub fn new(both: u64, first_only: u64, second_only: u64, neither: u64) -> Result<Self> {
        let total = [first_only, second_only, neither].iter().try_fold(both, |sum, cell| sum.checked_add(*cell));
        match total {
            Some(0) => Err(Undefined::Empty("cases")),
            Some(1..=MOST) => Ok(Self { both, first_only, second_only, neither }),
            Some(_) | None => {
                let value = total.map_or(u64::MAX as f64, |total| total as f64);
                Err(Undefined::Parameter { what: "the number of cases", value, domain: "at most 10,000,000" })
            }
        }
    }

    /// From two readings of each case.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`] where they are not equally many; else as [`Self::new`].
    pub fn of(first: &[bool], second: &[bool]) -> Result<Self> {
        same_length("second readings", first.len(), second.len())?;
        let count = |a, b| first.iter().zip(second).filter(|pair| *pair == (&a, &b)).count() as u64;
        Self::new(count(true, true), count(true, false), count(false, true), count(false, false))
    }

    /// Cases to which both said yes.
    pub fn both(self) -> u64 {
        self.both
    }

    /// Cases to which the first alone said yes.
    pub fn first_only(self) -> u64 {
        self.first_only
    }

    /// Cases to which the second alone said yes.
    pub fn second_only(self) -> u64 {
        self.second_only
    }

    /// Cases to which neither said yes.
    pub fn neither(self) -> u64 {
        self.neither
    }

    /// All cases.
    pub fn total(self) -> u64 {
        self.both + self.first_only + self.second_only + self.neither
    }

    /// What the first said yes to.
    pub fn first(self) -> Proportion {
        Proportion { events: self.both + self.first_only, of: self.total() }
    }

    /// What the second said yes to.
    pub fn second(self) -> Proportion {
        Proportion { events: self.both + self.second_only, of: self.total() }
    }

    /// The same table with the two readings exchanged.
    #[must_use]
    pub fn exchanged(self) -> Self {
        Self { first_only: self.second_only, second_only: self.first_only, ..self }
    }

    /// Do both say yes equally often?
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where no case is discordant, other than for [`McNemar::Exact`], whose p is 1 there.
    pub fn mcnemar(self, which: McNemar) -> Result<Test> {
        let (less, discordant) = (self.first_only.min(self.second_only), self.first_only + self.second_only);
        if discordant == 0 && which != McNemar::Exact {
            return Err(Undefined::Degenerate("no case is discordant: McNemar's test has nothing to go by"));
        }
        let more = discordant - less;
        let tail = || 2.0 * binomial_cdf(less, discordant, 0.5);
        let observed = || binomial_probability(less, discordant, 0.5);
        let chi_squared = |difference: f64| {
            let statistic = difference * difference / discordant as f64;
            Test { statistic, p: chi_squared_upper(statistic, 1.0) }
        };
        Ok(match which {
            McNemar::Exact => Test { statistic: less as f64, p: tail().min(1.0) },
            // Where both counts are equal there is one most central outcome, not two equally extreme ones.
            McNemar::MidP if less == more => Test { statistic: less as f64, p: 1.0 - observed() / 2.0 },
            McNemar::MidP => Test { statistic: less as f64, p: (tail() - observed()).clamp(0.0, 1.0) },
            McNemar::Asymptotic => chi_squared((more - less) as f64),
            McNemar::Corrected => chi_squared((more - less).saturating_sub(1) as f64),
        })
    }

    /// `(b - c) / n`: the first proportion less the second.
    pub fn difference(self) -> f64 {
        (self.first_only as f64 - self.second_only as f64) / self.total() as f64
    }

    /// The difference with method 10 of Newcombe (Stat Med 1998; 17: 2635-2650): Wilson's intervals of both proportions,
    /// put together with their correlation phi, whose numerator is made smaller by n/2, not below 0, where it is
    /// positive. Phi is 0 where a margin of the table is.
    pub fn difference_newcombe(self, confidence: Confidence) -> Bounded {
        let (first, second) = (self.first(), self.second());
        let (p1, p2) = (first.value(), second.value());
        let (of_first, of_second) = (first.wilson(confidence), second.wilson(confidence));
        let phi = self.correlation();
        let joined = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
        let value = self.difference();
        let lower = value - joined(p1 - of_first.lower, of_second.upper - p2);
        let upper = value + joined(of_first.upper - p1, p2 - of_second.lower);
        Bounded { value, interval: Interval { lower, upper }.within(-1.0, 1.0) }
    }

    fn correlation(self) -> f64 {
        let [a, b, c, d] = [self.both, self.first_only, self.second_only, self.neither].map(|cell| cell as f64);
        let margins = (a + b).sqrt() * (c + d).sqrt() * (a + c).sqrt() * (b + d).sqrt();
        if margins == 0.0 {
            return 0.0;
        }
        let numerator = a * d - b * c;
        (if numerator > 0.0 { (numerator - (a + b + c + d) / 2.0).max(0.0) } else { numerator }) / margins
    }

    /// The difference with the score interval of Tango (Stat Med 1998; 17: 891-908): all differences that the score
    /// test does not reject.
    pub fn difference_tango(self, confidence: Confidence) -> Bounded {
        let (value, z) = (self.difference(), confidence.z());
        let lower = bisect(-1.0, value, |difference| self.difference_score(difference) > z);
        let upper = bisect(value, 1.0, |difference| self.difference_score(difference) > -z);
        Bounded { value, interval: Interval { lower, upper } }
    }

    /// Does the first (the new one) say yes at least as often as the second less the margin? One-sided score test
    /// (Tango 1998) of `first - second <= -margin`; the statistic is z.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a margin that is not above 0 and below 1.
    pub fn non_inferior(self, margin: f64) -> Result<Test> {
        Ok(above(self.difference_score(-difference_margin(margin)?)))
    }

    /// Do both differ by less than the margin? Two one-sided score tests (Tango 1998).
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a margin that is not above 0 and below 1.
    pub fn equivalent(self, margin: f64) -> Result<Equivalence> {
        let margin = difference_margin(margin)?;
        Ok(Equivalence::of(self.difference_score(-margin), self.difference_score(margin)))
    }

    /// Tango's z: `(b - c - n d) / sqrt(n (p12 + p21 - d^2))` with the discordant shares that are most likely where their
    /// difference is d. Between -1 and 1, and not 0 where no case is discordant.
    fn difference_score(self, d: f64) -> f64 {
        let [b, c, n] = [self.first_only, self.second_only, self.total()].map(|count| count as f64);
        let terms = [
            Term { weight: b, constant: d, slope: 1.0 },
            Term { weight: c, constant: 0.0, slope: 1.0 },
            Term { weight: n - b - c, constant: 1.0 - d, slope: -2.0 },
        ];
        let p21 = maximum(&terms, (-d).max(0.0), (1.0 - d) / 2.0);
        // p12 + p21 - d^2 with p12 = p21 + d.
        (b - c - n * d) / (n * (2.0 * p21 + d * (1.0 - d))).sqrt()
    }
}
