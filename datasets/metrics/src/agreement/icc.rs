//! Intraclass correlations: Shrout & Fleiss 1979; McGraw & Wong 1996.
//!
//! Of n subjects measured by k raters, with mean squares between subjects (BMS), within subjects (WMS), between raters (JMS)
//! and of the rest (EMS):
//!
//! | | one rating | the mean of k |
//! |---|---|---|
//! | [`Form::OneWay`], ICC(1, ·) | `(BMS - WMS) / (BMS + (k-1) WMS)` | `(BMS - WMS) / BMS` |
//! | [`Form::Agreement`], ICC(2, ·) | `(BMS - EMS) / (BMS + (k-1) EMS + k (JMS - EMS) / n)` | `(BMS - EMS) / (BMS + (JMS - EMS) / n)` |
//! | [`Form::Consistency`], ICC(3, ·) | `(BMS - EMS) / (BMS + (k-1) EMS)` | `(BMS - EMS) / BMS` |
//!
//! Intervals are by F; those of ICC(2, ·) by Satterthwaite's degrees of freedom. A correlation can be negative. Where the
//! denominator of F is 0 (raters that agree to a constant), there is no interval, and an error says so; so it is where
//! ICC(2, 1) or its lower limit is -1 / (k - 1) or less and the mean of k raters is asked for.

use crate::distributions::{f_quantile, f_upper};
use crate::sample::{finite, same_length};
use crate::{Confidence, Interval, Result, Test, Undefined};

/// What raters are, and what they should agree in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each subject has its own raters.
    OneWay,
    /// The raters are a sample of raters and should give the same number.
    Agreement,
    /// The raters are these, and a rater's constant shift is no disagreement.
    Consistency,
}

/// What is used later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// One rater's measurement.
    Single,
    /// The mean of all raters' measurements.
    Average,
}

/// Measurements of every subject by every rater.
///
/// Invariant: at least 2 subjects and 2 raters; all values finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    rows: Vec<Vec<f64>>,
}

/// The mean squares of an analysis of variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSquares {
    /// Between subjects.
    pub subjects: f64,
    /// Within subjects.
    pub within: f64,
    /// Between raters.
    pub raters: f64,
    /// Of what subjects and raters do not explain.
    pub rest: f64,
}

/// A correlation with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Icc {
    /// The correlation, at most 1.
    pub value: f64,
    /// Its interval by F.
    pub interval: Interval,
    /// Whether it is above 0: the statistic is F, the p value of its upper tail.
    pub test: Test,
}

impl Ratings {
    /// From `ratings[subject][rater]`.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`], [`Undefined::Length`], [`Undefined::Value`] with the row `subject * raters + rater`.
    pub fn new(ratings: &[Vec<f64>]) -> Result<Self> {
        let raters = ratings.first().map_or(0, Vec::len);
        for (what, found) in [("subjects", ratings.len()), ("raters", raters)] {
            if found < 2 {
                return Err(Undefined::TooFew { what, found, needed: 2 });
            }
        }
        ratings.iter().try_for_each(|row| same_length("ratings of a subject", raters, row.len()))?;
        finite("the rating", &ratings.concat())?;
        Ok(Self { rows: ratings.to_vec() })
    }

    /// The mean squares. Deviations that are rounding count as 0.
    pub fn mean_squares(&self) -> MeanSquares {
        let (n, k) = (self.rows.len() as f64, self.rows[0].len() as f64);
        let subjects: Vec<f64> = self.rows.iter().map(|row| row.iter().sum::<f64>() / k).collect();
        let raters: Vec<f64> =
            (0..self.rows[0].len()).map(|j| self.rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
        let grand = subjects.iter().sum::<f64>() / n;
        let largest = self.rows.iter().flatten().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let square = |x: f64| if x.abs() > 1e-14 * largest { x * x } else { 0.0 };
        let (mut within, mut rest) = (0.0, 0.0);
        for (row, mean) in self.rows.iter().zip(&subjects) {
            for (x, rater) in row.iter().zip(&raters) {
                within += square(x - mean);
                rest += square(x - mean - rater + grand);
            }
        }
        MeanSquares {
            subjects: k * subjects.iter().map(|mean| square(mean - grand)).sum::<f64>() / (n - 1.0),
            within: within / (n * (k - 1.0)),
            raters: n * raters.iter().map(|mean| square(mean - grand)).sum::<f64>() / (k - 1.0),
            rest: rest / ((n - 1.0) * (k - 1.0)),
        }
    }

    /// The correlation.
    ///
    /// ```
    /// use uvid_metrics::Confidence;
    /// use uvid_metrics::agreement::icc::{Form, Ratings, Unit};
    ///
    /// // Shrout & Fleiss 1979, table 2: six subjects, four judges.
    /// let rows = [[9., 2., 5., 8.], [6., 1., 3., 2.], [8., 4., 6., 8.], [7., 1., 2., 6.], [10., 5., 6., 9.], [6., 2., 4., 7.]];
    /// let ratings = Ratings::new(&rows.map(|row| row.to_vec()))?;
    /// let found = ratings.icc(Form::Agreement, Unit::Single, Confidence::P95)?;
    /// assert_eq!((found.value * 100.0).round(), 29.0);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the denominator of F, or of the correlation, is 0.
    pub fn icc(&self, form: Form, unit: Unit, confidence: Confidence) -> Result<Icc> {
        let (n, k) = (self.rows.len() as f64, self.rows[0].len() as f64);
        let squares = self.mean_squares();
        let (noise, degrees) = match form {
            Form::OneWay => (squares.within, n * (k - 1.0)),
            Form::Agreement | Form::Consistency => (squares.rest, (n - 1.0) * (k - 1.0)),
        };
        if noise == 0.0 {
            return Err(Undefined::Degenerate("the raters differ by a constant at most: F has no denominator"));
        }
        let f = ratio(squares.subjects, noise)?;
        let test = Test { statistic: f, p: f_upper(f, n - 1.0, degrees) };
        let upper_tail = 0.5 + confidence.get() / 2.0;
        let (single, interval) = match form {
            Form::OneWay | Form::Consistency => {
                let single = |f: f64| (f - 1.0) / (f + k - 1.0);
                let lower = f / f_quantile(upper_tail, n - 1.0, degrees);
                let upper = f * f_quantile(upper_tail, degrees, n - 1.0);
                (single(f), Interval { lower: single(lower), upper: single(upper) })
            }
            Form::Agreement => agreement(squares, n, k, upper_tail)?,
        };
        let of_unit = |single: f64| match unit {
            Unit::Single => ratio(single, 1.0),
            Unit::Average => average(single, k),
        };
        let interval = Interval { lower: of_unit(interval.lower)?, upper: of_unit(interval.upper)? };
        Ok(Icc { value: of_unit(single)?, interval, test })
    }
}

/// ICC(2, 1) with its interval, Shrout & Fleiss 1979, page 424.
fn agreement(squares: MeanSquares, n: f64, k: f64, upper_tail: f64) -> Result<(f64, Interval)> {
    let MeanSquares { subjects: b, raters: j, rest: e, .. } = squares;
    let value = ratio(b - e, b + (k - 1.0) * e + k * (j - e) / n)?;
    let rest = n * (1.0 + (k - 1.0) * value) - k * value;
    let from_raters = k * value * (j / e);
    let degrees = ratio(
        (k - 1.0) * (n - 1.0) * (from_raters + rest).powi(2),
        (n - 1.0) * from_raters * from_raters + rest * rest,
    )?;
    if degrees <= 0.0 {
        return Err(Undefined::Degenerate("the interval's F has no degrees of freedom"));
    }
    let low = f_quantile(upper_tail, n - 1.0, degrees);
    let high = f_quantile(upper_tail, degrees, n - 1.0);
    let noise = k * j + (k * n - k - n) * e;
    let lower = ratio(n * (b - low * e), low * noise + n * b)?;
    let upper = ratio(n * (high * b - e), noise + n * high * b)?;
    Ok((value, Interval { lower, upper }))
}

/// Spearman & Brown: the correlation of the mean of k. ICC(2, 1) and its lower limit can be -1 / (k - 1) or less; means of k
/// have no such correlation, and the formula would turn the limits round.
fn average(single: f64, k: f64) -> Result<f64> {
    let denominator = 1.0 + (k - 1.0) * single;
    if denominator <= 1e-12 {
        return Err(Undefined::Degenerate(
            "the correlation or its lower limit is -1 / (k - 1) or less: no mean has such",
        ));
    }
    ratio(k * single, denominator)
}

fn ratio(a: f64, b: f64) -> Result<f64> {
    let found = a / b;
    let undefined = "the correlation's denominator is 0, or the measurements are too large to be squared";
    if found.is_finite() { Ok(found) } else { Err(Undefined::Degenerate(undefined)) }
}
