//! Average precision of resamples: the sum over scores, from the largest on, of the recall gained there times the precision
//! of all rows with that score or a larger one (no interpolation; ties are one step).

use super::draw::{Counts, LANES};
use super::sorted::Sorted;

/// The average precisions of a block; NaN where a resample has one class.
pub(super) fn evaluate(rows: &Sorted, counts: &[Counts], precisions: &mut [f64; LANES]) {
    let mut negatives = [0.0; LANES];
    let mut positives = [0.0; LANES];
    let mut total = [0.0; LANES];
    for [free, tied, positive] in rows.steps() {
        free.add_to(&mut negatives, counts);
        tied.add_to(&mut negatives, counts);
        let mut here = [0.0; LANES];
        positive.add_to(&mut here, counts);
        for lane in 0..LANES {
            positives[lane] += here[lane];
            let rows = positives[lane] + negatives[lane];
            let gained = here[lane] * positives[lane];
            total[lane] += gained / if rows == 0.0 { 1.0 } else { rows };
        }
    }
    for lane in 0..LANES {
        // Sums of weights are rounded: the quotient may pass 1 by a last bit. 0 / 0, without positives, is NaN and stays it.
        let precision = total[lane] / positives[lane];
        precisions[lane] = match negatives[lane] {
            0.0 => f64::NAN,
            _ if precision > 1.0 => 1.0,
            _ => precision,
        };
    }
}
