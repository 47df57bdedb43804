//! All of it side by side.

use super::{Confusion, Rate, Totals};
use crate::proportions::Bounded;
use crate::{Binary, Confidence, Interval, Result, Undefined};

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What it is, such as "sensitivity".
    pub name: &'static str,
    /// The number.
    pub value: Result<f64>,
    /// Its interval.
    pub interval: Result<Interval>,
}

/// Everything that is known of a threshold: the rates of [`Rate::ALL`], then balanced accuracy, Youden's index, F1, both
/// likelihood ratios and the diagnostic odds ratio.
///
/// Intervals: Wilson's for rates where every row is counted once and by itself, the ratio estimator's
/// ([`Rate::estimate`], cut to 0 and 1) with weights or clusters, and none where its standard error is 0. The rest have the intervals of [`Confusion`]; with
/// weights or clusters, and for F1 always, none: bootstrap them.
///
/// # Errors
///
/// [`Undefined::Parameter`] for a threshold that is NaN. What does not exist is an error in its own line.
pub fn table(sample: &Binary, threshold: f64, confidence: Confidence) -> Result<Vec<Measure>> {
    let totals = Totals::at(sample, threshold)?;
    let plain = sample.weights().is_none() && sample.clusters().is_none();
    let confusion = plain.then(|| Confusion::at(sample, threshold)).transpose()?;
    let rates = Rate::ALL.map(|rate| {
        let interval = match &confusion {
            Some(confusion) => confusion.rate(rate).map(|proportion| proportion.wilson(confidence)),
            None => rate.estimate(sample, threshold).and_then(|found| match found.standard_error {
                // At 0 or 1, say: no variation in the sample, which is not to say that the rate is known.
                0.0 => Err(Undefined::Degenerate("all clusters are alike: an interval of no width would be certainty")),
                _ => Ok(found.interval(confidence).within(0.0, 1.0)),
            }),
        };
        Measure { name: rate.name(), value: totals.rate(rate), interval }
    });
    let bounded = |name, value: Result<f64>, of: fn(&Confusion, Confidence) -> Result<Bounded>| {
        let interval = match &confusion {
            Some(confusion) => of(confusion, confidence).map(|found| found.interval),
            None => Err(Undefined::Degenerate("with weights or clusters, its interval takes a bootstrap")),
        };
        Measure { name, value, interval }
    };
    let youden = totals.youden();
    let f1_interval = Err(Undefined::Degenerate("its interval takes a bootstrap"));
    let mut lines = Vec::from(rates);
    lines.extend([
        bounded(
            "balanced accuracy",
            youden.clone().map(|youden| f64::midpoint(youden, 1.0)),
            Confusion::balanced_accuracy,
        ),
        bounded("Youden's index", youden, Confusion::youden),
        Measure { name: "F1", value: totals.f1(), interval: f1_interval },
        bounded("positive likelihood ratio", totals.likelihood_ratio_positive(), Confusion::likelihood_ratio_positive),
        bounded("negative likelihood ratio", totals.likelihood_ratio_negative(), Confusion::likelihood_ratio_negative),
        bounded("diagnostic odds ratio", totals.diagnostic_odds_ratio(), Confusion::diagnostic_odds_ratio),
    ]);
    Ok(lines)
}
