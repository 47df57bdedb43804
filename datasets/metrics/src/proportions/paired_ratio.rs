//! The ratio of two readings of the same cases: relative sensitivity, relative recall rate.
//!
//! The score test of `p1 / p2 = r` (Nam & Blackwelder, Stat Med 2002; 21: 689-699; Tang, Tang & Chan, Stat Med 2003; 22:
//! 1217-1233): `z = (x1 - r x2) / sqrt(n r (p12 + p21))`, where x1 and x2 are the cases to which the first, the second
//! said yes, and p12 and p21 the discordant shares that are most likely where the ratio is r.
//!
//! Of the likelihood's equations one can be solved by hand: the share of cases to which neither said yes is the one
//! observed. With s = 1 less that share and m = p2 the others are p11 = (1 + r) m - s, p12 = s - m, p21 = s - r m.

use super::solve::{Term, bisect, maximum};
use super::{Bounded, Equivalence, Paired, above};
use crate::{Confidence, Interval, Result, Test, Undefined};

impl Paired {
    /// The first proportion divided by the second, with the score interval (Tang, Tang & Chan 2003): all ratios that the
    /// score test does not reject.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the second said yes to nothing.
    ///
    /// ```
    /// use uvid_metrics::{Confidence, proportions::Paired};
    /// // Cancers found by a programme with AI, and by double reading.
    /// let relative = Paired::new(90, 4, 6, 20)?.ratio(Confidence::P95)?;
    /// assert!((relative.value - 94.0 / 96.0).abs() < 1e-12);
    /// assert!(relative.interval.lower > 0.90 && relative.interval.upper < 1.06);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn ratio(self, confidence: Confidence) -> Result<Bounded> {
        let (x1, x2) = (self.first().events() as f64, self.second().events() as f64);
        if x2 == 0.0 {
            return Err(Undefined::Degenerate("the second proportion is 0: there is no ratio"));
        }
        let (value, z) = (x1 / x2, confidence.z());
        let lower = bisect(0.0, value, |ratio| self.ratio_score(ratio) > z);
        // Not from the value itself, at which z is 0, or 0 / 0 where no case is discordant.
        let mut most = 2.0 * value.max(1.0);
        while self.ratio_score(most) > -z && most < 1e300 {
            most *= 2.0;
        }
        let upper = bisect(value, most, |ratio| self.ratio_score(ratio) > -z);
        Ok(Bounded { value, interval: Interval { lower, upper } })
    }

    /// Is the ratio of the first (the new one) to the second above `least`, such as 0.95? One-sided score test (Nam &
    /// Blackwelder 2002); the statistic is z.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a ratio that is not above 0 and below 1; [`Undefined::Degenerate`] where neither said
    /// yes to anything.
    pub fn non_inferior_ratio(self, least: f64) -> Result<Test> {
        self.some_yes()?;
        Ok(above(self.ratio_score(ratio_margin(least)?)))
    }

    /// Does the ratio lie between `least` and its reciprocal? Two one-sided score tests.
    ///
    /// # Errors
    ///
    /// As [`Self::non_inferior_ratio`].
    pub fn equivalent_ratio(self, least: f64) -> Result<Equivalence> {
        self.some_yes()?;
        let least = ratio_margin(least)?;
        Ok(Equivalence::of(self.ratio_score(least), self.ratio_score(1.0 / least)))
    }

    fn some_yes(self) -> Result<()> {
        match self.neither() == self.total() {
            true => Err(Undefined::Degenerate("neither said yes to anything: there is no ratio")),
            false => Ok(()),
        }
    }

    /// z for a ratio above 0, not 1 where no case is discordant.
    fn ratio_score(self, ratio: f64) -> f64 {
        let [a, b, c, n] = [self.both(), self.first_only(), self.second_only(), self.total()].map(|count| count as f64);
        let s = (a + b + c) / n;
        let terms = [
            Term { weight: a, constant: -s, slope: 1.0 + ratio },
            Term { weight: b, constant: s, slope: -1.0 },
            Term { weight: c, constant: s, slope: -ratio },
        ];
        let m = maximum(&terms, s / (1.0 + ratio), s / ratio.max(1.0));
        let discordant = 2.0 * s - (1.0 + ratio) * m;
        (a + b - ratio * (a + c)) / (n * ratio * discordant.max(0.0)).sqrt()
    }
}

fn ratio_margin(least: f64) -> Result<f64> {
    // A least ratio so near 0 that its reciprocal is no number is refused with the others.
    if (f64::MIN_POSITIVE..1.0).contains(&least) {
        Ok(least)
    } else {
        Err(Undefined::Parameter { what: "the least ratio", value: least, domain: "above 0 and below 1" })
    }
}
