//! Folds that keep a patient together.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{Binary, Clusters, Result, Undefined};

/// The fold of each row, below `count`. Clusters (rows, where there are none) stay whole. Those with the outcome and those
/// without are shuffled apart and dealt in turn, so that folds differ by at most one cluster of either kind. The same seed
/// gives the same folds.
///
/// # Errors
///
/// [`Undefined::Parameter`] below two folds; [`Undefined::TooFew`] where there are fewer clusters than folds.
pub fn folds(sample: &Binary, count: usize, seed: u64) -> Result<Vec<usize>> {
    if count < 2 {
        return Err(Undefined::Parameter { what: "the number of folds", value: count as f64, domain: "2 or more" });
    }
    let clusters = sample.clusters().cloned().unwrap_or_else(|| Clusters::each(sample.len()));
    if clusters.count() < count {
        return Err(Undefined::TooFew { what: "rows or clusters", found: clusters.count(), needed: count });
    }
    let mut positive = vec![false; clusters.count()];
    for row in 0..sample.len() {
        positive[clusters.of_row(row)] |= sample.positive()[row];
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut dealt = shuffled((0..clusters.count()).filter(|c| positive[*c]).collect(), &mut random);
    dealt.extend(shuffled((0..clusters.count()).filter(|c| !positive[*c]).collect(), &mut random));
    let mut of_cluster = vec![0; clusters.count()];
    for (turn, cluster) in dealt.into_iter().enumerate() {
        of_cluster[cluster] = turn % count;
    }
    Ok((0..sample.len()).map(|row| of_cluster[clusters.of_row(row)]).collect())
}

/// Fisher and Yates' shuffle.
fn shuffled(mut items: Vec<usize>, random: &mut Xoshiro256PlusPlus) -> Vec<usize> {
    for end in (1..items.len()).rev() {
        items.swap(end, below(end as u64 + 1, random) as usize);
    }
    items
}

/// A number below `bound`, all equally likely: draws that would favour some are thrown away.
fn below(bound: u64, random: &mut Xoshiro256PlusPlus) -> u64 {
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = random.next_u64();
        if drawn < fair {
            return drawn % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_stay_whole_and_classes_even() {
        let rows = 400;
        let patients: Vec<usize> = (0..rows).map(|row| row / 4).collect();
        let positive: Vec<bool> = (0..rows).map(|row| row % 20 == 0).collect();
        let scores = vec![0.5; rows];
        let sample = Binary::new(&scores, &positive).unwrap().clustered(Clusters::of(patients.iter())).unwrap();
        let found = folds(&sample, 5, 3).unwrap();
        assert!((0..rows).all(|row| found[row] == found[row / 4 * 4]));
        for fold in 0..5 {
            assert_eq!((0..rows).filter(|row| found[*row] == fold && positive[*row]).count(), 4);
            assert_eq!(found.iter().filter(|f| **f == fold).count(), 80);
        }
        assert_eq!(found, folds(&sample, 5, 3).unwrap());
        assert_ne!(found, folds(&sample, 5, 4).unwrap());
    }

    #[test]
    fn parameters() {
        let sample = Binary::new(&[0.1, 0.2, 0.3], &[true, false, true]).unwrap();
        assert!(matches!(folds(&sample, 1, 0), Err(Undefined::Parameter { .. })));
        assert!(matches!(folds(&sample, 4, 0), Err(Undefined::TooFew { .. })));
    }
}
