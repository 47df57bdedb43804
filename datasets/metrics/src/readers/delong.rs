//! The covariance of areas under ROC curves on the same cases.
//!
//! With a positive case's component X (its chance to be above a negative one) and a negative case's Y (its chance to be
//! below a positive one), m positive and n negative cases, sums over clusters c with m_c and n_c of them, I10 clusters with a
//! positive case, I01 with a negative one and I in all (Obuchowski 1997, equations 3 to 6):
//! `S10 = I10 / ((I10 - 1) m) Σ (X_c - m_c A)²`, `S01` alike, `S11 = I / (I - 1) Σ (X_c - m_c A)(Y_c - n_c A)`, and
//! `variance = S10 / m + S01 / n + 2 S11 / (m n)`; products of two areas' deviations give covariances. Without clusters S11 is
//! 0 and the rest is DeLong's.

use super::Study;
use crate::{Result, Undefined, ranks};

/// Areas of all (modality, reader), and the square of their covariances.
pub(super) fn covariance(study: &Study) -> Result<(Vec<f64>, Vec<f64>)> {
    let (unit, units) = study.units();
    let mut counts = vec![(0.0, 0.0); units];
    for (case, positive) in study.positive().iter().enumerate() {
        let (m, n) = &mut counts[unit[case]];
        *(if *positive { m } else { n }) += 1.0;
    }
    let with_positive = counts.iter().filter(|(m, _)| *m > 0.0).count();
    let with_negative = counts.iter().filter(|(_, n)| *n > 0.0).count();
    for (what, found) in [("independent positive cases", with_positive), ("independent negative cases", with_negative)]
    {
        if found < 2 {
            return Err(Undefined::TooFew { what, found, needed: 2 });
        }
    }
    let m: f64 = counts.iter().map(|(m, _)| m).sum();
    let n: f64 = counts.iter().map(|(_, n)| n).sum();

    let (mut areas, mut deviations) = (Vec::new(), Vec::new());
    for modality in 0..study.modalities() {
        for reader in 0..study.readers() {
            let components = components(study.of(modality, reader), study.positive(), m, n);
            let of_class = |wanted: bool| components.iter().zip(study.positive()).filter(move |(_, p)| **p == wanted);
            let area = of_class(true).map(|(x, _)| x).sum::<f64>() / m;
            let mut of_unit = vec![(0.0, 0.0); units];
            for (case, positive) in study.positive().iter().enumerate() {
                let (x, y) = &mut of_unit[unit[case]];
                *(if *positive { x } else { y }) += components[case] - area;
            }
            areas.push(area);
            deviations.push(of_unit);
        }
    }

    let (i10, i01, i) = (with_positive as f64, with_negative as f64, units as f64);
    let places = areas.len();
    let mut square = vec![0.0; places * places];
    for a in 0..places {
        for b in 0..=a {
            let (mut s10, mut s01, mut s11) = (0.0, 0.0, 0.0);
            for ((x, y), (u, v)) in deviations[a].iter().zip(&deviations[b]) {
                s10 += x * u;
                s01 += y * v;
                s11 += x * v + y * u;
            }
            let value =
                i10 / (i10 - 1.0) * s10 / (m * m) + i01 / (i01 - 1.0) * s01 / (n * n) + i / (i - 1.0) * s11 / (m * n);
            square[a * places + b] = value;
            square[b * places + a] = value;
        }
    }
    Ok((areas, square))
}

/// For each positive case the share of negative cases below it, for each negative one that of positive cases above it; ties
/// are one half.
fn components(scores: &[f64], positive: &[bool], m: f64, n: f64) -> Vec<f64> {
    let mut components = vec![0.0; scores.len()];
    let (mut negatives_below, mut positives_below) = (0.0, 0.0);
    let order = ranks::order(scores);
    for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let positives = tied.iter().filter(|case| positive[**case]).count() as f64;
        let negatives = tied.len() as f64 - positives;
        for case in tied {
            components[*case] = match positive[*case] {
                true => (negatives_below + negatives / 2.0) / n,
                false => (m - positives_below - positives / 2.0) / m,
            };
        }
        negatives_below += negatives;
        positives_below += positives;
    }
    components
}
