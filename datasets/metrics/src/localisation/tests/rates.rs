//! Sensitivities at rates of false marks, resampled.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::bootstrap::Options;
use crate::localisation::*;
use crate::readers::Figures;
use crate::{Clusters, Undefined};

const AT_A_QUARTER: Merit =
    Merit::FrocSensitivity { sensitivity: froc::Sensitivity::Lesions, marks: froc::Marks::OfAllImages, rate: 0.25 };
const CPM: Merit = Merit::Cpm { sensitivity: froc::Sensitivity::Lesions, marks: froc::Marks::OfAllImages };

/// Half of them with a lesion, a false mark in each.
fn random_cases(count: usize, stream: &mut impl Rng) -> Cases {
    let mut uniform = || (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut case = |k: usize| match k % 2 {
        0 => Case::new(&[Some(uniform() + 0.4)], &[uniform()]),
        _ => Case::new(&[], &[uniform()]),
    };
    Cases::new((0..count).map(&mut case).collect()).unwrap()
}

#[test]
fn a_sensitivity_at_a_rate_has_a_bootstrap_and_no_jackknife() {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(11);
    let cases = random_cases(40, &mut stream);
    let study = Study::new(vec![vec![cases.clone()]]).unwrap();
    for merit in [AT_A_QUARTER, CPM] {
        assert!(matches!(estimate(&cases, merit), Err(Undefined::Degenerate(_))));
        assert!(matches!(Figures::jackknife(&study.with(merit).unwrap()), Err(Undefined::Degenerate(_))));
        assert!(Figures::bootstrap(&study.with(merit).unwrap(), 20, 1).is_ok());
    }
    let options = Options { resamples: 300, seed: 3, ..Default::default() };
    let found = resample(&cases, &[AT_A_QUARTER, Merit::WeightedAfroc, CPM], &options).unwrap();
    let curve = froc::curve(&cases, froc::Sensitivity::Lesions, froc::Marks::OfAllImages).unwrap();
    assert_eq!((found.observed[0], found.undefined), (curve.sensitivity_at(0.25).unwrap(), 0));
    assert!((found.observed[2] - curve.cpm()).abs() < 1e-15);
    let ratio = found.distribution(1).unwrap().standard_error()
        / estimate(&cases, Merit::WeightedAfroc).unwrap().standard_error;
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again = one_thread.install(|| resample(&cases, &[AT_A_QUARTER, Merit::WeightedAfroc, CPM], &options).unwrap());
    assert_eq!(again, found);
    assert_eq!(resample(&cases, &[], &options), Err(Undefined::Empty("statistics")));
    // A patient's cases are drawn together: with every case twice nothing is known that was not before.
    let twice = Cases::new([cases.get(), cases.get()].concat()).unwrap();
    let twice = twice.clustered(Clusters::of((0..80).map(|case| case % 40))).unwrap();
    assert_eq!(resample(&twice, &[AT_A_QUARTER], &options).unwrap().values[0], found.values[0]);
}

/// The bootstrap's variance against the true one, from many samples. The jackknife's is some 1.5 times it, and no better for
/// more cases.
#[test]
fn the_bootstrap_is_consistent_at_a_rate() {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(5);
    let options = Options { resamples: 200, ..Default::default() };
    let (mut values, mut variances) = (Vec::new(), 0.0);
    for _ in 0..400 {
        let found = resample(&random_cases(200, &mut stream), &[AT_A_QUARTER], &options).unwrap();
        variances += found.distribution(0).unwrap().standard_error().powi(2) / 400.0;
        values.push(found.observed[0]);
    }
    let mean = values.iter().sum::<f64>() / 400.0;
    let truth = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 399.0;
    assert!((0.8..1.3).contains(&(variances / truth)), "{}", variances / truth);
}
