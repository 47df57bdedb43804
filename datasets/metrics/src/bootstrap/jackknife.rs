//! Leaving out one cluster at a time.

use rayon::prelude::*;

use super::design::Design;
use crate::sample::{finite, same_length};
use crate::{Result, Undefined};

/// The values of a function without each cluster, in the order of the clusters. It is given how often each cluster
/// counts (1, or 0 for the one left out) and a scratch value, as in [`super::run`].
///
/// # Errors
///
/// The first of the function's, by cluster; [`Undefined::Value`] for a value that is not finite.
pub fn jackknife<S>(
    design: &Design,
    scratch: impl Fn() -> S + Sync + Send,
    statistic: impl Fn(&mut S, &[u32]) -> Result<f64> + Sync + Send,
) -> Result<Vec<f64>> {
    let start = || (scratch(), vec![1; design.clusters()]);
    let values: Vec<Result<f64>> = (0..design.clusters())
        .into_par_iter()
        .map_init(start, |(scratch, counts), cluster| {
            counts[cluster] = 0;
            let value = statistic(scratch, counts);
            counts[cluster] = 1;
            value
        })
        .collect();
    let values = values.into_iter().collect::<Result<Vec<f64>>>()?;
    finite("the statistic without a cluster", &values)?;
    Ok(values)
}

impl Design {
    /// The acceleration of BCa from the values without each cluster, in the order of the clusters.
    ///
    /// With `d = (n - 1)(mean - value)` within a stratum of `n` clusters it is
    /// `sum(d^3 / n^3) / (6 sum(d^2 / n^2)^1.5)`: Efron, Tibshirani (14.15), over strata as in Davison, Hinkley, Bootstrap
    /// Methods and their Application (1997), (5.28).
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`], [`Undefined::Value`], and [`Undefined::Degenerate`] where all values of each stratum are equal.
    pub fn acceleration(&self, without: &[f64]) -> Result<f64> {
        same_length("values without a cluster", self.clusters(), without.len())?;
        finite("the statistic without a cluster", without)?;
        let mut of_slot = vec![0.0; without.len()];
        for (cluster, value) in without.iter().enumerate() {
            of_slot[self.slot_of_cluster(cluster)] = *value;
        }
        let (mut squares, mut cubes) = (0.0, 0.0);
        for range in self.ranges() {
            let values = &of_slot[range.clone()];
            let n = values.len() as f64;
            // From the first value, so that equal values have no rounded differences.
            let mean = values[0] + values.iter().map(|value| value - values[0]).sum::<f64>() / n;
            for value in values {
                let d = (n - 1.0) * (mean - value) / n;
                squares += d * d;
                cubes += d * d * d;
            }
        }
        if squares == 0.0 {
            return Err(Undefined::Degenerate("leaving out a cluster changes nothing: there is no acceleration"));
        }
        Ok(cubes / (6.0 * squares * squares.sqrt()))
    }
}
