//! Numbers with what is known of their precision.

use crate::distributions::{normal_quantile, normal_two_sided};
use crate::{Result, Undefined};

/// The level of an interval: a number above 0 and below 1, such as 0.95.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// 0.95.
    pub const P95: Self = Self(0.95);
    /// 0.90: both one-sided tests at 0.05.
    pub const P90: Self = Self(0.90);

    /// Refuses what does not lie above 0 and below 1.
    pub fn new(level: f64) -> Result<Self> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(Undefined::Parameter { what: "the confidence level", value: level, domain: "above 0 and below 1" })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// What is left out on both sides together.
    pub fn alpha(self) -> f64 {
        1.0 - self.0
    }

    /// The quantile of the standard normal distribution for a two-sided interval: 1.96 at 0.95.
    pub fn z(self) -> f64 {
        // By the tail that is left out: 0.5 plus half of a level near 1 would be 1, and its quantile infinite.
        -normal_quantile(self.alpha() / 2.0)
    }
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

impl Interval {
    /// `value` plus and minus `z` standard errors.
    pub fn wald(value: f64, standard_error: f64, confidence: Confidence) -> Self {
        let half = confidence.z() * standard_error;
        Self { lower: value - half, upper: value + half }
    }

    /// Cut to what the quantity can be.
    #[must_use]
    pub fn within(self, lowest: f64, highest: f64) -> Self {
        Self { lower: self.lower.clamp(lowest, highest), upper: self.upper.clamp(lowest, highest) }
    }

    /// Whether a value lies within, the ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}

/// An estimate with its standard error, from which an interval follows by the normal approximation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; 0 where the sample shows no variation.
    pub standard_error: f64,
}

impl Estimate {
    /// Value plus and minus `z` standard errors, not cut to any range.
    pub fn interval(&self, confidence: Confidence) -> Interval {
        Interval::wald(self.value, self.standard_error, confidence)
    }

    /// Whether the value differs from `null`, two-sided, by the normal approximation.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the standard error is 0.
    pub fn test(&self, null: f64) -> Result<Test> {
        if self.standard_error == 0.0 {
            return Err(Undefined::Degenerate("the standard error is 0: there is nothing to test against"));
        }
        let statistic = (self.value - null) / self.standard_error;
        Ok(Test { statistic, p: normal_two_sided(statistic) })
    }
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic; the function that returns it says which.
    pub statistic: f64,
    /// The p value, 0 to 1.
    pub p: f64,
}
