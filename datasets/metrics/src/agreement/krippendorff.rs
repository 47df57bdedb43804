//! Krippendorff's alpha (Krippendorff 2011): any number of raters, any level of measurement, readings may be missing.
//!
//! `alpha = 1 - Do / De`. A subject with m_u readings can be paired where m_u is at least 2; others do not enter, by definition.
//! Of n readings that can be paired, `Do = (1 / n) Σ_u Σ_{i ≠ j} δ² / (m_u - 1)` within subjects and
//! `De = Σ_{i ≠ j} δ² / (n (n - 1))` over all. δ² of two readings is 1 where they differ (nominal), the square of their
//! difference (interval), or that of their midranks among all n (ordinal). The standard error is by the jackknife over subjects
//! that can be paired, each left out by itself: time goes as subjects times readings.

use crate::{Estimate, Result, Undefined, ranks};

/// What the readings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Names.
    Nominal,
    /// Places in an order.
    Ordinal,
    /// Numbers whose differences mean something.
    Interval,
}

/// Alpha of `readings[subject]`, one entry a rater, `None` where there is no reading.
///
/// ```
/// use uvid_metrics::agreement::krippendorff::{Level, alpha};
///
/// let readings = [[Some(1.), Some(1.)], [Some(2.), Some(2.)], [Some(1.), Some(2.)], [Some(2.), None]];
/// let found = alpha(&readings.map(|row| row.to_vec()), Level::Nominal)?;
/// assert!((found.value - 4.0 / 9.0).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Value`] with the row of the subject, [`Undefined::TooFew`] subjects with two readings (2), and
/// [`Undefined::Degenerate`] where all readings, but perhaps those of one subject, are the same.
pub fn alpha(readings: &[Vec<Option<f64>>], level: Level) -> Result<Estimate> {
    for (row, subject) in readings.iter().enumerate() {
        if let Some(&value) = subject.iter().flatten().find(|value| !value.is_finite()) {
            return Err(Undefined::Value { what: "the reading", row, value, domain: "a finite number" });
        }
    }
    let mut subjects: Vec<Vec<f64>> =
        readings.iter().map(|subject| subject.iter().flatten().copied().collect()).collect();
    subjects.retain(|subject| subject.len() >= 2);
    if subjects.len() < 2 {
        let what = "subjects with two readings";
        return Err(Undefined::TooFew { what, found: subjects.len(), needed: 2 });
    }
    let value = of_subjects(&subjects.iter().collect::<Vec<_>>(), level)?;
    let mut without = Vec::with_capacity(subjects.len());
    for left in 0..subjects.len() {
        let rest: Vec<&Vec<f64>> = (0..subjects.len()).filter(|k| *k != left).map(|k| &subjects[k]).collect();
        without.push(of_subjects(&rest, level)?);
    }
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    let spread: f64 = without.iter().map(|value| value - mean).filter(|d| d.abs() > 1e-14).map(|d| d * d).sum();
    Ok(Estimate { value, standard_error: ((n - 1.0) / n * spread).sqrt() })
}

fn of_subjects(subjects: &[&Vec<f64>], level: Level) -> Result<f64> {
    let all: Vec<f64> = subjects.iter().flat_map(|subject| subject.iter().copied()).collect();
    if all.iter().all(|value| *value == all[0]) {
        return Err(Undefined::Degenerate("all readings, but perhaps those of one subject, are the same"));
    }
    let placed = match level {
        Level::Ordinal => ranks::midranks(&all).0,
        Level::Nominal | Level::Interval => all,
    };
    let disagreement = |values: &[f64]| match level {
        Level::Nominal => unequal_pairs(values),
        Level::Ordinal | Level::Interval => squares_of_pairs(values),
    };
    let mut observed = 0.0;
    let mut from = 0;
    for subject in subjects {
        observed += disagreement(&placed[from..from + subject.len()]) / (subject.len() as f64 - 1.0);
        from += subject.len();
    }
    // Both have a factor of 1 / n.
    let expected = disagreement(&placed) / (placed.len() as f64 - 1.0);
    let found = 1.0 - observed / expected;
    if found.is_finite() { Ok(found) } else { Err(Undefined::Degenerate("the readings are too large or too near")) }
}

/// Ordered pairs that differ.
fn unequal_pairs(values: &[f64]) -> f64 {
    let order = ranks::order(values);
    let ties = order.chunk_by(|a, b| values[*a] == values[*b]);
    let n = values.len() as f64;
    n * n - ties.map(|tied| (tied.len() as f64).powi(2)).sum::<f64>()
}

/// The sum over ordered pairs of the squares of differences.
fn squares_of_pairs(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    2.0 * n * values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
}
