//! Along one axis: which samples make up each output, and with which weights.

use super::Unsound;

/// The samples and weights of every output along one axis.
///
/// Output `i` is the sum, in order, of its weights times the samples from its first on. A sample before the first of the
/// source is the first, one behind the last is the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    samples: usize,
    /// The first sample of each output.
    pub(super) firsts: Vec<i32>,
    /// Where the weights of each output begin, and where the last one's end.
    pub(super) starts: Vec<u32>,
    /// Of all outputs.
    pub(super) weights: Vec<f64>,
}

/// The most samples that an output of a source of next to nothing has outside of it.
const OUTSIDE_MAX: i64 = 4;

impl Axis {
    /// Over so many samples; `outputs` are their first samples and weights.
    ///
    /// # Errors
    ///
    /// There is no sample, no output, an output without weights or with one that is no number, or one whose samples lie
    /// further outside of the source than it is long, and [`OUTSIDE_MAX`].
    pub fn new(samples: usize, outputs: impl IntoIterator<Item = (i64, Vec<f64>)>) -> Result<Self, Unsound> {
        let mut axis = Self { samples, firsts: vec![], starts: vec![0], weights: vec![] };
        let size = i64::from(i32::try_from(samples).map_err(|_| Unsound("an axis that is too long"))?);
        for (first, weights) in outputs {
            let (end, far) = (first.saturating_add(weights.len() as i64), size + OUTSIDE_MAX);
            let near = -far <= first && end <= size + far && !weights.is_empty();
            Unsound::unless(near, "an output far from its samples")?;
            Unsound::unless(weights.iter().all(|w| w.is_finite()), "a weight that is no number")?;
            axis.firsts.push(first as i32);
            axis.weights.extend(weights);
            axis.starts.push(u32::try_from(axis.weights.len()).map_err(|_| Unsound("an axis of too many weights"))?);
        }
        Unsound::unless(samples > 0 && axis.outputs() > 0, "an axis of nothing")?;
        Ok(axis)
    }

    /// How many samples it is over.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How many outputs it has.
    pub fn outputs(&self) -> usize {
        self.firsts.len()
    }

    /// The samples of an output with their weights.
    pub(super) fn of(&self, output: usize) -> impl Iterator<Item = (usize, f64)> {
        let weights = &self.weights[self.starts[output] as usize..self.starts[output + 1] as usize];
        let sample = move |k: usize| (i64::from(self.firsts[output]) + k as i64).clamp(0, self.samples as i64 - 1);
        weights.iter().enumerate().map(move |(k, weight)| (sample(k) as usize, *weight))
    }

    /// The largest sum of an output's weights without their signs: how much it can enlarge.
    pub(super) fn gain(&self) -> f64 {
        let sum = |output: usize| self.of(output).map(|(_, weight)| weight.abs()).sum::<f64>();
        (0..self.outputs()).map(sum).fold(0.0, f64::max)
    }
}
