//! Paired differences: two methods measured on the same items.
//!
//! - Mean difference `d = mean(b - a)` with a 95 % interval `d +/- t(m - 1) * SE`, where the items come in `m` clusters
//!   (the images of an exam are not independent): `SE = sqrt(m / (m - 1) * sum over clusters of (sum of residuals)^2) / n`.
//!   With one item a cluster this is `s / sqrt(n)`, the paired t interval. Cameron and Miller, "A practitioner's guide to
//!   cluster-robust inference", J. Human Resources 2015, section II.
//! - Limits of agreement `d +/- 1.96 s`: Bland and Altman, Lancet 1986.
//! - Spearman's rank correlation: Pearson's of the ranks, equal values having the mean of their ranks.
//!
//! Invariant: what is not defined (too few items, values that are all the same) is `None`, never a number.

use std::collections::BTreeMap;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// One item, measured twice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// What it shares with items that are not independent of it.
    pub cluster: usize,
    /// By the first method; finite.
    pub a: f64,
    /// By the second; finite.
    pub b: f64,
}

/// What the differences `b - a` of some items are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Differences {
    /// Items.
    pub n: usize,
    /// Clusters.
    pub clusters: usize,
    /// Mean of the first method.
    pub mean_a: f64,
    /// Mean of the second.
    pub mean_b: f64,
    /// Mean difference.
    pub mean: f64,
    /// Its 95 % interval; needs two clusters.
    pub interval: Option<[f64; 2]>,
    /// Standard deviation of the differences (n - 1); needs two items.
    pub sd: Option<f64>,
    /// Limits of agreement; need two items.
    pub limits: Option<[f64; 2]>,
    /// Which item has the largest absolute difference; the first of equals.
    pub largest: usize,
    /// Spearman's correlation; needs two items and, by either method, two different values.
    pub spearman: Option<f64>,
}

impl Differences {
    /// Of these items; `None` if there are none.
    pub fn of(pairs: &[Pair]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let differences: Vec<f64> = pairs.iter().map(|p| p.b - p.a).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (p.a, p.b)).unzip();
        let d = mean(&differences);
        let mut residuals: BTreeMap<usize, f64> = BTreeMap::new();
        for (pair, difference) in pairs.iter().zip(&differences) {
            *residuals.entry(pair.cluster).or_default() += difference - d;
        }
        let (n, m) = (pairs.len() as f64, residuals.len() as f64);
        let interval = (residuals.len() > 1).then(|| {
            let se = (m / (m - 1.0) * residuals.values().map(|r| r * r).sum::<f64>()).sqrt() / n;
            let reach = t_975(residuals.len() - 1) * se;
            [d - reach, d + reach]
        });
        let sd =
            (pairs.len() > 1).then(|| (differences.iter().map(|x| (x - d) * (x - d)).sum::<f64>() / (n - 1.0)).sqrt());
        let larger = |best: usize, i: usize| if differences[i].abs() > differences[best].abs() { i } else { best };
        Some(Self {
            n: pairs.len(),
            clusters: residuals.len(),
            mean_a: mean(&a),
            mean_b: mean(&b),
            mean: d,
            interval,
            sd,
            limits: sd.map(|sd| [d - 1.96 * sd, d + 1.96 * sd]),
            largest: (0..pairs.len()).fold(0, larger),
            spearman: correlation(&ranks(&a), &ranks(&b)),
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Ranks from 1; equal values have the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut ranks = vec![0.0; values.len()];
    for equals in order.chunk_by(|i, j| values[*i] == values[*j]) {
        let below = order.partition_point(|i| values[*i] < values[equals[0]]);
        equals.iter().for_each(|i| ranks[*i] = below as f64 + (equals.len() as f64 + 1.0) / 2.0);
    }
    ranks
}

/// Pearson's correlation; `None` where one side is constant.
fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| f(x - mx, y - my)).sum::<f64>();
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

/// The 97.5 % point of Student's t: where `P(|T| < t) = 0.95`, found by halving the angle `atan(t / sqrt(df))`.
fn t_975(df: usize) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if t_within(middle, df) < 0.95 { low = middle } else { high = middle }
    }
    ((low + high) / 2.0).tan() * (df as f64).sqrt()
}

/// `P(|T| < sqrt(df) * tan(angle))`: Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn t_within(angle: f64, df: usize) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = df % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = if df == 1 { 0.0 } else { term };
    let mut k = if odd { 3 } else { 2 };
    while k < df {
        term *= cos * cos * (k - 1) as f64 / k as f64;
        sum += term;
        k += 2;
    }
    if odd { FRAC_2_PI * (angle + sin * sum) } else { sin * sum }
}

#[cfg(test)]
#[path = "paired_tests.rs"]
mod tests;
