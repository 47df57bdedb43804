//! Areas under the AFROC curve: Chakraborty & Berbaum 2004; Chakraborty & Zhai 2016 for weights.
//!
//! A case's false rating X is its highest false mark, a lesion's rating Y the score by which it was found; minus infinity
//! where there is none. The area is the mean of ψ(X, Y) = 1 where Y > X, 1/2 where they are equal (both minus infinity
//! too, which is the straight line from the curve's last point to (1, 1)), else 0, over all pairs of a case and a lesion:
//!
//! - X of normal cases only (AFROC, "JAFROC"), or of all cases (AFROC1, "JAFROC1");
//! - each lesion the same, or each case the same and its lesions by their weights (wAFROC, wAFROC1).

use crate::readers::{Entry, Superiority};
use crate::{Result, Undefined};

use super::Cases;

/// Whose false ratings are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FalseRatings {
    /// Those of cases without lesions.
    OfNormalCases,
    /// Those of all cases.
    OfAllCases,
}

/// What a lesion weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// One.
    Lesions,
    /// Its weight in its case, so that each case weighs one.
    Cases,
}

/// The AFROC curve at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    /// Marks of at least this score count.
    pub threshold: f64,
    /// The share of cases with a false mark.
    pub false_positive_fraction: f64,
    /// The (weighted) share of lesions found.
    pub lesion_fraction: f64,
}

/// The area.
///
/// # Errors
///
/// [`Undefined::OneClass`] where there is no lesion (positive), or no case whose false rating is counted (negative).
pub fn area(cases: &Cases, ratings: FalseRatings, weighting: Weighting) -> Result<f64> {
    let (_, units) = cases.units();
    ranking(cases, ratings, weighting).value(&vec![1; units])
}

/// The curve at each rating that occurs, from the highest to the lowest; it starts at (0, 0) and ends, by a straight line, at
/// (1, 1).
///
/// # Errors
///
/// As [`area`].
pub fn curve(cases: &Cases, ratings: FalseRatings, weighting: Weighting) -> Result<Vec<Operating>> {
    let mut entries = entries(cases, ratings, weighting);
    let total = |weight: fn(&Entry) -> f64| entries.iter().map(weight).sum::<f64>();
    let (negatives, positives) = (total(|e| e.negative), total(|e| e.positive));
    if negatives == 0.0 || positives == 0.0 {
        let counted = |weight: fn(&Entry) -> f64| entries.iter().filter(|e| weight(e) > 0.0).count();
        return Err(Undefined::OneClass { positives: counted(|e| e.positive), negatives: counted(|e| e.negative) });
    }
    entries.retain(|entry| entry.value.is_finite());
    entries.sort_by(|a, b| (b.value + 0.0).total_cmp(&(a.value + 0.0)));
    let (mut x, mut y) = (0.0, 0.0);
    let point = |tied: &[Entry]| {
        x += tied.iter().map(|entry| entry.negative).sum::<f64>();
        y += tied.iter().map(|entry| entry.positive).sum::<f64>();
        let threshold = tied[0].value;
        Operating { threshold, false_positive_fraction: x / negatives, lesion_fraction: y / positives }
    };
    Ok(entries.chunk_by(|a, b| a.value == b.value).map(point).collect())
}

pub(super) fn ranking(cases: &Cases, ratings: FalseRatings, weighting: Weighting) -> Superiority {
    Superiority::new(entries(cases, ratings, weighting))
}

fn entries(cases: &Cases, ratings: FalseRatings, weighting: Weighting) -> Vec<Entry> {
    let (unit, _) = cases.units();
    let mut entries = Vec::new();
    for (case, unit) in cases.get().iter().zip(unit) {
        if ratings == FalseRatings::OfAllCases || case.lesions.is_empty() {
            entries.push(Entry { value: case.highest_false(), unit, negative: 1.0, positive: 0.0 });
        }
        for (lesion, score) in case.lesions.iter().enumerate() {
            let positive = match weighting {
                Weighting::Lesions => 1.0,
                Weighting::Cases => case.weight(lesion),
            };
            entries.push(Entry { value: score.unwrap_or(f64::NEG_INFINITY), unit, negative: 0.0, positive });
        }
    }
    entries
}
