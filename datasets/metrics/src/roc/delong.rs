//! DeLong's variance of the area, and Obuchowski's where rows come in clusters.
//!
//! With X the m scores of rows with the outcome, Y the n of those without, and psi as in the [module](super), each row
//! has a component (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837):
//!
//! ```text
//! V10(X_i) = 1/n sum over j of psi(X_i, Y_j)        V01(Y_j) = 1/m sum over i of psi(X_i, Y_j)
//! ```
//!
//! They are counted without a sort of all rows (`slots.rs`). The area is the mean of either list. The covariance of two areas, r and
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

use super::slots::{Slots, Tally};
use crate::rounding::{difference, settled};
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
    let placed = Placed::of(sample)?;
    Ok(Components { positive: placed.pick(sample, true), negative: placed.pick(sample, false), auc: placed.auc })
}

/// Rows in their slots, and a number for each slot and class: [of rows without the outcome, with it].
struct Placed {
    slots: Slots,
    of_slot: Vec<[f64; 2]>,
    auc: f64,
}

impl Placed {
    /// With the components as numbers.
    fn of(sample: &Binary) -> Result<Self> {
        let slots = unweighted(sample)?;
        let [without, with] = slots.tallies();
        let (m, n) = (with.rows as f64, without.rows as f64);
        // Halves of whole numbers: exact.
        let mut of_slot = Vec::with_capacity(slots.count());
        of_slot.extend(slots.beaten_twice().map(|[y, x]| [(m - x as f64 / 2.0) / m, y as f64 / 2.0 / n]));
        Ok(Self { slots, of_slot, auc: with.area(&without) })
    }

    fn of_row(&self, row: usize, class: bool) -> f64 {
        self.of_slot[self.slots.of_row[row] as usize][usize::from(class)]
    }

    /// The numbers of a class, in the sample's order.
    fn pick(&self, sample: &Binary, class: bool) -> Vec<f64> {
        let rows = (0..sample.len()).filter(|row| sample.positive()[*row] == class);
        rows.map(|row| self.of_row(row, class)).collect()
    }
}

fn unweighted(sample: &Binary) -> Result<Slots> {
    if sample.weights().is_some() {
        return Err(Undefined::Degenerate("DeLong's components are not defined for weighted rows: take the bootstrap"));
    }
    Slots::of(sample)
}

/// The area under the curve with DeLong's standard error; with Obuchowski's where the sample has clusters.
///
/// The standard error is 0 where every row of a class has the same component: at an area of 1 or 0, and where all scores
/// are equal. It then says that the sample shows no variation, not that the area is known; [`logit_interval`] and tests
/// refuse it.
///
/// Without clusters both are exact up to the last few roundings: sums are of whole numbers. [`paired`](super::paired) and
/// [`correlated`](super::correlated) add components up, and their errors may differ from this one in the last digits.
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
    if sample.clusters().is_some() {
        return Ok(Deviations::of(sample)?.estimate());
    }
    // The same from counts alone.
    let [without, with] = unweighted(sample)?.tallies();
    factor("rows with the outcome", with.rows as usize)?;
    factor("rows without the outcome", without.rows as usize)?;
    let pairs = (with.rows * without.rows) as f64;
    let variance = |class: Tally| class.variance() / (class.rows - 1) as f64;
    let standard_error = (variance(with) + variance(without)).sqrt() / (2.0 * pairs);
    Ok(Estimate { value: with.area(&without), standard_error })
}

/// How far an area, or a difference of areas, hangs on each row or cluster: the parts whose squares add up to its variance.
///
/// Obuchowski's formula is rearranged to a sum without negative terms, with P/m and Q/n of a cluster as p and q, and
/// c = I/(I-1), which is the smallest of the three factors:
///
/// ```text
/// c sum(pr + qr)(ps + qs) + (I10/(I10-1) - c) sum(pr ps) + (I01/(I01-1) - c) sum(qr qs)
/// ```
pub(crate) struct Deviations {
    /// The area, or the difference.
    pub(crate) value: f64,
    parts: Vec<Part>,
}

struct Part {
    factor: f64,
    values: Vec<f64>,
}

impl Deviations {
    pub(crate) fn of(sample: &Binary) -> Result<Self> {
        let mut placed = Placed::of(sample)?;
        let (m, n) = sample.counts();
        for [of_negative, of_positive] in &mut placed.of_slot {
            *of_negative = difference(*of_negative, placed.auc) / n as f64;
            *of_positive = difference(*of_positive, placed.auc) / m as f64;
        }
        let parts = match sample.clusters() {
            None => vec![
                Part { factor: factor("rows with the outcome", m)?, values: placed.pick(sample, true) },
                Part { factor: factor("rows without the outcome", n)?, values: placed.pick(sample, false) },
            ],
            Some(clusters) => {
                let sums = by_cluster(sample, clusters, &placed);
                let with = sums.iter().filter(|[_, with]| with.held).count();
                let without = sums.iter().filter(|[without, _]| without.held).count();
                let with = factor("clusters with a row with the outcome", with)?;
                let without = factor("clusters with a row without the outcome", without)?;
                let both = factor("clusters", clusters.count())?;
                let [mut sum, mut positive, mut negative] = [(); 3].map(|()| Vec::with_capacity(sums.len()));
                for [q, p] in &sums {
                    let (q, p) = (q.settled(), p.settled());
                    sum.push(settled(p + q, p.abs() + q.abs()));
                    positive.push(p);
                    negative.push(q);
                }
                vec![
                    Part { factor: both, values: sum },
                    Part { factor: with - both, values: positive },
                    Part { factor: without - both, values: negative },
                ]
            }
        };
        Ok(Self { value: placed.auc, parts })
    }

    /// The covariance with another on the same rows and clusters.
    pub(crate) fn covariance(&self, other: &Self) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        self.parts.iter().zip(&other.parts).map(|(a, b)| a.factor * dot(&a.values, &b.values)).sum()
    }

    /// The value with its standard error.
    pub(super) fn estimate(&self) -> Estimate {
        Estimate { value: self.value, standard_error: self.covariance(self).sqrt() }
    }

    /// Of the difference to another on the same rows: its variance without the cancellation of three covariances.
    pub(super) fn minus(&self, other: &Self) -> Self {
        // Components differ by 1/(2 m n) or more, which is above what is settled up to 10^12 pairs.
        let less = |(a, b): (&Part, &Part)| Part {
            factor: a.factor,
            values: a.values.iter().zip(&b.values).map(|(a, b)| settled(a - b, a.abs().max(b.abs()))).collect(),
        };
        Self { value: self.value - other.value, parts: self.parts.iter().zip(&other.parts).map(less).collect() }
    }
}

/// Over the rows of a class in a cluster: whether there are any, the sum of their numbers, and of their magnitudes.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    size: f64,
    held: bool,
}

impl Sum {
    fn settled(&self) -> f64 {
        settled(self.value, self.size)
    }
}

/// For each cluster: [over its rows without the outcome, with it].
fn by_cluster(sample: &Binary, clusters: &Clusters, placed: &Placed) -> Vec<[Sum; 2]> {
    let mut sums = vec![[Sum::default(); 2]; clusters.count()];
    for (row, class) in sample.positive().iter().enumerate() {
        let value = placed.of_row(row, *class);
        let sum = &mut sums[clusters.of_row(row)][usize::from(*class)];
        sum.value += value;
        sum.size += value.abs();
        sum.held = true;
    }
    sums
}

/// k/(k-1).
fn factor(what: &'static str, found: usize) -> Result<f64> {
    if found < 2 {
        return Err(Undefined::TooFew { what, found, needed: 2 });
    }
    Ok(found as f64 / (found - 1) as f64)
}
