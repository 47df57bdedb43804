//! Properties, and the fast statistics beside slow ones on the same draws.

mod undefined;

use proptest::prelude::*;

use super::*;
use crate::{Binary, Clusters, Confidence, Result, Undefined};

/// A table whose scores have ties, with clusters, weights and strata.
#[derive(Debug, Clone)]
struct Table {
    scores: Vec<f64>,
    positive: Vec<bool>,
    weights: Vec<f64>,
    clusters: Clusters,
    strata: Vec<u32>,
}

fn tables() -> impl Strategy<Value = Table> {
    let row = (-4..5i32, any::<bool>(), 0..4u32, 0..12usize);
    (prop::collection::vec(row, 2..40), prop::collection::vec(0..3u32, 12))
        .prop_map(|(rows, strata)| Table {
            scores: rows.iter().map(|row| f64::from(row.0) / 3.0).collect(),
            positive: rows.iter().map(|row| row.1).collect(),
            weights: rows.iter().map(|row| f64::from(row.2) / 4.0 + 0.125).collect(),
            clusters: Clusters::of(rows.iter().map(|row| row.3)),
            strata,
        })
        .prop_filter("both classes", |table| table.positive.contains(&true) && table.positive.contains(&false))
}

impl Table {
    fn sample(&self, weighted: bool) -> Binary {
        let sample = Binary::new(&self.scores, &self.positive).unwrap();
        if weighted { sample.weighted(&self.weights).unwrap() } else { sample }
    }

    fn designs(&self) -> [Design; 3] {
        [
            Design::new(&self.clusters).unwrap(),
            Design::by_outcome(&self.clusters, &self.positive).unwrap(),
            Design::stratified(&self.clusters, &self.strata[..self.clusters.count()]).unwrap(),
        ]
    }

    /// The rows of a resample, each as often as its cluster was drawn: score, outcome, weight.
    fn expanded(&self, weighted: bool, drawn: &[u32]) -> Vec<(f64, bool, f64)> {
        let rows = 0..self.scores.len();
        rows.flat_map(|row| {
            let weight = if weighted { self.weights[row] } else { 1.0 };
            let copies = drawn[self.clusters.of_row(row)] as usize;
            std::iter::repeat_n((self.scores[row], self.positive[row], weight), copies)
        })
        .collect()
    }
}

type Rows = Vec<(f64, bool, f64)>;

const EMPTY: Undefined = Undefined::Degenerate("a class is empty");

/// Every pair by itself.
fn slow_auc(rows: &Rows) -> Result<f64> {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for p in rows.iter().filter(|row| row.1) {
        for n in rows.iter().filter(|row| !row.1) {
            let win = if p.0 > n.0 { 1.0 } else { 0.5 * f64::from(u8::from(p.0 == n.0)) };
            wins += win * p.2 * n.2;
            pairs += p.2 * n.2;
        }
    }
    if pairs > 0.0 { Ok(wins / pairs) } else { Err(EMPTY) }
}

/// Every positive adds the precision at its own score.
fn slow_precision(rows: &Rows) -> Result<f64> {
    let weight = |keep: &dyn Fn(&(f64, bool, f64)) -> bool| -> f64 {
        rows.iter().filter(|row| keep(row)).map(|row| row.2).sum()
    };
    let of = |p: &(f64, bool, f64)| weight(&|row| row.1 && row.0 >= p.0) / weight(&|row| row.0 >= p.0);
    let sum: f64 = rows.iter().filter(|row| row.1).map(|p| p.2 * of(p)).sum();
    let all = weight(&|row| row.1);
    let negatives = rows.iter().any(|row| !row.1 && row.2 > 0.0);
    if all > 0.0 && negatives { Ok(sum / all) } else { Err(EMPTY) }
}

fn slow_rate(rows: &Rows, yes: impl Fn(&(f64, bool, f64)) -> Option<bool>) -> Result<f64> {
    let (mut above, mut below) = (0.0, 0.0);
    for row in rows {
        if let Some(yes) = yes(row) {
            below += row.2;
            above += if yes { row.2 } else { 0.0 };
        }
    }
    if below > 0.0 { Ok(above / below) } else { Err(EMPTY) }
}

fn slow(rows: &Rows, out: &mut [f64]) -> Result<()> {
    out[0] = slow_auc(rows)?;
    out[1] = slow_precision(rows)?;
    out[2] = slow_rate(rows, |row| row.1.then_some(row.0 >= 0.3))?;
    out[3] = slow_rate(rows, |row| (!row.1).then_some(row.0 < 0.3))?;
    out[4] = slow_rate(rows, |row| Some(row.0 >= 0.3))?;
    Ok(())
}

fn fast(design: &Design, sample: &Binary) -> Vec<Statistic> {
    vec![
        Statistic::auc(design, sample).unwrap(),
        Statistic::average_precision(design, sample).unwrap(),
        Statistic::sensitivity(design, sample, 0.3).unwrap(),
        Statistic::specificity(design, sample, 0.3).unwrap(),
        Statistic::recall_rate(design, sample, 0.3).unwrap(),
    ]
}

const ALL: Options = Options { resamples: 40, seed: 11, undefined_most: 1.0 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn fast_statistics_are_the_slow_ones_on_expanded_resamples(table in tables(), weighted: bool, seed: u64) {
        let sample = table.sample(weighted);
        let options = Options { seed, ..ALL };
        for design in table.designs() {
            let fast = fast(&design, &sample);
            let found = resample(&fast.iter().collect::<Vec<_>>(), &options).unwrap();
            let slow = |_: &mut (), drawn: &[u32], out: &mut [f64]| slow(&table.expanded(weighted, drawn), out);
            let expected = run(&design, &options, 5, || (), slow).unwrap();
            prop_assert_eq!(found.undefined, expected.undefined);
            for (found, expected) in found.values.iter().zip(&expected.values) {
                prop_assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    prop_assert!((found - expected).abs() <= 1e-12, "{found}, not {expected}");
                }
            }
            for (found, expected) in found.observed.iter().zip(&expected.observed) {
                prop_assert!((found - expected).abs() <= 1e-12, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn fast_jackknives_are_the_slow_ones(table in tables(), weighted: bool) {
        let sample = table.sample(weighted);
        for design in table.designs() {
            for (index, statistic) in fast(&design, &sample).iter().enumerate() {
                let expected = jackknife(&design, || (), |(), counts| {
                    let mut out = [0.0; 5];
                    let rows = table.expanded(weighted, counts);
                    // Only what this statistic needs may be missing.
                    match index {
                        0 => slow_auc(&rows),
                        1 => slow_precision(&rows),
                        2 => slow_rate(&rows, |row| row.1.then_some(row.0 >= 0.3)),
                        3 => slow_rate(&rows, |row| (!row.1).then_some(row.0 < 0.3)),
                        _ => slow_rate(&rows, |row| Some(row.0 >= 0.3)),
                    }.inspect(|value| out[index] = *value)
                });
                match (statistic.jackknife(), expected) {
                    (Ok(found), Ok(expected)) => for (found, expected) in found.iter().zip(&expected) {
                        prop_assert!((found - expected).abs() <= 1e-12, "{index}: {found}, not {expected}");
                    },
                    (found, expected) => prop_assert!(found.is_err() && expected.is_err(), "{found:?} {expected:?}"),
                }
            }
        }
    }

    #[test]
    fn rows_may_stand_in_any_order(table in tables(), seed: u64) {
        // Clusters are numbered as they are first met, so the first row of each stays in front.
        let mut first = Vec::new();
        let mut rest = Vec::new();
        let mut known = vec![false; table.clusters.count()];
        for row in 0..table.scores.len() {
            let known = &mut known[table.clusters.of_row(row)];
            if *known { rest.push(row) } else { first.push(row) }
            *known = true;
        }
        rest.sort_by_key(|row| (*row as u64 + 1).wrapping_mul(seed | 1));
        first.extend(rest);
        let moved = Binary::new(
            &first.iter().map(|row| table.scores[*row]).collect::<Vec<_>>(),
            &first.iter().map(|row| table.positive[*row]).collect::<Vec<_>>(),
        ).unwrap();
        let clusters = Clusters::of(first.iter().map(|row| table.clusters.of_row(*row)));
        let of = |clusters: &Clusters, sample: &Binary| {
            let design = Design::by_outcome(clusters, sample.positive()).unwrap();
            resample(&fast(&design, sample).iter().collect::<Vec<_>>(), &ALL)
        };
        prop_assert_eq!(of(&table.clusters, &table.sample(false)), of(&clusters, &moved));
    }
}

pub(super) fn example(rows: usize, per_cluster: usize) -> (Design, Binary) {
    let scores: Vec<f64> = (0..rows).map(|row| ((row * 7919) % 101) as f64 / 10.0).collect();
    let positive: Vec<bool> = (0..rows).map(|row| (row * 31) % 10 < 3).collect();
    let clusters = Clusters::of((0..rows).map(|row| row / per_cluster));
    (Design::new(&clusters).unwrap(), Binary::new(&scores, &positive).unwrap())
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (design, sample) = example(301, 2);
    let statistics = fast(&design, &sample);
    let in_pool = |threads: usize, resamples: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| resample(&statistics.iter().collect::<Vec<_>>(), &Options { resamples, ..ALL }).unwrap())
    };
    let expected = in_pool(1, 1_000);
    for threads in [2, 7] {
        assert_eq!(in_pool(threads, 1_000), expected);
    }
    // Fewer are the first of more.
    let fewer = in_pool(2, 77);
    for (fewer, more) in fewer.values.iter().zip(&expected.values) {
        assert_eq!(fewer[..], more[..77]);
    }
    let other = resample(&[&statistics[0]], &Options { seed: 12, resamples: 1_000, ..ALL }).unwrap();
    assert_ne!(other.values[0], expected.values[0]);
}

#[test]
fn a_row_that_stands_twice_in_its_cluster_changes_nothing() {
    let (_, sample) = example(120, 1);
    let twice: Vec<usize> = (0..240).map(|row| row / 2).collect();
    let double = Binary::new(
        &twice.iter().map(|row| sample.scores()[*row]).collect::<Vec<_>>(),
        &twice.iter().map(|row| sample.positive()[*row]).collect::<Vec<_>>(),
    )
    .unwrap();
    let error = |design: Design, sample: &Binary| {
        let auc = Statistic::auc(&design, sample).unwrap();
        resample(&[&auc], &Options::default()).unwrap().distribution(0).unwrap().standard_error()
    };
    let single = error(Design::new(&Clusters::each(120)).unwrap(), &sample);
    assert_eq!(error(Design::new(&Clusters::of(twice)).unwrap(), &double), single);
    // By rows it would look more certain than it is, by about the root of two.
    let rows = error(Design::new(&Clusters::each(240)).unwrap(), &double);
    assert!((1.3..1.55).contains(&(single / rows)), "{single} {rows}");
}

impl Options {
    pub(super) fn with(self, resamples: usize) -> Self {
        Self { resamples, ..self }
    }
}

#[test]
fn intervals_cover_the_mean_as_often_as_they_should() {
    // 400 tables of 40 clusters of two exponential values, of which the second is half the first: mean 1.5 in a cluster.
    let tables = 400;
    let mut covered = [0; 3];
    for table in 0..tables {
        let mut state = table as u64 + 1;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        uniform();
        let values: Vec<f64> = (0..40).map(|_| -uniform().ln()).flat_map(|value| [value, value / 2.0]).collect();
        let design = Design::new(&Clusters::of((0..80).map(|row| row / 2))).unwrap();
        let mean = Statistic::mean(&design, &values).unwrap();
        let distribution = resample(&[&mean], &ALL.with(1_000)).unwrap().distribution(0).unwrap();
        let acceleration = design.acceleration(&mean.jackknife().unwrap()).unwrap();
        let intervals = [
            distribution.percentile(Confidence::P90),
            distribution.basic(Confidence::P90),
            distribution.bca(acceleration, Confidence::P90).unwrap(),
        ];
        for (covered, interval) in covered.iter_mut().zip(intervals) {
            *covered += usize::from(interval.contains(0.75));
        }
    }
    // One standard error of a share of 400 is 0.015; small samples of a skewed value cover a little less than 0.9.
    for covered in covered {
        let share = covered as f64 / tables as f64;
        assert!((0.83..0.94).contains(&share), "{share}");
    }
}
