//! Isotonic regression by pooling adjacent violators.

use super::forecasts::both_classes;
use crate::ranks::order;
use crate::{Binary, Result};

/// The non-decreasing step function nearest to the outcomes, in squares: Ayer et al., Annals of Mathematical Statistics 26
/// (1955) 641; as calibration, Zadrozny & Elkan, KDD 2002. Equal scores are one point. Between blocks it is straight, and
/// beyond the ends constant, as scikit-learn has it with `out_of_bounds="clip"`.
///
/// It gives 0 and 1 exactly where the lowest or highest block has one class: a forecast that has no log odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    scores: Vec<f64>,
    values: Vec<f64>,
}

/// Adjacent points of one value.
struct Block {
    first: f64,
    last: f64,
    weight: f64,
    mean: f64,
}

impl Isotonic {
    /// Fits; rows of weight 0 do not count.
    ///
    /// # Errors
    ///
    /// [`OneClass`](crate::Undefined::OneClass): it would say 0 or 1 of everything.
    pub fn fit(sample: &Binary) -> Result<Self> {
        both_classes(sample)?;
        let rows: Vec<usize> = order(sample.scores()).into_iter().filter(|row| sample.weight(*row) > 0.0).collect();
        let mut blocks: Vec<Block> = Vec::new();
        for tied in rows.chunk_by(|a, b| sample.scores()[*a] == sample.scores()[*b]) {
            let weight: f64 = tied.iter().map(|row| sample.weight(*row)).sum();
            let positive: f64 = tied.iter().filter(|row| sample.positive()[**row]).map(|row| sample.weight(*row)).sum();
            let score = sample.scores()[tied[0]];
            let mut block = Block { first: score, last: score, weight, mean: positive / weight };
            while let Some(below) = blocks.pop_if(|below| below.mean >= block.mean) {
                let weight = below.weight + block.weight;
                let mean = (below.weight * below.mean + block.weight * block.mean) / weight;
                block = Block { first: below.first, last: block.last, weight, mean };
            }
            blocks.push(block);
        }
        let (mut scores, mut values) = (Vec::new(), Vec::new());
        for block in &blocks {
            scores.push(block.first);
            values.push(block.mean);
            if block.last > block.first {
                scores.push(block.last);
                values.push(block.mean);
            }
        }
        Ok(Self { scores, values })
    }

    /// The value at a score that is a number.
    pub(super) fn at(&self, score: f64) -> f64 {
        let after = self.scores.partition_point(|s| *s < score);
        if after == self.scores.len() {
            return self.values[after - 1];
        }
        if after == 0 || self.scores[after] == score {
            return self.values[after];
        }
        // Halves, for the distance of two finite scores may be infinite.
        let distance = |a: f64, b: f64| a / 2.0 - b / 2.0;
        let share = distance(score, self.scores[after - 1]) / distance(self.scores[after], self.scores[after - 1]);
        self.values[after - 1] + share * (self.values[after] - self.values[after - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Undefined;

    #[test]
    fn pools() {
        let check = |scores: &[f64], positive: &[bool], expected: &[f64]| {
            let fit = Isotonic::fit(&Binary::new(scores, positive).unwrap()).unwrap();
            let found: Vec<f64> = scores.iter().map(|s| fit.at(*s)).collect();
            assert_eq!(found, expected);
        };
        check(&[1.0, 2.0, 3.0], &[false, true, true], &[0.0, 1.0, 1.0]);
        check(&[1.0, 2.0, 3.0, 4.0], &[false, true, false, true], &[0.0, 0.5, 0.5, 1.0]);
        check(&[3.0, 1.0, 2.0], &[false, true, true], &[2.0 / 3.0; 3]);
        check(&[5.0, 5.0, 6.0], &[true, false, true], &[0.5, 0.5, 1.0]);
    }

    #[test]
    fn between_and_beyond() {
        let fit = Isotonic::fit(&Binary::new(&[1.0, 3.0], &[false, true]).unwrap()).unwrap();
        assert_eq!([0.0, 1.0, 1.5, 3.0, 9.0].map(|s| fit.at(s)), [0.0, 0.0, 0.25, 1.0, 1.0]);
    }

    #[test]
    fn one_class() {
        let sample = Binary::new(&[1.0, 3.0], &[false, true]).unwrap();
        assert!(Isotonic::fit(&sample.clone().weighted(&[1.0, 0.0]).unwrap()).is_err());
        assert!(Isotonic::fit(&sample.weighted(&[0.0, 1.0]).unwrap()).is_err());
        assert!(matches!(
            Isotonic::fit(&Binary::new(&[1.0, 3.0], &[true, true]).unwrap()),
            Err(Undefined::OneClass { .. })
        ));
    }
}
