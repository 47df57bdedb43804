//! A ratio of two sums over rows: means, and every rate at a threshold. Rows are summed by cluster once, so a resample
//! costs as much as there are clusters that count.

use super::design::Design;
use super::draw::{Counts, LANES};
use crate::sample::{finite, same_length};
use crate::{Result, Undefined};

const EMPTY: Undefined = Undefined::Degenerate("the denominator of the ratio is 0");

/// The sums of each cluster that has any.
#[derive(Debug, Clone)]
pub(super) struct Ratio(Vec<Part>);

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    slot: usize,
    above: f64,
    below: f64,
    /// Rows whose denominator is not 0, to tell nothing from a rounded sum.
    rows: usize,
}

impl Ratio {
    pub fn new(design: &Design, numerators: &[f64], denominators: &[f64]) -> Result<Self> {
        same_length("numerators", design.rows(), numerators.len())?;
        same_length("denominators", design.rows(), denominators.len())?;
        finite("the numerator", numerators)?;
        finite("the denominator", denominators)?;
        if let Some((row, &value)) = denominators.iter().enumerate().find(|(_, value)| **value < 0.0) {
            return Err(Undefined::Value { what: "the denominator", row, value, domain: "not negative" });
        }
        let mut parts = vec![Part::default(); design.clusters()];
        for row in 0..design.rows() {
            let slot = design.slot_of_row(row) as usize;
            let part = &mut parts[slot];
            part.slot = slot;
            part.above += numerators[row];
            part.below += denominators[row];
            part.rows += usize::from(denominators[row] > 0.0);
        }
        parts.retain(|part| part.above != 0.0 || part.below != 0.0);
        if parts.iter().all(|part| part.rows == 0) { Err(EMPTY) } else { Ok(Self(parts)) }
    }

    /// The ratios of a block; NaN where the denominator is 0.
    pub fn evaluate(&self, counts: &[Counts], ratios: &mut [f64; LANES]) {
        let mut above = [0.0; LANES];
        let mut below = [0.0; LANES];
        for part in &self.0 {
            let counts = &counts[part.slot];
            for lane in 0..LANES {
                let count = f64::from(counts[lane]);
                above[lane] += count * part.above;
                below[lane] += count * part.below;
            }
        }
        for lane in 0..LANES {
            ratios[lane] = if below[lane] == 0.0 { f64::NAN } else { above[lane] / below[lane] };
        }
    }

    /// The ratio without each cluster, by slot.
    pub fn jackknife(&self, design: &Design) -> Result<Vec<f64>> {
        let sum = |of: fn(&Part) -> f64| self.0.iter().map(of).sum::<f64>();
        let (above, below) = (sum(|part| part.above), sum(|part| part.below));
        let rows: usize = self.0.iter().map(|part| part.rows).sum();
        let mut values = vec![above / below; design.clusters()];
        for part in &self.0 {
            if part.rows == rows {
                return Err(EMPTY);
            }
            values[part.slot] = (above - part.above) / (below - part.below);
        }
        Ok(values)
    }
}
