//! Axes of the plots that reports are made of.

use super::super::{About, Axis, FigureError, finite};
use super::{Legend, Plot, Reference, Series};

impl Plot {
    /// Sensitivity against 1 − specificity, with the diagonal of chance.
    pub fn roc(about: About) -> Self {
        let x = Axis::new("1 − specificity (false positive share)").range(0.0, 1.0);
        let y = Axis::new("Sensitivity (true positive share)").range(0.0, 1.0);
        Self::new(about, x, y).square().reference(Reference::Diagonal("Chance".to_owned()))
    }

    /// Precision against recall, with the precision of chance: the prevalence, 0 to 1.
    pub fn precision_recall(about: About, prevalence: f64) -> Self {
        let x = Axis::new("Recall (sensitivity)").range(0.0, 1.0);
        let y = Axis::new("Precision (positive predictive value)").range(0.0, 1.0);
        let label = format!("Chance: prevalence {:.1}%", prevalence * 100.0);
        Self::new(about, x, y).square().reference(Reference::Horizontal(prevalence, label))
    }

    /// Share of lesions found against false marks for an image; `x` from above 0 where it is by logarithms.
    pub fn froc(about: About, false_marks_max: f64, log: bool) -> Self {
        let axis = Axis::new("False positive marks for an image");
        let x = if log { axis.range(0.01, false_marks_max).log() } else { axis.range(0.0, false_marks_max) };
        Self::new(about, x, Axis::new("Sensitivity for lesions").range(0.0, 1.0))
    }

    /// What was observed against what was predicted, both from 0 to `risk_max`, with the diagonal. Add a [`super::Strip`].
    pub fn calibration(about: About, risk_max: f64) -> Self {
        let x = Axis::new("Predicted risk").range(0.0, risk_max).percent();
        let y = Axis::new("Observed share").range(0.0, risk_max).percent();
        Self::new(about, x, y).square().reference(Reference::Diagonal("Perfect calibration".to_owned()))
    }

    /// Net benefit against the threshold probability. `net_benefit` from its lowest to its highest shown.
    pub fn decision_curve(about: About, threshold_max: f64, net_benefit: (f64, f64)) -> Self {
        let x = Axis::new("Threshold probability").range(0.0, threshold_max).percent();
        let y = Axis::new("Net benefit").range(net_benefit.0, net_benefit.1);
        Self::new(about, x, y).reference(Reference::Horizontal(0.0, "Recall nobody".to_owned()))
    }

    /// A share from 0 to `share_max` that holds until the next event, against years: survival, cumulative incidence.
    pub fn over_years(about: About, label: &str, years_max: f64, share_max: f64) -> Self {
        let x = Axis::new("Years since the examination").range(0.0, years_max).whole();
        Self::new(about, x, Axis::new(label).range(0.0, share_max).percent())
    }

    /// A number for each year, as the AUC at 1 to 5 years: series of points with bars.
    pub fn by_year(about: About, label: &str, years: (f64, f64), range: (f64, f64)) -> Self {
        let x = Axis::new("Years since the examination").range(years.0 - 0.5, years.1 + 0.5).whole();
        Self::new(about, x, Axis::new(label).range(range.0, range.1))
    }

    /// Differences of two measurements against their means (Bland and Altman 1986): the mean difference and the limits of
    /// agreement are lines. `quantity` is what was measured, with its unit.
    ///
    /// # Errors
    ///
    /// There are no pairs, or a number is not finite.
    pub fn bland_altman(
        about: About,
        quantity: &str,
        pairs: &[(f64, f64)],
        mean_difference: f64,
        limits: (f64, f64),
    ) -> Result<Self, FigureError> {
        super::super::some(&about, "pairs", pairs)?;
        let numbers = pairs.iter().flat_map(|(a, b)| [*a, *b]).chain([mean_difference, limits.0, limits.1]);
        for (row, value) in numbers.enumerate() {
            finite(&about, "a measurement, half its row,", row, value)?;
        }
        let points: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (a / 2.0 + b / 2.0, a - b)).collect();
        let x = Axis::new(format!("Mean of both: {quantity}"));
        let y = Axis::new(format!("Difference, first − second: {quantity}"));
        let number = |value: f64| format!("{value:.3}").replace('-', "−");
        let plot = Self::new(about, x, y)
            .series(Series::points(String::new(), &points))
            .reference(Reference::Horizontal(mean_difference, format!("Mean difference {}", number(mean_difference))))
            .reference(Reference::Horizontal(limits.0, format!("Lower limit of agreement {}", number(limits.0))))
            .reference(Reference::Horizontal(limits.1, format!("Upper limit of agreement {}", number(limits.1))));
        Ok(plot.legend(Legend::Beneath))
    }
}
