//! How the values of views become those of breasts, and those of breasts the exam's. It is part of the package: papers
//! differ, and the numbers with them.

use serde::{Deserialize, Serialize};
use uvid_exam::{Laterality, Slot};

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combine {
    /// The views of a breast.
    pub breast: Combination,
    /// The breasts of an exam.
    pub exam: Combination,
}

/// A way to make one value of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combination {
    /// Arithmetic mean.
    Mean,
    /// The largest.
    Max,
}

impl Combination {
    /// Class by class; NaN of nothing.
    pub fn of<const N: usize>(self, values: &[[f64; N]]) -> [f64; N] {
        std::array::from_fn(|class| {
            let values = values.iter().map(|v| v[class]);
            match self {
                Self::Mean => values.clone().sum::<f64>() / values.count() as f64,
                // f64::max would take the other for a NaN.
                Self::Max => values.reduce(|a, b| if a.is_nan() || a > b { a } else { b }).unwrap_or(f64::NAN),
            }
        })
    }
}

impl Combine {
    /// The values of each breast that has a view, left first.
    pub fn breasts<const N: usize>(&self, views: &[(Slot, [f64; N])]) -> Vec<(Laterality, [f64; N])> {
        let breast = |laterality: Laterality| {
            let of = |(slot, v): &(Slot, [f64; N])| (slot.laterality() == laterality).then_some(*v);
            let views: Vec<_> = views.iter().filter_map(of).collect();
            (!views.is_empty()).then(|| (laterality, self.breast.of(&views)))
        };
        Laterality::ALL.into_iter().filter_map(breast).collect()
    }

    /// The exam's values.
    pub fn exam<const N: usize>(&self, breasts: &[(Laterality, [f64; N])]) -> [f64; N] {
        self.exam.of(&breasts.iter().map(|(_, v)| *v).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_become_breasts_and_breasts_the_exam() {
        let views = [(Slot::LeftCc, [0.2, 1.0]), (Slot::LeftMlo, [0.4, 3.0]), (Slot::RightCc, [0.9, 0.0])];
        let check = |breast, exam, breasts: [[f64; 2]; 2], expected: [f64; 2]| {
            let combine = Combine { breast, exam };
            let found = combine.breasts(&views);
            assert_eq!(found, [(Laterality::Left, breasts[0]), (Laterality::Right, breasts[1])]);
            assert_eq!(combine.exam(&found), expected);
        };
        use Combination::{Max, Mean};
        check(Max, Max, [[0.4, 3.0], [0.9, 0.0]], [0.9, 3.0]);
        check(Max, Mean, [[0.4, 3.0], [0.9, 0.0]], [0.65, 1.5]);
        check(Mean, Max, [[(0.2 + 0.4) / 2.0, 2.0], [0.9, 0.0]], [0.9, 2.0]);
        assert!(Max.of::<1>(&[])[0].is_nan());
        for values in [[[f64::NAN], [1.0]], [[1.0], [f64::NAN]]] {
            assert!(Max.of(&values)[0].is_nan() && Mean.of(&values)[0].is_nan());
        }
    }
}
