//! DeLong's variance of the area, and Obuchowski's where rows come in clusters.
//!
//! With X the m scores of rows with the outcome, Y the n of those without, and psi as in the [module](super), each row
//! has a component (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837, equations 5 and 6):
//!
//! ```text
//! V10(X_i) = 1/n sum over j of psi(X_i, Y_j)        V01(Y_j) = 1/m sum over i of psi(X_i, Y_j)
//! ```
//!
//! They follow from one sort: V10(X_i) is the midrank of X_i among all rows less that among the X, over n (Sun and Xu
//! 2014, IEEE Signal Processing Letters 21:1389). The area is the mean of either list. The covariance of two areas, r and
//! s, on the same rows is
//!
//! ```text
//! S10/m + S01/n,   S10 = 1/(m-1) sum (V10r(X_i) - AUCr)(V10s(X_i) - AUCs),   S01 likewise over the Y
//! ```
//!
//! Where rows come in clusters (breasts of a patient), their components are summed by cluster, and the two sums of a
//! cluster may vary together (Obuchowski 1997, Biometrics 53:567). With Pr the sum of (V10r - AUCr) over the rows of a
//! cluster that have the outcome, Qr that of (V01r - AUCr) over the others, I the number of clusters, I10 that of
//! clusters with an X, I01 with a Y:
//!
//! ```text
//! I10/(I10-1) sum(Pr Ps)/m^2 + I01/(I01-1) sum(Qr Qs)/n^2 + I/(I-1) (sum(Pr Qs) + sum(Ps Qr))/(m n)
//! ```
//!
//! which is the first formula where every row is a cluster.

use super::order::{sorted, tied};
use crate::{Binary, Clusters, Estimate, Result, Undefined};

/// DeLong's structural components (placement values) of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// V10: for each row with the outcome, in the sample's order, the share of the others that it beats; 0 to 1.
    pub positive: Vec<f64>,
    /// V01: for each row without, in the sample's order, the share of those with the outcome that beat it; 0 to 1.
    pub negative: Vec<f64>,
    /// The area: the mean of either list.
    pub auc: f64,
}

/// The structural components; clusters are not looked at.
///
/// ```
/// use uvid_metrics::{Binary, roc};
///
/// let sample = Binary::new(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false])?;
/// let components = roc::components(&sample)?;
/// assert_eq!(components.positive, [1.0, 0.75]);
/// assert_eq!(components.negative, [0.75, 1.0]);
/// assert_eq!(components.auc, 0.875);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::OneClass`]; [`Undefined::Degenerate`] where rows have weights.
pub fn components(sample: &Binary) -> Result<Components> {
    if sample.weights().is_some() {
        return Err(Undefined::Degenerate("DeLong's components are not defined for weighted rows: take the bootstrap"));
    }
    let (m, n) = sample.both_classes()?;
    let (m, n) = (m as f64, n as f64);
    let mut of_row = vec![0.0; sample.len()];
    // Halves of whole numbers: exact.
    let (mut wins, mut positives, mut negatives) = (0.0, 0.0, 0.0);
    for group in tied(&sorted(sample)) {
        let with = group.iter().filter(|entry| entry.positive()).count() as f64;
        let without = group.len() as f64 - with;
        let (beaten, beating) = (negatives + without / 2.0, m - positives - with / 2.0);
        for entry in group {
            of_row[entry.row()] = if entry.positive() { beaten / n } else { beating / m };
        }
        wins += with * beaten;
        positives += with;
        negatives += without;
    }
    let pick = |class: bool| {
        let rows = of_row.iter().zip(sample.positive());
        rows.filter(|(_, positive)| **positive == class).map(|(value, _)| *value).collect()
    };
    Ok(Components { positive: pick(true), negative: pick(false), auc: wins / (m * n) })
}

/// The area under the curve with DeLong's standard error; with Obuchowski's where the sample has clusters.
///
/// The standard error is 0 where every row of a class has the same component: at an area of 1 or 0, and where all scores
/// are equal. It then says that the sample shows no variation, not that the area is known; [`logit_interval`] and tests
/// refuse it.
///
/// [`logit_interval`]: super::logit_interval
///
/// ```
/// use uvid_metrics::{Binary, Clusters, Confidence, roc};
///
/// let scores = [0.9, 0.4, 0.7, 0.4, 0.1, 0.6];
/// let cancer = [true, true, true, false, false, false];
/// let sample = Binary::new(&scores, &cancer)?;
/// let area = roc::delong(&sample)?;
/// assert!((area.value - 0.8333333333333334).abs() < 1e-15);
/// assert!((area.standard_error - 0.1924500897298753).abs() < 1e-15);
/// let interval = area.interval(Confidence::P95).within(0.0, 1.0);
/// assert!(interval.contains(0.5) && interval.upper == 1.0);
///
/// let by_patient = sample.clustered(Clusters::of(["a", "b", "c", "a", "b", "c"]))?;
/// assert!(roc::delong(&by_patient)?.standard_error < 0.1);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// As [`components`], and [`Undefined::TooFew`] where a class has a single row, or all of its rows are of one cluster.
pub fn delong(sample: &Binary) -> Result<Estimate> {
    Ok(Deviations::of(sample)?.estimate())
}

/// Components less their mean: by row, or summed by cluster.
pub(super) struct Deviations {
    /// The area, or a difference of areas.
    pub(super) value: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
    shape: Shape,
}

/// What the sums are divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    /// m and n.
    rows: (f64, f64),
    /// I10/(I10-1) and I01/(I01-1).
    factors: (f64, f64),
    /// I/(I-1) where both lists hold a place for each cluster; `None` where they hold one for each row.
    both: Option<f64>,
}

impl Deviations {
    pub(super) fn of(sample: &Binary) -> Result<Self> {
        let Components { mut positive, mut negative, auc } = components(sample)?;
        let (m, n) = (positive.len(), negative.len());
        positive.iter_mut().chain(&mut negative).for_each(|v| *v -= auc);
        let rows = (m as f64, n as f64);
        let Some(clusters) = sample.clusters() else {
            let factors = (factor("rows with the outcome", m)?, factor("rows without the outcome", n)?);
            return Ok(Self { value: auc, positive, negative, shape: Shape { rows, factors, both: None } });
        };
        let (with, positive) = by_cluster(sample, clusters, true, &positive);
        let (without, negative) = by_cluster(sample, clusters, false, &negative);
        let factors = (
            factor("clusters with a row with the outcome", with)?,
            factor("clusters with a row without the outcome", without)?,
        );
        let both = Some(factor("clusters", clusters.count())?);
        Ok(Self { value: auc, positive, negative, shape: Shape { rows, factors, both } })
    }

    /// The covariance with another on the same rows and clusters.
    pub(super) fn covariance(&self, other: &Self) -> f64 {
        let Shape { rows: (m, n), factors: (with, without), both } = self.shape;
        let s10 = with * dot(&self.positive, &other.positive) / m / m;
        let s01 = without * dot(&self.negative, &other.negative) / n / n;
        let joint = both.map_or(0.0, |factor| {
            factor * (dot(&self.positive, &other.negative) + dot(&other.positive, &self.negative)) / m / n
        });
        s10 + s01 + joint
    }

    /// The value with its standard error.
    pub(super) fn estimate(&self) -> Estimate {
        // The factor of the joint term is the smallest of the three: the sum is a square or more, but for rounding.
        let variance = self.covariance(self).max(0.0);
        Estimate { value: self.value, standard_error: variance.sqrt() }
    }

    /// Of the difference to another on the same rows: its variance without the cancellation of three covariances.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self {
            value: self.value - other.value,
            positive: less(&self.positive, &other.positive),
            negative: less(&self.negative, &other.negative),
            shape: self.shape,
        }
    }
}

/// (clusters that hold a row of the class, the sum of its rows' values for each cluster, 0 where it holds none).
fn by_cluster(sample: &Binary, clusters: &Clusters, class: bool, values: &[f64]) -> (usize, Vec<f64>) {
    let mut sums = vec![0.0; clusters.count()];
    let mut held = vec![false; clusters.count()];
    let rows = (0..sample.len()).filter(|row| sample.positive()[*row] == class);
    for (row, value) in rows.zip(values) {
        sums[clusters.of_row(row)] += value;
        held[clusters.of_row(row)] = true;
    }
    (held.into_iter().filter(|held| *held).count(), sums)
}

/// k/(k-1).
fn factor(what: &'static str, found: usize) -> Result<f64> {
    if found < 2 {
        return Err(Undefined::TooFew { what, found, needed: 2 });
    }
    Ok(found as f64 / (found - 1) as f64)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
