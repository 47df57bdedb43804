//! Reliability by bins, what is computed from them, and why it depends on them.
//!
//! Bins are a picture, not an estimate: every number here changes with their count and kind. [`super::Loess`] needs none.
//! Equal forecasts are always in one bin. Weights count as mass. Empty bins are left out.

use std::collections::BTreeMap;

use super::Forecasts;
use crate::distributions::chi_squared_upper;
use crate::ranks::order;
use crate::{Confidence, Interval, Result, Test, Undefined};

/// How forecasts are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// So many bins of equal width: (0, 1/n], (1/n, 2/n], ..., with 0 in the first. As Guo et al. (2017).
    EqualWidth(usize),
    /// So many bins of equal mass, in the order of the forecasts: a set of equal forecasts is in bin floor(n c), c the
    /// share of mass below it and half of its own. Fewer where many forecasts are equal.
    EqualMass(usize),
}

/// Rows whose forecasts are near each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Rows.
    pub rows: usize,
    /// Their weight.
    pub weight: f64,
    /// The smallest forecast among them.
    pub lowest: f64,
    /// The largest.
    pub highest: f64,
    /// The mean forecast.
    pub predicted: f64,
    /// The share of the outcome.
    pub observed: f64,
    /// As how many rows of equal weight they count: (sum w)² / sum w² (Kish 1965).
    pub effective: f64,
}

impl Bin {
    /// Wilson's interval of the observed share (JASA 22 (1927) 209), of `effective` independent rows.
    pub fn wilson(&self, confidence: Confidence) -> Interval {
        let (n, p, z) = (self.effective, self.observed, confidence.z());
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
        Interval { lower: centre - half, upper: centre + half }.within(0.0, 1.0)
    }
}

/// The bins that have weight, lowest forecasts first.
///
/// # Errors
///
/// [`Undefined::Parameter`] for no bins.
///
/// ```
/// use uvid_metrics::Binary;
/// use uvid_metrics::calibration::{Binning, Forecasts, bins};
/// let forecasts = Forecasts::new(Binary::new(&[0.1, 0.2, 0.9], &[false, true, true])?)?;
/// let found = bins(&forecasts, Binning::EqualWidth(2))?;
/// assert_eq!((found[0].rows, found[0].observed, found[1].predicted), (2, 0.5, 0.9));
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn bins(forecasts: &Forecasts, binning: Binning) -> Result<Vec<Bin>> {
    let members = match binning {
        Binning::EqualWidth(0) | Binning::EqualMass(0) => {
            return Err(Undefined::Parameter { what: "the number of bins", value: 0.0, domain: "1 or more" });
        }
        Binning::EqualWidth(count) => {
            // The edge i / n as one division: 0.3 is in the third of ten bins.
            let bin_of = |p: f64| {
                let guess = ((p * count as f64).ceil() as usize).saturating_sub(2);
                (guess..count - 1).find(|i| p <= (i + 1) as f64 / count as f64).unwrap_or(count - 1)
            };
            grouped(forecasts.sample().scores().iter().map(|p| bin_of(*p)))
        }
        Binning::EqualMass(count) => {
            grouped(equal_mass(forecasts.sample().scores(), |row| forecasts.sample().weight(row), count))
        }
    };
    Ok(members.iter().filter_map(|rows| bin(forecasts, rows)).collect())
}

/// The bin of equal mass of each row: ties together, by the middle of their mass.
pub(crate) fn equal_mass(values: &[f64], weight: impl Fn(usize) -> f64, count: usize) -> Vec<usize> {
    let total: f64 = (0..values.len()).map(&weight).sum();
    let (mut of_row, mut below) = (vec![0; values.len()], 0.0);
    for tied in order(values).chunk_by(|a, b| values[*a] == values[*b]) {
        let own: f64 = tied.iter().map(|row| weight(*row)).sum();
        let place = (below + own / 2.0) / total * count as f64;
        for row in tied {
            of_row[*row] = (place as usize).min(count - 1);
        }
        below += own;
    }
    of_row
}

/// The rows of each bin that has some, in the order of bins.
pub(crate) fn grouped(of_row: impl IntoIterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, bin) in of_row.into_iter().enumerate() {
        members.entry(bin).or_default().push(row);
    }
    members.into_values().collect()
}

fn bin(forecasts: &Forecasts, rows: &[usize]) -> Option<Bin> {
    let sample = forecasts.sample();
    let sum = |value: &dyn Fn(usize) -> f64| rows.iter().map(|row| value(*row)).sum::<f64>();
    let weight = sum(&|row| sample.weight(row));
    (weight > 0.0).then(|| Bin {
        rows: rows.len(),
        weight,
        lowest: rows.iter().map(|row| sample.scores()[*row]).fold(f64::INFINITY, f64::min),
        highest: rows.iter().map(|row| sample.scores()[*row]).fold(0.0, f64::max),
        predicted: sum(&|row| sample.weight(row) * sample.scores()[row]) / weight,
        observed: sum(&|row| if sample.positive()[row] { sample.weight(row) } else { 0.0 }) / weight,
        effective: 1.0 / sum(&|row| (sample.weight(row) / weight).powi(2)),
    })
}

/// ECE: the mean over bins, by weight, of |predicted - observed|. Naeini et al., AAAI 2015; Guo et al., ICML 2017.
///
/// It is above 0 for a perfect forecast too, the more so with many bins and few rows.
///
/// # Errors
///
/// As [`bins`].
pub fn expected_error(forecasts: &Forecasts, binning: Binning) -> Result<f64> {
    let bins = bins(forecasts, binning)?;
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    Ok(bins.iter().map(|bin| bin.weight / total * (bin.predicted - bin.observed).abs()).sum())
}

/// MCE: the largest |predicted - observed| of a bin. Guo et al. (2017). A bin of one row can decide it.
///
/// # Errors
///
/// As [`bins`].
pub fn largest_error(forecasts: &Forecasts, binning: Binning) -> Result<f64> {
    Ok(bins(forecasts, binning)?.iter().map(|bin| (bin.predicted - bin.observed).abs()).fold(0.0, f64::max))
}

/// The parts of a Brier score: it is reliability - resolution + uncertainty + within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Murphy {
    /// The mean over bins of (predicted - observed)²; 0 is perfect.
    pub reliability: f64,
    /// The mean over bins of (observed - prevalence)²; the larger, the better.
    pub resolution: f64,
    /// prevalence (1 - prevalence), which no forecast changes.
    pub uncertainty: f64,
    /// What bins hide, because forecasts within one differ: 0 where each bin has one forecast. Stephenson, Coelho & Jolliffe,
    /// Weather and Forecasting 23 (2008) 752: their within-bin variance less their covariance.
    pub within: f64,
}

/// Murphy's decomposition (Journal of Applied Meteorology 12 (1973) 595) on bins, with the part that bins leave.
///
/// # Errors
///
/// As [`bins`].
pub fn murphy(forecasts: &Forecasts, binning: Binning) -> Result<Murphy> {
    let bins = bins(forecasts, binning)?;
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    let mean = |value: &dyn Fn(&Bin) -> f64| bins.iter().map(|bin| bin.weight * value(bin)).sum::<f64>() / total;
    let prevalence = forecasts.prevalence();
    let reliability = mean(&|bin| (bin.predicted - bin.observed).powi(2));
    let resolution = mean(&|bin| (bin.observed - prevalence).powi(2));
    let uncertainty = prevalence * (1.0 - prevalence);
    let brier = forecasts.sum(|p, y| (p - y) * (p - y)) / total;
    Ok(Murphy { reliability, resolution, uncertainty, within: brier - (reliability - resolution + uncertainty) })
}

/// Hosmer and Lemeshow's test on groups of equal mass: the sum of (O - E)² / (E (1 - E / n)), chi-squared with as many
/// degrees as groups, less `fitted`: 0 for forecasts of a model that was made elsewhere, 2 for those of a logistic
/// regression on the very rows that it was fitted to. Applied Logistic Regression (2013), chapter 5.
///
/// **Not recommended**: the answer depends on the groups, says neither how nor how much forecasts err, finds nothing in
/// small samples and trifles in large ones. Kept because papers ask for it. Weights are frequencies; clusters are not
/// looked at.
///
/// # Errors
///
/// [`Undefined::TooFew`] without a degree of freedom; [`Undefined::Degenerate`] where all forecasts of a group are 0 or 1.
pub fn hosmer_lemeshow(forecasts: &Forecasts, groups: usize, fitted: usize) -> Result<Test> {
    let bins = bins(forecasts, Binning::EqualMass(groups))?;
    if bins.len() <= fitted {
        return Err(Undefined::TooFew { what: "groups", found: bins.len(), needed: fitted.saturating_add(1) });
    }
    let mut statistic = 0.0;
    for bin in &bins {
        let variance = bin.predicted * (1.0 - bin.predicted);
        if variance <= 0.0 {
            return Err(Undefined::Degenerate("Hosmer and Lemeshow: a group's forecasts are all 0 or all 1"));
        }
        statistic += bin.weight * (bin.observed - bin.predicted).powi(2) / variance;
    }
    if !statistic.is_finite() {
        return Err(Undefined::Degenerate("Hosmer and Lemeshow: a group's forecasts are as good as 0"));
    }
    Ok(Test { statistic, p: chi_squared_upper(statistic, (bins.len() - fitted) as f64) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;

    fn members(p: &[f64], binning: Binning) -> Vec<usize> {
        let forecasts = Forecasts::new(Binary::new(p, &vec![true; p.len()]).unwrap()).unwrap();
        bins(&forecasts, binning).unwrap().iter().map(|bin| bin.rows).collect()
    }

    #[test]
    fn where_rows_go() {
        let check = |p: &[f64], binning, expected: &[usize]| assert_eq!(members(p, binning), expected, "{p:?}");
        check(&[0.0, 0.25, 0.5, 0.75, 1.0], Binning::EqualWidth(4), &[2, 1, 1, 1]);
        check(&[0.1, 0.2, 0.3, 0.6, 0.7, 0.7000001], Binning::EqualWidth(10), &[1, 1, 1, 1, 1, 1]);
        check(&[0.9], Binning::EqualWidth(1), &[1]);
        check(&[0.1, 0.2, 0.3, 0.4], Binning::EqualMass(2), &[2, 2]);
        check(&[0.1, 0.1, 0.1, 0.4], Binning::EqualMass(2), &[3, 1]);
        check(&[0.5; 4], Binning::EqualMass(3), &[4]);
        check(&[0.2, 1.0], Binning::EqualWidth(usize::MAX), &[1, 1]);
        check(&[0.2, 1.0], Binning::EqualMass(usize::MAX), &[1, 1]);
    }

    #[test]
    fn every_bin_has_its_edges() {
        for count in 1..60 {
            for i in 0..=count {
                let edge = i as f64 / count as f64;
                let p = [edge, 0.001];
                let forecasts = Forecasts::new(Binary::new(&p, &[true, false]).unwrap()).unwrap();
                let bins = bins(&forecasts, Binning::EqualWidth(count)).unwrap();
                // The edge belongs to the bin below it, so it shares one with 0.001 only up to the first edge.
                assert_eq!(bins.len() == 1, i <= 1, "{edge} of {count}");
            }
        }
    }

    #[test]
    fn parameters() {
        let forecasts = Forecasts::new(Binary::new(&[0.2, 0.4], &[true, false]).unwrap()).unwrap();
        assert!(matches!(bins(&forecasts, Binning::EqualMass(0)), Err(Undefined::Parameter { .. })));
        assert!(matches!(hosmer_lemeshow(&forecasts, 2, 2), Err(Undefined::TooFew { .. })));
        let impossible = Forecasts::new(Binary::new(&[1e-310], &[true]).unwrap()).unwrap();
        assert!(matches!(hosmer_lemeshow(&impossible, 1, 0), Err(Undefined::Degenerate(_))));
    }
}
