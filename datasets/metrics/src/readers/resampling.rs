//! Figures of merit without one unit, and of units drawn at random.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use super::FigureOfMerit;
use crate::{Result, Undefined};

/// The most replicates that a bootstrap may ask for.
const REPLICATES_MAX: usize = 1_000_000;

/// The figure of each (modality, reader), modality by modality, of all units.
pub(super) fn whole<F: FigureOfMerit>(merit: &F) -> Result<Vec<f64>> {
    if merit.modalities() == 0 || merit.readers() == 0 {
        return Err(Undefined::Empty("modalities or readers"));
    }
    figures(merit, &vec![1; merit.units()])
}

/// The figures without each unit: one row a unit.
pub(super) fn without_each<F: FigureOfMerit>(merit: &F) -> Result<Vec<Vec<f64>>> {
    merit.jackknifed()?;
    let units = merit.units();
    if units < 2 {
        return Err(Undefined::TooFew { what: "units of the jackknife", found: units, needed: 2 });
    }
    let without = |unit: usize| {
        let mut counts = vec![1; units];
        counts[unit] = 0;
        figures(merit, &counts)
    };
    in_order((0..units).into_par_iter().map(without).collect())
}

/// The figures of samples drawn with replacement within strata: one row a sample.
pub(super) fn bootstrap<F: FigureOfMerit>(merit: &F, replicates: usize, seed: u64) -> Result<Vec<Vec<f64>>> {
    if !(2..=REPLICATES_MAX).contains(&replicates) {
        let (what, value) = ("the number of replicates", replicates as f64);
        return Err(Undefined::Parameter { what, value, domain: "from 2 to 1,000,000" });
    }
    let mut strata: Vec<Vec<usize>> = Vec::new();
    let mut names: Vec<usize> = (0..merit.units()).map(|unit| merit.stratum(unit)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        strata.push((0..merit.units()).filter(|unit| merit.stratum(*unit) == name).collect());
    }
    // Every replicate has its own stream, so that the number of threads changes nothing.
    let mut master = Xoshiro256PlusPlus::seed_from_u64(seed);
    let seeds: Vec<u64> = (0..replicates).map(|_| master.next_u64()).collect();
    let sample = |seed: u64| {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut counts = vec![0; merit.units()];
        for stratum in &strata {
            for _ in stratum {
                // The high half of a product of 64 by 64 bits: below the length, with a bias of length / 2^64.
                let drawn = (u128::from(stream.next_u64()) * stratum.len() as u128) >> 64;
                counts[stratum[drawn as usize]] += 1;
            }
        }
        figures(merit, &counts)
    };
    in_order(seeds.into_par_iter().map(sample).collect())
}

/// The first error by its row. Collected in parallel, it would be the first in time.
fn in_order<T>(rows: Vec<Result<T>>) -> Result<Vec<T>> {
    rows.into_iter().collect()
}

/// `factor` times the sums of products of deviations from the columns' means: a square, row by row.
pub(super) fn products(rows: &[Vec<f64>], factor: f64) -> Vec<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    let mean = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
    let means: Vec<f64> = (0..columns).map(mean).collect();
    // A figure that stays the same must not get a tiny variance from its mean's rounding.
    let deviation = |row: &[f64], column: usize| {
        let found = row[column] - means[column];
        if found.abs() > 1e-13 * means[column].abs() { found } else { 0.0 }
    };
    let mut square = vec![0.0; columns * columns];
    for row in rows {
        let deviations: Vec<f64> = (0..columns).map(|column| deviation(row, column)).collect();
        for a in 0..columns {
            for b in 0..=a {
                square[a * columns + b] += deviations[a] * deviations[b];
            }
        }
    }
    for a in 0..columns {
        for b in 0..=a {
            square[a * columns + b] *= factor;
            square[b * columns + a] = square[a * columns + b];
        }
    }
    square
}

fn figures<F: FigureOfMerit>(merit: &F, counts: &[u32]) -> Result<Vec<f64>> {
    let mut figures = Vec::with_capacity(merit.modalities() * merit.readers());
    for modality in 0..merit.modalities() {
        for reader in 0..merit.readers() {
            let value = merit.value(modality, reader, counts)?;
            if !value.is_finite() {
                let row = figures.len();
                return Err(Undefined::Value { what: "the figure of merit", row, value, domain: "a finite number" });
            }
            figures.push(value);
        }
    }
    Ok(figures)
}
