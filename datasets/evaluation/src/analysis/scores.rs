//! How scores are distributed among those with the outcome and those without.

use super::{Finding, Section, Study};
use crate::figure::{About, Axis, Histogram, Side};

/// Bins of a histogram.
const BINS: usize = 30;

/// Histograms of every model's score.
pub fn scores(study: &Study) -> Section {
    let mut section = Section::new("scores", "Distribution of scores");
    section.words(
        "How often each score was given, among the rows with the outcome and among those without. Scores that pile up on a few \
         values leave few thresholds to choose from.",
    );
    section.no_weights(study);
    for (at, score) in study.models().enumerate() {
        let (lowest, highest) = score.values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let distinct = {
            let mut values = score.values.clone();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values.len()
        };
        for (measure, value) in [("lowest", lowest), ("highest", highest), ("distinct values", distinct as f64)] {
            section.findings.push(Finding::new("scores", &score.name, measure, Ok(value)).rows(study.rows()));
        }
        if lowest == highest {
            section.warn(format!("{}: all scores are the same, {lowest}.", score.name));
            continue;
        }
        let edges: Vec<f64> = (0..=BINS).map(|i| lowest + (highest - lowest) * i as f64 / BINS as f64).collect();
        let mut counts = [vec![0; BINS], vec![0; BINS]];
        for (value, positive) in score.values.iter().zip(&study.positive) {
            let bin = ((value - lowest) / (highest - lowest) * BINS as f64) as usize;
            counts[usize::from(*positive)][bin.min(BINS - 1)] += 1;
        }
        let caption =
            format!("{} distinct values from {lowest:.4} to {highest:.4}; shares within each group.", distinct);
        let about = About::new(format!("scores-{at}"), format!("Scores of {}", score.name), caption);
        let figure = Histogram::new(about, Axis::new("score"), &edges, Side::Mirrored)
            .class("with the outcome", &counts[1])
            .class("without", &counts[0])
            .shares()
            .figure();
        section.figure(figure, "Where the two heaps overlap, no threshold separates them.");
    }
    section
}
