//! A smooth reliability curve.
//!
//! Local regression of the outcome on the forecast: Cleveland, JASA 74 (1979) 829; Cleveland & Devlin, JASA 83 (1988) 596.
//! At a point x, the q = floor(span n) rows nearest to it get the weight (1 - (d/h)³)³, d their distance, h that of the
//! q-th; the polynomial of the degree that fits them best, at x, is the curve there. It is R's `loess(y ~ p, weights, span,
//! degree, control = loess.control(surface = "direct"))`.
//!
//! **Weights** multiply the local ones; as in R, they do not change which rows are the nearest.
//! **Ties** are rows like others. **Not cut** to 0 and 1: neither are the published ICI and its like.
//! **Undefined**: fewer distinct forecasts with weight in a window than the degree + 1; R takes a pseudoinverse there.
//!
//! The polynomial is fitted in orthogonal polynomials on the window (Forsythe, J. SIAM 5 (1957) 74), which needs no matrix
//! and keeps its digits.

use rayon::prelude::*;

use super::{Curve, Forecasts};
use crate::ranks::order;
use crate::{Result, Undefined};

/// How smooth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loess {
    /// The share of rows in a window: above 0, at most 1.
    pub span: f64,
    /// The degree of the polynomial: 1 or 2.
    pub degree: usize,
    /// Where there are more distinct forecasts than this, the curve is computed at this many points, half of them spread
    /// evenly from the lowest forecast to the highest and half by rank, and is straight between. At least 2. With 500, a
    /// test finds curves within 5e-4 and the ICI within 1e-5 of those at every forecast; time goes as points times rows.
    pub points: usize,
}

impl Default for Loess {
    /// What Austin & Steyerberg (2019) use: span 0.75, degree 2. Up to 500 points.
    fn default() -> Self {
        Self { span: 0.75, degree: 2, points: 500 }
    }
}

/// Rows of one forecast.
struct Place {
    x: f64,
    weight: f64,
    mean: f64,
}

impl Loess {
    /// The curve, at every distinct forecast or at [`Loess::points`] of them.
    ///
    /// # Errors
    ///
    /// Parameters outside their domain; [`Undefined::Degenerate`] where a window has too few distinct forecasts.
    ///
    /// ```
    /// use uvid_metrics::{Binary, calibration::{Forecasts, Loess}};
    /// let p: Vec<f64> = (1..100).map(|i| f64::from(i) / 100.0).collect();
    /// let y: Vec<bool> = (1..100).map(|i| i % 10 < 5).collect();
    /// let forecasts = Forecasts::new(Binary::new(&p, &y)?)?;
    /// let errors = Loess::default().curve(&forecasts)?.errors(&forecasts)?;
    /// // Half of them have it, whatever was announced.
    /// assert!((errors.ici - 0.25).abs() < 0.05 && errors.emax > 0.4);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn curve(&self, forecasts: &Forecasts) -> Result<Curve> {
        let parameter = |what, value, domain| Err(Undefined::Parameter { what, value, domain });
        if !(self.span > 0.0 && self.span <= 1.0) {
            return parameter("the span", self.span, "above 0 and at most 1");
        }
        if !(1..=2).contains(&self.degree) {
            return parameter("the degree", self.degree as f64, "1 or 2");
        }
        if self.points < 2 {
            return parameter("the number of points", self.points as f64, "2 or more");
        }
        let (sorted, places) = gather(forecasts);
        // R adds this, lest a product like 0.3 * 10 lose a row.
        let nearest = (self.span * sorted.len() as f64 + 1e-5).floor() as usize;
        let predicted = self.grid(&sorted, &places);
        // Not into a result at once: that would be the first error in time.
        let observed: Vec<Result<f64>> =
            predicted.par_iter().map(|x| fit_at(*x, bandwidth(&sorted, *x, nearest), &places, self.degree)).collect();
        Ok(Curve { predicted, observed: observed.into_iter().collect::<Result<_>>()? })
    }

    fn grid(&self, sorted: &[f64], places: &[Place]) -> Vec<f64> {
        if places.len() <= self.points {
            return places.iter().map(|place| place.x).collect();
        }
        let (lowest, highest) = (sorted[0], sorted[sorted.len() - 1]);
        let by_rank = self.points / 2;
        let even = self.points - by_rank;
        let mut grid: Vec<f64> = (1..=by_rank).map(|i| sorted[i * (sorted.len() - 1) / (by_rank + 1)]).collect();
        grid.extend((0..even).map(|i| lowest + (highest - lowest) * i as f64 / (even - 1).max(1) as f64));
        grid.push(highest);
        grid.sort_by(f64::total_cmp);
        grid.retain(|x| *x <= highest);
        grid.dedup();
        grid
    }
}

/// The forecasts sorted, and the places that they share.
fn gather(forecasts: &Forecasts) -> (Vec<f64>, Vec<Place>) {
    let sample = forecasts.sample();
    let order = order(sample.scores());
    let places = order.chunk_by(|a, b| sample.scores()[*a] == sample.scores()[*b]).map(|tied| {
        let weight: f64 = tied.iter().map(|row| sample.weight(*row)).sum();
        let positive: f64 = tied.iter().filter(|row| sample.positive()[**row]).map(|row| sample.weight(*row)).sum();
        Place { x: sample.scores()[tied[0]], weight, mean: if weight > 0.0 { positive / weight } else { 0.0 } }
    });
    let places = places.collect();
    (order.iter().map(|row| sample.scores()[*row]).collect(), places)
}

/// The distance of the `nearest`-th of the sorted values from x.
fn bandwidth(sorted: &[f64], x: f64, nearest: usize) -> f64 {
    if nearest == 0 {
        return 0.0;
    }
    // The first window of so many values whose next value is not nearer than its first.
    let (mut low, mut high) = (0, sorted.len() - nearest);
    while low < high {
        let middle = (low + high) / 2;
        if x - sorted[middle] > sorted[middle + nearest] - x {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (x - sorted[low]).max(sorted[low + nearest - 1] - x)
}

/// The local polynomial at x.
fn fit_at(x: f64, bandwidth: f64, places: &[Place], degree: usize) -> Result<f64> {
    let from = places.partition_point(|place| place.x <= x - bandwidth);
    let to = places.partition_point(|place| place.x < x + bandwidth);
    let window = &places[from..to.max(from)];
    // Three passes: each needs sums of the one before. A million rows make this the cost of a curve.
    let distance = |place: &Place| (place.x - x) / bandwidth;
    let local: Vec<f64> = window
        .iter()
        .map(|place| {
            let u = distance(place).abs();
            let kernel = (1.0 - u * u * u).max(0.0);
            place.weight * kernel * kernel * kernel
        })
        .collect();
    if local.iter().filter(|weight| **weight > 0.0).count() <= degree {
        return Err(Undefined::Degenerate("the curve: too few distinct probabilities in a window (a larger span?)"));
    }
    let (mut norm0, mut along0, mut moment) = (0.0, 0.0, 0.0);
    for (place, weight) in window.iter().zip(&local) {
        norm0 += weight;
        along0 += weight * place.mean;
        moment += weight * distance(place);
    }
    let centre = moment / norm0;
    let first = |u: f64| u - centre;
    let (mut norm1, mut along1, mut moment) = (0.0, 0.0, 0.0);
    for (place, weight) in window.iter().zip(&local) {
        let u = distance(place);
        let value = first(u);
        norm1 += weight * value * value;
        along1 += weight * value * place.mean;
        moment += weight * value * value * u;
    }
    let mut value = along0 / norm0 + along1 / norm1 * first(0.0);
    if degree == 2 {
        let shift = moment / norm1;
        let second = |u: f64| (u - shift) * first(u) - norm1 / norm0;
        let (mut norm2, mut along2) = (0.0, 0.0);
        for (place, weight) in window.iter().zip(&local) {
            let value = second(distance(place));
            norm2 += weight * value * value;
            along2 += weight * value * place.mean;
        }
        value += along2 / norm2 * second(0.0);
    }
    // Points so near each other that squares of their distances vanish.
    if value.is_finite() { Ok(value) } else { Err(Undefined::Degenerate("the curve: the probabilities are too near")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;

    fn forecasts(n: usize) -> Forecasts {
        let p: Vec<f64> = (0..n).map(|i| ((i as f64 + 0.5) / n as f64).powi(3)).collect();
        let y: Vec<bool> = (0..n).map(|i| (i * 7919) % 1000 < 1000 * i / n).collect();
        Forecasts::new(Binary::new(&p, &y).unwrap()).unwrap()
    }

    #[test]
    fn a_grid_is_near_enough() {
        let forecasts = forecasts(4000);
        let exact = Loess { points: 4000, ..Loess::default() }.curve(&forecasts).unwrap();
        let grid = Loess::default().curve(&forecasts).unwrap();
        assert_eq!(exact.predicted.len(), 4000);
        assert!(grid.predicted.len() <= 501);
        for p in forecasts.sample().scores() {
            let (a, b) = (exact.at(*p).unwrap(), grid.at(*p).unwrap());
            assert!((a - b).abs() < 5e-4, "{p}: {a} {b}");
        }
        let (a, b) = (exact.errors(&forecasts).unwrap(), grid.errors(&forecasts).unwrap());
        assert!((a.ici - b.ici).abs() < 1e-5 && (a.emax - b.emax).abs() < 5e-4, "{a:?} {b:?}");
    }

    #[test]
    fn undefined() {
        let few = Forecasts::new(Binary::new(&[0.2, 0.2, 0.2, 0.7], &[true, false, true, true]).unwrap()).unwrap();
        assert!(matches!(Loess::default().curve(&few), Err(Undefined::Degenerate(_))));
        let fine = forecasts(50);
        for bad in [
            Loess { span: 0.0, ..Loess::default() },
            Loess { span: f64::NAN, ..Loess::default() },
            Loess { degree: 3, ..Loess::default() },
            Loess { points: 1, ..Loess::default() },
        ] {
            assert!(matches!(bad.curve(&fine), Err(Undefined::Parameter { .. })), "{bad:?}");
        }
        assert!(matches!(Loess { span: 0.01, ..Loess::default() }.curve(&fine), Err(Undefined::Degenerate(_))));
        assert!(Loess::default().curve(&fine).unwrap().at(0.9999999).is_err());
    }
}
