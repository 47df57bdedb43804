//! The area under the ROC curve of resamples: the weighted share of pairs of a positive and a negative in which the
//! positive has the larger score, a tie counted half (Bamber 1975).
//!
//! Rows are sorted once. A resample changes only how often a row counts, so its area is one pass: with `B` the weight of the
//! negatives below and `T` that of those tied, a positive of weight `w` adds `w (2 B + T)`; the sum over `2 P N` is the
//! area. Without weights every sum is an integer below 2^53 as long as a resample has fewer than 1e8 rows: exact.

use super::design::Design;
use super::draw::{Counts, LANES};
use super::sorted::Sorted;
use crate::{Result, Undefined};

/// The areas of a block; NaN where a resample has one class.
pub(super) fn evaluate(rows: &Sorted, counts: &[Counts], areas: &mut [f64; LANES]) {
    let mut negatives = [0.0; LANES];
    let mut positives = [0.0; LANES];
    let mut wins = [0.0; LANES];
    for [free, tied, positive] in rows.steps() {
        free.add_to(&mut negatives, counts);
        let mut here = [0.0; LANES];
        positive.add_to(&mut here, counts);
        if tied.slots.is_empty() {
            for lane in 0..LANES {
                wins[lane] += here[lane] * (2.0 * negatives[lane]);
                positives[lane] += here[lane];
            }
        } else {
            let mut equal = [0.0; LANES];
            tied.add_to(&mut equal, counts);
            for lane in 0..LANES {
                wins[lane] += here[lane] * (2.0 * negatives[lane] + equal[lane]);
                positives[lane] += here[lane];
                negatives[lane] += equal[lane];
            }
        }
    }
    for lane in 0..LANES {
        // 0 / 0, which is NaN and stays it, where a class is missing. Sums of weights are rounded: the quotient may pass 1.
        let area = wins[lane] / (2.0 * positives[lane] * negatives[lane]);
        areas[lane] = if area > 1.0 { 1.0 } else { area };
    }
}

/// What a cluster has to do with the area.
#[derive(Clone, Copy, Default)]
struct Part {
    /// Twice the pairs won by its positives, over all negatives.
    positives_win: f64,
    /// Twice the pairs lost by its negatives, over all positives.
    negatives_lose: f64,
    /// Twice the pairs won within it, which the two above both count.
    within: f64,
    positive: f64,
    negative: f64,
    /// Rows of some weight, to tell an empty class from a rounded sum.
    positive_rows: usize,
    negative_rows: usize,
}

/// The area without each cluster, by slot, in O(rows): the placements of DeLong et al. (1988) summed by cluster.
pub(super) fn jackknife(rows: &Sorted, design: &Design) -> Result<Vec<f64>> {
    let mut parts = vec![Part::default(); design.clusters()];
    let mut all = Part::default();
    for [_, _, positive] in rows.steps() {
        for (slot, weight) in positive.iter() {
            for part in [&mut parts[slot], &mut all] {
                part.positive += weight;
                part.positive_rows += usize::from(weight > 0.0);
            }
        }
    }
    let mut above = all.positive;
    for [free, tied, positive] in rows.steps() {
        for (slot, weight) in free.iter() {
            negative(&mut parts[slot], &mut all, weight, 2.0 * above);
        }
        let here: f64 = positive.iter().map(|(_, weight)| weight).sum();
        let equal: f64 = tied.iter().map(|(_, weight)| weight).sum();
        let below = 2.0 * all.negative + equal;
        // Within a cluster a positive wins twice over what is below and once over what is tied: once before the tied are
        // added and once after.
        for (slot, weight) in positive.iter() {
            let part = &mut parts[slot];
            part.positives_win += weight * below;
            part.within += weight * part.negative;
            all.positives_win += weight * below;
        }
        for (slot, weight) in tied.iter() {
            negative(&mut parts[slot], &mut all, weight, 2.0 * (above - here) + here);
        }
        for (slot, weight) in positive.iter() {
            parts[slot].within += weight * parts[slot].negative;
        }
        above -= here;
    }
    parts.iter().map(|part| without(&all, part)).collect()
}

fn negative(part: &mut Part, all: &mut Part, weight: f64, lost: f64) {
    part.negatives_lose += weight * lost;
    for part in [part, all] {
        part.negative += weight;
        part.negative_rows += usize::from(weight > 0.0);
    }
}

fn without(all: &Part, part: &Part) -> Result<f64> {
    let positives = all.positive_rows - part.positive_rows;
    let negatives = all.negative_rows - part.negative_rows;
    if positives == 0 || negatives == 0 {
        return Err(Undefined::OneClass { positives, negatives });
    }
    let wins = all.positives_win - part.positives_win - part.negatives_lose + part.within;
    let area = wins / (2.0 * (all.positive - part.positive) * (all.negative - part.negative));
    // Weights so unlike that nothing is left of the others give NaN, which must stay one.
    Ok(if area > 1.0 { 1.0 } else { area })
}
