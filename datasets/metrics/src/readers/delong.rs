//! The covariance of areas under ROC curves on the same cases: DeLong, DeLong & Clarke-Pearson 1988; with clusters Obuchowski
//! 1997. It is computed as [`crate::roc::delong`] does, from how far each area hangs on each case or cluster, without terms that
//! cancel.

use super::Study;
use crate::roc::Deviations;
use crate::{Binary, Result};

/// Areas of all (modality, reader), and the square of their covariances.
pub(super) fn covariance(study: &Study) -> Result<(Vec<f64>, Vec<f64>)> {
    let readers =
        (0..study.modalities()).flat_map(|modality| (0..study.readers()).map(move |reader| (modality, reader)));
    let deviations = |(modality, reader)| {
        let sample = Binary::new(study.of(modality, reader), study.positive())?;
        match study.clusters() {
            Some(clusters) => Deviations::of(&sample.clustered(clusters.clone())?),
            None => Deviations::of(&sample),
        }
    };
    let deviations = readers.map(deviations).collect::<Result<Vec<_>>>()?;
    let places = deviations.len();
    let mut square = vec![0.0; places * places];
    for a in 0..places {
        for b in 0..=a {
            square[a * places + b] = deviations[a].covariance(&deviations[b]);
            square[b * places + a] = square[a * places + b];
        }
    }
    Ok((deviations.iter().map(|of| of.value).collect(), square))
}
