//! The variance of the readers' mean AUC by U-statistics: Gallas 2006 (Academic Radiology 13, 353), as in iMRMC.
//!
//! With s(i, j, r) = 1, 1/2 or 0 as reader r scores the positive case j above, equal to or below the negative case i, the
//! moments are means of products of two s, for modality a and b, over all distinct indices:
//!
//! | | same reader | two readers |
//! |---|---|---|
//! | same i, same j | M1 | M5 |
//! | two i, same j | M2 | M6 |
//! | same i, two j | M3 | M7 |
//! | two i, two j | M4 | M8 |
//!
//! and the covariance of two mean AUCs is `Σ c M - M8` with `c1 = 1 / (n m J)`, `c2 = (n - 1) c1`, `c3 = (m - 1) c1`,
//! `c4 = (n - 1)(m - 1) c1` and `c5..c8 = (J - 1) c1..c4` for n negative and m positive cases and J readers. The estimate is
//! unbiased for readers and cases drawn at random; for that it can be negative, and then there is no standard error. Every pair
//! of a negative and a positive case is looked at: time goes as n m J.

use super::Study;
use super::study::below;
use crate::{Estimate, Result, Undefined};

/// The mean of the readers' AUCs under a modality, or a difference of two, with its unbiased variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UStatistics {
    /// The mean AUC, or the difference.
    pub value: f64,
    /// Its unbiased variance over readers and cases; may be negative.
    pub variance: f64,
    /// M1 to M8; for a difference those of `s(one) - s(other)`, which are `M(11) - M(12) - M(21) + M(22)`.
    pub moments: [f64; 8],
}

impl UStatistics {
    /// With a standard error.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the unbiased variance is negative.
    pub fn estimate(&self) -> Result<Estimate> {
        if self.variance < 0.0 {
            return Err(Undefined::Degenerate("the unbiased estimate of the variance is negative"));
        }
        Ok(Estimate { value: self.value, standard_error: self.variance.sqrt() })
    }
}

/// The mean AUC under modality `one`, less that under `other` where one is given.
///
/// # Errors
///
/// [`Undefined::Parameter`] where there is no such modality, [`Undefined::TooFew`] where there are fewer than two readers,
/// positive or negative cases, and [`Undefined::Degenerate`] where the study has clusters: cases must be independent.
pub fn u_statistics(study: &Study, one: usize, other: Option<usize>) -> Result<UStatistics> {
    below("the modality", one, study.modalities())?;
    if let Some(other) = other {
        below("the modality", other, study.modalities())?;
    }
    if study.clusters().is_some() {
        return Err(Undefined::Degenerate("the moments are of independent cases, and the study has clusters"));
    }
    let of_class =
        |wanted: bool| (0..study.cases()).filter(|case| study.positive()[*case] == wanted).collect::<Vec<usize>>();
    let (negative, positive) = (of_class(false), of_class(true));
    let found = [("readers", study.readers()), ("negative cases", negative.len()), ("positive cases", positive.len())];
    for (what, found) in found {
        if found < 2 {
            return Err(Undefined::TooFew { what, found, needed: 2 });
        }
    }
    // A product of two differences of s is the four moments together: one pass with s(one) - s(other).
    let success = |reader: usize, i: usize, j: usize| {
        let s = |modality: usize| {
            let scores = study.of(modality, reader);
            let (low, high) = (scores[negative[i]], scores[positive[j]]);
            f64::from(u8::from(high > low)) + if high == low { 0.5 } else { 0.0 }
        };
        s(one) - other.map_or(0.0, s)
    };
    let (n, m, readers) = (negative.len(), positive.len(), study.readers());
    let mut own = [0.0; 4];
    let mut total = 0.0;
    for reader in 0..readers {
        let (sums, sum) = sums(n, m, |i, j| success(reader, i, j));
        add(&mut own, sums);
        total += sum;
    }
    // Products of sums over readers hold those of one reader and those of two.
    let (all, _) = sums(n, m, |i, j| (0..readers).map(|reader| success(reader, i, j)).sum());
    let mut pairs = all;
    for (pair, own) in pairs.iter_mut().zip(own) {
        *pair -= own;
    }

    let (n, m, j) = (n as f64, m as f64, readers as f64);
    let ways = [n * m, n * (n - 1.0) * m, n * m * (m - 1.0), n * (n - 1.0) * m * (m - 1.0)];
    let (own, pairs) = (distinct(own), distinct(pairs));
    let mut moments = [0.0; 8];
    let mut variance = 0.0;
    for k in 0..4 {
        moments[k] = own[k] / (ways[k] * j);
        moments[k + 4] = pairs[k] / (ways[k] * j * (j - 1.0));
        // c1 M1 is the sum over the whole number of products.
        variance += (own[k] + pairs[k]) / (n * m * j).powi(2);
    }
    variance -= moments[7];
    // Moments are at most 1: what is smaller is their rounding, as where all readers are perfect.
    if variance.abs() < 1e-14 {
        variance = 0.0;
    }
    Ok(UStatistics { value: total / (n * m * j), variance, moments })
}

/// Sums of products over (i, j, i', j'): the same two, any i with the same j, the same i with any j, any; and of s itself.
fn sums(n: usize, m: usize, s: impl Fn(usize, usize) -> f64) -> ([f64; 4], f64) {
    let (mut same, mut by_i, mut total) = (0.0, 0.0, 0.0);
    let mut columns = vec![0.0; m];
    for i in 0..n {
        let mut row = 0.0;
        for (j, column) in columns.iter_mut().enumerate() {
            let value = s(i, j);
            same += value * value;
            row += value;
            *column += value;
        }
        by_i += row * row;
        total += row;
    }
    let by_j: f64 = columns.iter().map(|column| column * column).sum();
    ([same, by_j, by_i, total * total], total)
}

/// The same sums over indices that differ where they may.
fn distinct([same, by_j, by_i, any]: [f64; 4]) -> [f64; 4] {
    [same, by_j - same, by_i - same, any - by_j - by_i + same]
}

fn add(to: &mut [f64; 4], what: [f64; 4]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += what;
    }
}
