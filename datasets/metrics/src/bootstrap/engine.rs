//! Drawing and computing, block after block, on all threads.

use rayon::prelude::*;

use super::design::Design;
use super::distribution::Distribution;
use super::draw::{Counts, LANES, Sampler};
use super::statistic::Statistic;
use crate::{Result, Undefined};

/// Resamples that can be asked for: 80 MB of values for each statistic.
const RESAMPLES_MOST: usize = 10_000_000;

/// How much is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Resamples, 2 to 10,000,000.
    pub resamples: usize,
    /// The seed of all random streams.
    pub seed: u64,
    /// The largest share of resamples, 0 to 1, that may be undefined; more are an error.
    pub undefined_most: f64,
}

impl Default for Options {
    /// 2,000 resamples, seed 0, at most 0.05 undefined.
    fn default() -> Self {
        Self { resamples: 2_000, seed: 0, undefined_most: 0.05 }
    }
}

/// What statistics gave on the same resamples.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampled {
    /// The value of each statistic for the table itself.
    pub observed: Vec<f64>,
    /// For each statistic its values, in the order in which resamples were drawn; those undefined are left out of all lists.
    pub values: Vec<Vec<f64>>,
    /// Resamples in which at least one of the statistics is undefined.
    pub undefined: usize,
}

impl Resampled {
    /// Of one statistic.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a statistic that there is not; else as [`Distribution::new`].
    pub fn distribution(&self, statistic: usize) -> Result<Distribution> {
        let values = self.values.get(statistic).ok_or_else(|| self.none(statistic))?;
        Distribution::new(self.observed[statistic], values.clone())
    }

    /// Of the difference of two, `first - second`, on the same resamples.
    ///
    /// # Errors
    ///
    /// As [`Self::distribution`].
    pub fn difference(&self, first: usize, second: usize) -> Result<Distribution> {
        let a = self.values.get(first).ok_or_else(|| self.none(first))?;
        let b = self.values.get(second).ok_or_else(|| self.none(second))?;
        let values = a.iter().zip(b).map(|(a, b)| a - b).collect();
        Distribution::new(self.observed[first] - self.observed[second], values)
    }

    fn none(&self, statistic: usize) -> Undefined {
        Undefined::Parameter {
            what: "the statistic's number",
            value: statistic as f64,
            domain: "below the number of statistics",
        }
    }
}

/// Resamples statistics of one design, all on the same draws.
///
/// # Errors
///
/// [`Undefined::Empty`] without statistics; statistics of different designs; options out of their domain; and
/// [`Undefined::TooFew`] where more resamples are undefined than allowed.
pub fn resample(statistics: &[&Statistic], options: &Options) -> Result<Resampled> {
    let Some(first) = statistics.first() else { return Err(Undefined::Empty("statistics")) };
    let design = first.design();
    if statistics.iter().any(|statistic| statistic.design() != design) {
        return Err(Undefined::Degenerate("the statistics were prepared for different designs"));
    }
    let observed = statistics.iter().map(|statistic| statistic.observed()).collect();
    blocks(
        design,
        options,
        observed,
        || (),
        |(), counts, values| {
            for (statistic, values) in statistics.iter().zip(values) {
                statistic.evaluate(counts, values);
            }
        },
    )
}

/// Resamples any function. It is given how often each cluster was drawn, in the order of the clusters, and writes as many
/// values as `outputs` says; `scratch` makes what it works in, so that it need not allocate.
///
/// A resample for which it returns an error or a value that is not finite counts as undefined.
///
/// ```
/// use uvid_metrics::bootstrap::{Design, Options, run};
/// use uvid_metrics::Clusters;
///
/// let value = [3.0, 1.0, 4.0, 1.0, 5.0];
/// let design = Design::new(&Clusters::each(5))?;
/// let largest = |_: &mut (), drawn: &[u32], out: &mut [f64]| {
///     let drawn = value.iter().zip(drawn).filter(|(_, count)| **count > 0);
///     out[0] = drawn.map(|(value, _)| *value).fold(0.0, f64::max);
///     Ok(())
/// };
/// let resampled = run(&design, &Options::default(), 1, || (), largest)?;
/// assert_eq!(resampled.observed, [5.0]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// That of the function for the table itself; else as [`resample`].
pub fn run<S>(
    design: &Design,
    options: &Options,
    outputs: usize,
    scratch: impl Fn() -> S + Sync + Send,
    statistic: impl Fn(&mut S, &[u32], &mut [f64]) -> Result<()> + Sync + Send,
) -> Result<Resampled> {
    if outputs == 0 {
        return Err(Undefined::Empty("statistics"));
    }
    let mut observed = vec![0.0; outputs];
    statistic(&mut scratch(), &vec![1; design.clusters()], &mut observed)?;
    let start = || (scratch(), vec![0; design.clusters()], vec![0.0; outputs]);
    blocks(design, options, observed, start, |(scratch, drawn, out), counts, values| {
        for lane in 0..LANES {
            for (cluster, drawn) in drawn.iter_mut().enumerate() {
                *drawn = u32::from(counts[design.slot_of_cluster(cluster)][lane]);
            }
            let defined = statistic(scratch, drawn, out).is_ok();
            for (values, out) in values.iter_mut().zip(out.iter()) {
                values[lane] = if defined { *out } else { f64::NAN };
            }
        }
    })
}

/// Draws blocks and has each computed: values of a statistic side by side, not finite where undefined.
fn blocks<S>(
    design: &Design,
    options: &Options,
    observed: Vec<f64>,
    scratch: impl Fn() -> S + Sync + Send,
    compute: impl Fn(&mut S, &[Counts], &mut [[f64; LANES]]) + Sync + Send,
) -> Result<Resampled> {
    check(options)?;
    if observed.iter().any(|value| !value.is_finite()) {
        return Err(Undefined::Degenerate("a statistic of the table itself is not finite"));
    }
    let outputs = observed.len();
    let sampler = Sampler::new(design, options.seed);
    let mut lanes = vec![[0.0; LANES]; options.resamples.div_ceil(LANES) * outputs];
    let start = || (scratch(), vec![[0; LANES]; design.clusters()]);
    lanes.par_chunks_mut(outputs).enumerate().for_each_init(start, |(scratch, counts), (block, values)| {
        sampler.draw(block, counts);
        compute(scratch, counts, values);
    });
    let value = |resample: usize, output: usize| lanes[resample / LANES * outputs + output][resample % LANES];
    let defined = |resample: &usize| (0..outputs).all(|output| value(*resample, output).is_finite());
    let kept: Vec<usize> = (0..options.resamples).filter(defined).collect();
    let undefined = options.resamples - kept.len();
    let most = (options.undefined_most * options.resamples as f64) as usize;
    if undefined > most {
        let what = "resamples in which every statistic is defined";
        return Err(Undefined::TooFew { what, found: kept.len(), needed: options.resamples - most });
    }
    let values = (0..outputs).map(|output| kept.iter().map(|resample| value(*resample, output)).collect()).collect();
    Ok(Resampled { observed, values, undefined })
}

fn check(options: &Options) -> Result<()> {
    if !(2..=RESAMPLES_MOST).contains(&options.resamples) {
        let value = options.resamples as f64;
        return Err(Undefined::Parameter { what: "the number of resamples", value, domain: "from 2 to 10,000,000" });
    }
    if !(0.0..=1.0).contains(&options.undefined_most) {
        let value = options.undefined_most;
        return Err(Undefined::Parameter { what: "the share of undefined resamples", value, domain: "from 0 to 1" });
    }
    Ok(())
}
