//! Several raters who sort the same subjects into categories: Fleiss 1971.
//!
//! With n ratings of each of N subjects, x_ij of them in category j, `po = Σ x_ij (x_ij - 1) / (N n (n - 1))`, p_j the share of
//! category j, `pe = Σ p_j²` and kappa `(po - pe) / (1 - pe)`. The raters of one subject need not be those of another. The
//! standard error is by the jackknife over subjects; under the hypothesis of no agreement but by chance it is that of Fleiss,
//! Nee & Landis 1979: `sqrt(2 / (N n (n - 1))) sqrt(a² - Σ p_j q_j (q_j - p_j)) / a` with `q = 1 - p` and `a = Σ p_j q_j`.

use super::kappa::Kappa;
use crate::sample::same_length;
use crate::{Estimate, Result, Undefined};

/// Fleiss' kappa of `counts[subject][category]`, how many raters put the subject into the category.
///
/// ```
/// use uvid_metrics::agreement::fleiss::fleiss;
///
/// let kappa = fleiss(&[vec![3, 0], vec![0, 3], vec![2, 1]])?;
/// assert!((kappa.estimate.value - 0.55).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::TooFew`] subjects (2), ratings of a subject (2) or categories (2), [`Undefined::Length`] and
/// [`Undefined::Value`] where subjects have other numbers of categories or ratings than the first, and
/// [`Undefined::Degenerate`] where all ratings are of one category, or all but one subject's.
pub fn fleiss(counts: &[Vec<u32>]) -> Result<Kappa> {
    let first = counts.first().ok_or(Undefined::Empty("subjects"))?;
    let ratings = first.iter().map(|count| f64::from(*count)).sum::<f64>();
    let needed = [("subjects", counts.len()), ("categories", first.len()), ("ratings of a subject", ratings as usize)];
    for (what, found) in needed {
        if found < 2 {
            return Err(Undefined::TooFew { what, found, needed: 2 });
        }
    }
    let mut categories = vec![0.0; first.len()];
    let mut agreements = Vec::with_capacity(counts.len());
    for (row, subject) in counts.iter().enumerate() {
        same_length("categories of a subject", first.len(), subject.len())?;
        let value = subject.iter().map(|count| f64::from(*count)).sum::<f64>();
        if value != ratings {
            let domain = "the same for every subject";
            return Err(Undefined::Value { what: "the number of ratings", row, value, domain });
        }
        agreements.push(subject.iter().map(|x| f64::from(*x)).map(|x| x * (x - 1.0)).sum::<f64>());
        categories.iter_mut().zip(subject).for_each(|(sum, count)| *sum += f64::from(*count));
    }

    let subjects = counts.len() as f64;
    let agreement: f64 = agreements.iter().sum();
    let (value, observed, expected) = kappa(agreement, &categories, subjects, ratings)?;
    let mut without = Vec::with_capacity(counts.len());
    for (subject, own) in counts.iter().zip(&agreements) {
        let rest: Vec<f64> = categories.iter().zip(subject).map(|(sum, count)| sum - f64::from(*count)).collect();
        without.push(kappa(agreement - own, &rest, subjects - 1.0, ratings)?.0);
    }
    let mean = without.iter().sum::<f64>() / subjects;
    let spread: f64 = without.iter().map(|value| value - mean).filter(|d| d.abs() > 1e-14).map(|d| d * d).sum();

    let shares = || categories.iter().map(|sum| sum / (subjects * ratings));
    let a: f64 = shares().map(|p| p * (1.0 - p)).sum();
    let b: f64 = shares().map(|p| p * (1.0 - p) * (1.0 - 2.0 * p)).sum();
    let scale = 2.0 / (subjects * ratings * (ratings - 1.0));
    Ok(Kappa {
        estimate: Estimate { value, standard_error: ((subjects - 1.0) / subjects * spread).sqrt() },
        null_standard_error: (scale * (a * a - b).max(0.0)).sqrt() / a,
        observed,
        expected,
    })
}

/// Kappa, observed and expected agreement.
fn kappa(agreement: f64, categories: &[f64], subjects: f64, ratings: f64) -> Result<(f64, f64, f64)> {
    let total = subjects * ratings;
    if categories.contains(&total) {
        return Err(Undefined::Degenerate("all ratings, but perhaps those of one subject, are of one category"));
    }
    let observed = agreement / (total * (ratings - 1.0));
    let expected: f64 = categories.iter().map(|sum| (sum / total).powi(2)).sum();
    Ok(((observed - expected) / (1.0 - expected), observed, expected))
}
