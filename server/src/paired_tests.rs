//! Expected values by scipy 1.x:
//!
//! ```python
//! import numpy as np
//! from scipy import stats
//! a = np.array([0.10, 0.25, 0.25, 0.40, 0.80, 0.55]); b = np.array([0.12, 0.20, 0.31, 0.40, 0.91, 0.55])
//! d = b - a; n = len(d); s = d.std(ddof=1)
//! print(d.mean(), stats.ttest_rel(b, a).confidence_interval(0.95), s, d.mean() - 1.96*s, d.mean() + 1.96*s)
//! print(stats.spearmanr(a, b).statistic)
//! c = np.array([0, 0, 1, 1, 2, 3]); m = 4
//! u = np.array([(d - d.mean())[c == k].sum() for k in range(m)])
//! se = np.sqrt(m / (m - 1) * (u**2).sum()) / n; t = stats.t.ppf(0.975, m - 1)
//! print(d.mean() - t*se, d.mean() + t*se)
//! print([(k, stats.t.ppf(0.975, k)) for k in (1, 2, 3, 4, 5, 10, 29, 100, 9999)])
//! ```

use super::*;

const A: [f64; 6] = [0.10, 0.25, 0.25, 0.40, 0.80, 0.55];
const B: [f64; 6] = [0.12, 0.20, 0.31, 0.40, 0.91, 0.55];

fn of(a: &[f64], b: &[f64], clusters: &[usize]) -> Option<Differences> {
    let pairs = a.iter().zip(b).zip(clusters).map(|((a, b), cluster)| Pair { cluster: *cluster, a: *a, b: *b });
    Differences::of(&pairs.collect::<Vec<_>>())
}

fn near(found: f64, expected: f64) {
    let difference = (found - expected).abs();
    assert!(difference <= 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn the_numbers_are_those_of_scipy() {
    let found = of(&A, &B, &[0, 1, 2, 3, 4, 5]).unwrap();
    near(found.mean, 0.02333333333333333);
    near(found.interval.unwrap()[0], -0.03478178085971122);
    near(found.interval.unwrap()[1], 0.08144844752637788);
    near(found.sd.unwrap(), 0.055377492419453826);
    near(found.limits.unwrap()[0], -0.08520655180879616);
    near(found.limits.unwrap()[1], 0.13187321847546282);
    near(found.spearman.unwrap(), 0.9856107606091624);
    assert_eq!((found.n, found.clusters, found.largest), (6, 6, 4));

    let clustered = of(&A, &B, &[0, 0, 1, 1, 2, 3]).unwrap();
    near(clustered.interval.unwrap()[0], -0.049421157985716474);
    near(clustered.interval.unwrap()[1], 0.09608782465238314);
    assert_eq!((clustered.n, clustered.clusters, clustered.sd), (6, 4, found.sd));
}

#[test]
fn the_t_points_are_those_of_scipy() {
    for (df, expected) in [
        (1, 12.706204736174694),
        (2, 4.302652729749462),
        (3, 3.1824463052837078),
        (4, 2.7764451051977934),
        (5, 2.5705818356363146),
        (10, 2.228138851986274),
        (29, 2.045229642132703),
        (100, 1.9839715185235518),
        (9999, 1.960201263621357),
    ] {
        let found = t_975(df);
        assert!((found - expected).abs() <= 1e-9 * expected, "{df}: {found} is not {expected}");
    }
}

#[test]
fn what_is_not_defined_is_no_number() {
    assert_eq!(of(&[], &[], &[]), None);
    let one = of(&[1.0], &[1.5], &[0]).unwrap();
    assert_eq!((one.mean, one.interval, one.sd, one.limits, one.spearman), (0.5, None, None, None, None));
    // Two images of one exam say nothing about other exams.
    let one_cluster = of(&[1.0, 2.0], &[1.5, 2.0], &[7, 7]).unwrap();
    assert_eq!((one_cluster.interval, one_cluster.sd.is_some()), (None, true));
    let constant = of(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0], &[0, 1, 2]).unwrap();
    assert_eq!((constant.spearman, constant.interval.is_some()), (None, true));
    let opposite = of(&[1.0, 2.0, 2.0, 3.0], &[3.0, 2.0, 2.0, 1.0], &[0, 1, 2, 3]).unwrap();
    assert_eq!(opposite.spearman, Some(-1.0));
}
