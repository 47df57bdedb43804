//! P values for many comparisons.

use crate::ranks::order;
use crate::sample::probabilities;
use crate::{Result, Undefined};

/// How to adjust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adjustment {
    /// Times the number of tests. Family-wise error, any dependence.
    Bonferroni,
    /// Step down (Holm 1979). Family-wise error, any dependence; never worse than Bonferroni.
    Holm,
    /// Step up (Hochberg 1988). Family-wise error, independent or positively dependent tests.
    Hochberg,
    /// Step up (Benjamini & Hochberg 1995). False discovery rate, independent or positively dependent tests.
    BenjaminiHochberg,
    /// Step up (Benjamini & Yekutieli 2001). False discovery rate, any dependence.
    BenjaminiYekutieli,
}

/// The adjusted p values, in the order of the given ones: to be compared to the level of the whole family.
///
/// # Errors
///
/// [`Undefined::Empty`]; [`Undefined::Value`] for what does not lie from 0 to 1.
///
/// ```
/// use uvid_metrics::subgroups::{Adjustment, adjust};
/// assert_eq!(adjust(&[0.01, 0.04, 0.03], Adjustment::Holm)?, [0.03, 0.06, 0.06]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn adjust(p: &[f64], adjustment: Adjustment) -> Result<Vec<f64>> {
    if p.is_empty() {
        return Err(Undefined::Empty("p values"));
    }
    probabilities("the p value", p)?;
    let (order, tests) = (order(p), p.len() as f64);
    // By what the p value of a rank (1 is the smallest) is multiplied.
    let harmonic: f64 = (1..=p.len()).map(|rank| 1.0 / rank as f64).sum();
    let factor = |rank: f64| match adjustment {
        Adjustment::Bonferroni => tests,
        Adjustment::Holm | Adjustment::Hochberg => tests - rank + 1.0,
        Adjustment::BenjaminiHochberg => tests / rank,
        Adjustment::BenjaminiYekutieli => tests / rank * harmonic,
    };
    let mut adjusted: Vec<f64> = vec![0.0; p.len()];
    for (before, row) in order.iter().enumerate() {
        adjusted[*row] = (p[*row] * factor(before as f64 + 1.0)).min(1.0);
    }
    // Adjusted values keep the order of the given ones: from the smallest up, or from the largest down.
    match adjustment {
        Adjustment::Bonferroni => {}
        Adjustment::Holm => run(&mut adjusted, order.iter(), f64::max),
        Adjustment::Hochberg | Adjustment::BenjaminiHochberg | Adjustment::BenjaminiYekutieli => {
            run(&mut adjusted, order.iter().rev(), f64::min);
        }
    }
    Ok(adjusted)
}

/// The running extreme.
fn run<'a>(values: &mut [f64], rows: impl Iterator<Item = &'a usize>, extreme: fn(f64, f64) -> f64) {
    let mut last: Option<f64> = None;
    for row in rows {
        let value = last.map_or(values[*row], |last| extreme(last, values[*row]));
        values[*row] = value;
        last = Some(value);
    }
}
