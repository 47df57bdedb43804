//! The Kaplan-Meier curve.
//!
//! S(t) is the product over times up to t of 1 - d/n: d events among the n rows that were still seen. Kaplan & Meier, JASA 53
//! (1958) 457. A row that is censored at the time of an event was at risk of it. Variance by Greenwood (1926): S² times the
//! sum of d / (n (n - d)). Interval: exp(-exp(ln(-ln S) ± z σ)), σ² the sum over (ln S)² (Kalbfleisch & Prentice,
//! The Statistical Analysis of Failure Time Data (2002)).
//!
//! Undefined: after the last time of follow-up, unless the curve has come to 0; the interval where S is 1 (no event yet) or
//! 0. scikit-survival gives [1, 1] and [0, 0] there, lifelines NaN.

use super::Survival;
use super::times::check_horizon;
use crate::ranks::order;
use crate::{Confidence, Interval, Result, Undefined};

/// A time at which rows left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The time.
    pub time: f64,
    /// Rows seen until then, or longer.
    pub at_risk: usize,
    /// How many of them had the event.
    pub events: usize,
    /// How many were censored.
    pub censored: usize,
    /// The curve from this time on.
    pub survival: f64,
    /// Greenwood's sum up to this time; infinite where the curve is 0.
    greenwood: f64,
}

/// The curve: a step for each distinct time, events or not, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    steps: Vec<Step>,
}

/// The curve at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct At {
    /// The share without the event by then.
    pub survival: f64,
    greenwood: f64,
}

impl KaplanMeier {
    /// The share that has not had the event.
    ///
    /// ```
    /// use uvid_metrics::survival::{KaplanMeier, Survival};
    /// let curve = KaplanMeier::of(&Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false])?);
    /// assert_eq!(curve.at(2.5)?.survival, 0.75);
    /// assert_eq!(curve.at(3.0)?.survival, 0.375);
    /// assert!(curve.at(4.5).is_err());
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn of(survival: &Survival) -> Self {
        Self::build(survival, |at_risk, events, _| (at_risk, events))
    }

    /// Steps, by time.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The last time that anything was seen.
    pub fn last(&self) -> f64 {
        self.steps[self.steps.len() - 1].time
    }

    /// The curve at a time.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a time that is not finite, negative, or after the last follow-up of a curve that has not
    /// come to 0.
    pub fn at(&self, time: f64) -> Result<At> {
        check_horizon(time)?;
        let after = self.steps.partition_point(|step| step.time <= time);
        if after == 0 {
            return Ok(At { survival: 1.0, greenwood: 0.0 });
        }
        let step = self.steps[after - 1];
        if time > self.last() && step.survival > 0.0 {
            let domain = "not after the last follow-up";
            return Err(Undefined::Parameter { what: "the time", value: time, domain });
        }
        Ok(At { survival: step.survival, greenwood: step.greenwood })
    }

    /// `counts` says how many were at risk, and how many of them left, from those seen, those with events and the censored.
    fn build(survival: &Survival, counts: impl Fn(usize, usize, usize) -> (usize, usize)) -> Self {
        let order = order(survival.times());
        let mut at_risk = order.len();
        let (mut product, mut greenwood) = (1.0, 0.0);
        let mut steps = Vec::new();
        for tied in order.chunk_by(|a, b| survival.times()[*a] == survival.times()[*b]) {
            let events = tied.iter().filter(|row| survival.events()[**row]).count();
            let censored = tied.len() - events;
            let (exposed, left) = counts(at_risk, events, censored);
            if left > 0 {
                product *= 1.0 - left as f64 / exposed as f64;
                greenwood += left as f64 / (exposed as f64 * (exposed - left) as f64);
            }
            let time = survival.times()[tied[0]];
            steps.push(Step { time, at_risk, events, censored, survival: product, greenwood });
            at_risk -= tied.len();
        }
        Self { steps }
    }
}

impl At {
    /// Greenwood's standard error of the share; 0 where the curve is 1 or 0.
    pub fn standard_error(&self) -> f64 {
        if self.survival > 0.0 { self.survival * self.greenwood.sqrt() } else { 0.0 }
    }

    /// The log-log interval of the share without the event.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the curve is 1 or 0.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval> {
        if !(self.survival > 0.0 && self.survival < 1.0) {
            return Err(Undefined::Degenerate(
                "Kaplan-Meier: no interval before the first event or where none is left",
            ));
        }
        let hazard = -self.survival.ln();
        let factor = (confidence.z() * self.greenwood.sqrt() / hazard).exp();
        Ok(Interval { lower: (-hazard * factor).exp(), upper: (-hazard / factor).exp() })
    }
}

/// G(t): the probability of not being censored by t, by Kaplan and Meier with the roles exchanged. Rows that have the event
/// at the time of a censoring were not at risk of being censored there, as in scikit-survival.
#[derive(Debug, Clone, PartialEq)]
pub struct Censoring(KaplanMeier);

impl Censoring {
    /// Of a sample: the one to be judged, or another with the same follow-up.
    pub fn of(survival: &Survival) -> Self {
        Self(KaplanMeier::build(survival, |at_risk, events, censored| (at_risk - events, censored)))
    }

    /// The curve.
    pub fn curve(&self) -> &KaplanMeier {
        &self.0
    }

    /// G at a time, above 0.
    pub(super) fn at(&self, time: f64) -> Result<f64> {
        let probability = self.0.at(time)?.survival;
        if probability > 0.0 {
            Ok(probability)
        } else {
            Err(Undefined::Degenerate(
                "all rows are censored by a time that is needed: it has no inverse probability weight",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(times: &[f64], events: &[bool]) -> KaplanMeier {
        KaplanMeier::of(&Survival::new(times, events).unwrap())
    }

    #[test]
    fn ends() {
        let open = curve(&[1.0, 2.0], &[true, false]);
        assert_eq!(open.at(0.5).unwrap().survival, 1.0);
        assert_eq!(open.at(2.0).unwrap().survival, 0.5);
        assert!(open.at(2.1).is_err() && open.at(-1.0).is_err() && open.at(f64::NAN).is_err());
        let closed = curve(&[1.0, 2.0], &[false, true]);
        assert_eq!(closed.at(9.0).unwrap().survival, 0.0);
        assert_eq!(closed.at(9.0).unwrap().standard_error(), 0.0);
        assert!(closed.at(9.0).unwrap().interval(Confidence::P95).is_err());
        assert!(closed.at(1.0).unwrap().interval(Confidence::P95).is_err());
    }

    #[test]
    fn without_censoring_it_is_a_proportion() {
        let at = curve(&[1.0, 2.0, 2.0, 3.0, 4.0], &[true; 5]).at(2.0).unwrap();
        assert!((at.survival - 0.4).abs() < 1e-15);
        assert!((at.standard_error() - (0.4f64 * 0.6 / 5.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn censored_at_the_time_of_an_event() {
        // The censored row is at risk of the event; the row with the event is not at risk of being censored.
        let survival = Survival::new(&[1.0, 1.0, 2.0], &[true, false, true]).unwrap();
        assert!((KaplanMeier::of(&survival).at(1.0).unwrap().survival - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(Censoring::of(&survival).at(1.0).unwrap(), 0.5);
        assert!(Censoring::of(&Survival::new(&[1.0, 2.0], &[true, false]).unwrap()).at(2.0).is_err());
    }
}
