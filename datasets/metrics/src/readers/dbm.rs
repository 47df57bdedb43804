//! The analysis of Dorfman, Berbaum & Metz 1992 with the degrees of freedom of Hillis 2007.
//!
//! A unit's pseudovalue is `n θ - (n - 1) θ(without it)`, shifted so that pseudovalues of a modality and reader have the mean θ
//! (normalised, Hillis, Obuchowski, Schartz & Berbaum 2005). Their analysis of variance with modalities T, readers R and units C
//! gives mean squares, and F is `MS(T)` over
//!
//! - readers and cases: `MS(TR) + max(MS(TC) - MS(TRC), 0)`, with `that² / (MS(TR)² / ((I - 1)(J - 1)))` degrees of freedom;
//! - cases: `MS(TC)`, with `(I - 1)(n - 1)`;
//! - readers: `MS(TR)`, with `(I - 1)(J - 1)`.
//!
//! The variance of a difference of two modalities is `2 / (n J)` times that. For random readers all this equals Obuchowski &
//! Rockette with covariances by the jackknife ([`super::Figures::jackknife`]). For fixed readers it differs: the degrees of freedom
//! here are finite, and a negative part is not cut off.

use super::obuchowski_rockette::{f_test, satterthwaite};
use super::study::below;
use super::{FTest, FigureOfMerit, Random, StudentEstimate, resampling};
use crate::{Result, Undefined};

/// What is smaller, relative to the numbers that it is a difference of, is their rounding.
const ROUNDING: f64 = 1e-12;

/// The jackknife's pseudovalues of all modalities and readers.
#[derive(Debug, Clone, PartialEq)]
pub struct Pseudovalues {
    modalities: usize,
    readers: usize,
    units: usize,
    /// `[(modality * readers + reader) * units + unit]`.
    values: Vec<f64>,
}

/// Sums of squares over degrees of freedom; one that has none is 0.
struct MeanSquares {
    t: f64,
    tr: f64,
    tc: f64,
    trc: f64,
}

impl Pseudovalues {
    /// Normalised pseudovalues.
    ///
    /// # Errors
    ///
    /// As [`super::Figures::jackknife`].
    pub fn of<F: FigureOfMerit>(merit: &F) -> Result<Self> {
        let whole = resampling::whole(merit)?;
        let without = resampling::without_each(merit)?;
        let n = without.len() as f64;
        let mut values = Vec::with_capacity(whole.len() * without.len());
        for (place, theta) in whole.iter().enumerate() {
            let mean = without.iter().map(|row| row[place]).sum::<f64>() / n;
            values.extend(without.iter().map(|row| theta + (n - 1.0) * (mean - row[place])));
        }
        Ok(Self { modalities: merit.modalities(), readers: merit.readers(), units: without.len(), values })
    }

    /// The pseudovalues of a modality and reader, one a unit; their mean is the figure of merit.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is none such.
    pub fn values(&self, modality: usize, reader: usize) -> Result<&[f64]> {
        below("the modality", modality, self.modalities)?;
        below("the reader", reader, self.readers)?;
        let from = (modality * self.readers + reader) * self.units;
        Ok(&self.values[from..from + self.units])
    }

    /// Whether the modalities differ.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] modalities or, where readers are random, readers; [`Undefined::Degenerate`] where nothing varies.
    pub fn test(&self, random: Random) -> Result<FTest> {
        let squares = self.mean_squares();
        let (noise, denominator) = self.noise(&squares, random)?;
        f_test(Some(squares.t), noise, self.modalities as f64 - 1.0, denominator)
    }

    /// The mean of the readers under modality `one` less that under `other`.
    ///
    /// # Errors
    ///
    /// As [`super::Figures::difference`].
    pub fn difference(&self, one: usize, other: usize, random: Random) -> Result<StudentEstimate> {
        below("the modality", one, self.modalities)?;
        below("the modality", other, self.modalities)?;
        if one == other {
            let what = "the other modality";
            return Err(Undefined::Parameter { what, value: other as f64, domain: "another one" });
        }
        let (noise, degrees) = self.noise(&self.mean_squares(), random)?;
        let count = (self.readers * self.units) as f64;
        StudentEstimate::new(self.mean(&[one]) - self.mean(&[other]), 2.0 / count * noise, degrees)
    }

    fn noise(&self, squares: &MeanSquares, random: Random) -> Result<(f64, Option<f64>)> {
        if self.modalities < 2 {
            return Err(Undefined::TooFew { what: "modalities", found: self.modalities, needed: 2 });
        }
        if random != Random::Cases && self.readers < 2 {
            return Err(Undefined::TooFew { what: "readers", found: self.readers, needed: 2 });
        }
        let of_t = self.modalities as f64 - 1.0;
        let degrees = of_t * (self.readers as f64 - 1.0);
        Ok(match random {
            Random::ReadersAndCases => {
                let among_readers = squares.tc - squares.trc;
                let among_readers = if among_readers > ROUNDING * squares.tc { among_readers } else { 0.0 };
                satterthwaite(squares.tr, among_readers, degrees)
            }
            Random::Cases => (squares.tc, Some(of_t * (self.units as f64 - 1.0))),
            Random::Readers => (squares.tr, Some(degrees)),
        })
    }

    fn at(&self, i: usize, j: usize, k: usize) -> f64 {
        self.values[(i * self.readers + j) * self.units + k]
    }

    fn mean(&self, modalities: &[usize]) -> f64 {
        let of_one = |i: &usize| {
            let from = i * self.readers * self.units;
            self.values[from..from + self.readers * self.units].iter().sum::<f64>()
        };
        modalities.iter().map(of_one).sum::<f64>() / (modalities.len() * self.readers * self.units) as f64
    }

    fn mean_squares(&self) -> MeanSquares {
        let (i, j, k) = (self.modalities, self.readers, self.units);
        let average = |values: &mut dyn Iterator<Item = f64>, count: usize| values.sum::<f64>() / count as f64;
        let all: Vec<usize> = (0..i).collect();
        let grand = self.mean(&all);
        // What is rounding counts as 0: equal readers must not get a tiny standard error.
        let rounding = ROUNDING * self.values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let square = |x: f64| if x.abs() > rounding { x * x } else { 0.0 };
        let t: Vec<f64> = all.iter().map(|a| self.mean(&[*a])).collect();
        let c: Vec<f64> = (0..k)
            .map(|u| {
                average(&mut (0..i).flat_map(|a| (0..j).map(move |r| (a, r))).map(|(a, r)| self.at(a, r, u)), i * j)
            })
            .collect();
        let tr = |a: usize, r: usize| average(&mut (0..k).map(|u| self.at(a, r, u)), k);
        let trs: Vec<Vec<f64>> = (0..i).map(|a| (0..j).map(|r| tr(a, r)).collect()).collect();
        let rs: Vec<f64> = (0..j).map(|r| average(&mut trs.iter().map(|row| row[r]), i)).collect();
        let (mut s_tr, mut s_tc, mut s_trc) = (0.0, 0.0, 0.0);
        // A unit's mean over modalities for each reader, which the three-way residual needs.
        let rcs: Vec<Vec<f64>> =
            (0..j).map(|r| (0..k).map(|u| average(&mut (0..i).map(|a| self.at(a, r, u)), i)).collect()).collect();
        for a in 0..i {
            s_tr += (0..j).map(|r| square(trs[a][r] - t[a] - rs[r] + grand)).sum::<f64>();
            for u in 0..k {
                let tc = average(&mut (0..j).map(|r| self.at(a, r, u)), j);
                s_tc += square(tc - t[a] - c[u] + grand);
                for r in 0..j {
                    let rest = self.at(a, r, u) - trs[a][r] - tc - rcs[r][u] + t[a] + rs[r] + c[u] - grand;
                    s_trc += square(rest);
                }
            }
        }
        let over = |sum: f64, degrees: usize| if degrees == 0 { 0.0 } else { sum / degrees as f64 };
        MeanSquares {
            t: over((j * k) as f64 * t.iter().map(|t| square(t - grand)).sum::<f64>(), i - 1),
            tr: over(k as f64 * s_tr, (i - 1) * (j - 1)),
            tc: over(j as f64 * s_tc, (i - 1) * (k - 1)),
            trc: over(s_trc, (i - 1) * (j - 1) * (k - 1)),
        }
    }
}
