//! Estimates whose standard error has degrees of freedom.

use crate::distributions::{normal_cdf, t_quantile, t_two_sided, t_upper};
use crate::{Confidence, Estimate, Interval, Result, Test, Undefined};

/// An estimate with its standard error and that one's degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentEstimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; 0 where the sample shows no variation.
    pub standard_error: f64,
    /// Degrees of freedom of Student's distribution, above 0; `None` for the normal distribution.
    pub degrees: Option<f64>,
}

impl StudentEstimate {
    /// From the variance; rounding may have left it a little below 0.
    pub(super) fn new(value: f64, variance: f64, degrees: Option<f64>) -> Result<Self> {
        if !(value.is_finite() && variance.is_finite()) {
            return Err(Undefined::Degenerate("the figures are too large to be squared"));
        }
        Ok(Self { value, standard_error: variance.max(0.0).sqrt(), degrees })
    }

    /// The interval by Student's or the normal distribution, not cut to any range.
    pub fn interval(&self, confidence: Confidence) -> Interval {
        let Some(degrees) = self.degrees else {
            return Interval::wald(self.value, self.standard_error, confidence);
        };
        let half = t_quantile(0.5 + confidence.get() / 2.0, degrees) * self.standard_error;
        Interval { lower: self.value - half, upper: self.value + half }
    }

    /// Whether the value differs from `null`, two-sided; the statistic is t (or z).
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the standard error is 0.
    pub fn test(&self, null: f64) -> Result<Test> {
        let Some(degrees) = self.degrees else {
            return Estimate { value: self.value, standard_error: self.standard_error }.test(null);
        };
        let statistic = self.statistic(null)?;
        Ok(Test { statistic, p: t_two_sided(statistic, degrees) })
    }

    /// Whether the value is above minus `margin`, one-sided: a small p says that it is not worse by the margin or more.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a margin that is not finite or negative, [`Undefined::Degenerate`] where the standard
    /// error is 0.
    pub fn non_inferiority(&self, margin: f64) -> Result<Test> {
        if !(margin.is_finite() && margin >= 0.0) {
            let domain = "finite and not negative";
            return Err(Undefined::Parameter { what: "the margin", value: margin, domain });
        }
        let statistic = self.statistic(-margin)?;
        let p = match self.degrees {
            Some(degrees) => t_upper(statistic, degrees),
            None => normal_cdf(-statistic),
        };
        Ok(Test { statistic, p })
    }

    fn statistic(&self, null: f64) -> Result<f64> {
        if self.standard_error == 0.0 {
            return Err(Undefined::Degenerate("the standard error is 0: there is nothing to test against"));
        }
        Ok((self.value - null) / self.standard_error)
    }
}

/// A test that all modalities are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FTest {
    /// F.
    pub statistic: f64,
    /// Degrees of freedom of its numerator: modalities less one.
    pub numerator: f64,
    /// Those of its denominator; `None` where they are infinite.
    pub denominator: Option<f64>,
    /// The p value, 0 to 1.
    pub p: f64,
}
