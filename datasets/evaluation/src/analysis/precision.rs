//! How many of those flagged have the outcome: precision and recall.

use uvid_metrics::bootstrap::Statistic;
use uvid_metrics::{Binary, Undefined, precision_recall, rsna};

use super::discrimination::{samples, thinned};
use super::resampling::{Resamples, bca, design, drawn, of_drawn};
use super::{Finding, Options, Score, Section, Study, StudyError};
use crate::figure::{About, Figure, FigureError, Plot, Series};

/// Precision-recall curves, average precision, the probabilistic F1 of the RSNA challenge.
///
/// # Errors
///
/// A score out of its domain.
pub fn precision(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("precision-recall", "Precision and recall");
    let samples = samples(study)?;
    let resamples = resamples(study, &samples, options);
    let mut lines = Vec::new();
    for (at, (score, sample)) in samples.iter().enumerate() {
        let findings = of_score(score, sample, at, &resamples, study, options);
        if study.lists(score) {
            lines.push(std::iter::once(score.name.clone()).chain(findings.iter().take(3).map(Finding::text)).collect());
        }
        section.findings.extend(findings);
    }
    section.words(
        "**Precision** is the share of the flagged rows that have the outcome, **recall** the share of the rows with the outcome that \
         are flagged. **Average precision** is the mean of the precision at every row with the outcome, from the highest score \
         down. Chance gives the share of rows with the outcome: compare average precisions on the same rows only, never between \
         two sets.",
    );
    section.figure(
        figure(&samples, study),
        "The further up and to the right, the fewer of those flagged are flagged for nothing. Where the outcome is rarer than \
         among these rows, precision is lower at the same thresholds.",
    );
    section.grid(
        "Average precision and F1",
        &["score", "average precision", "probabilistic F1", "best F1 over thresholds"],
        lines,
        &format!(
            "{}Probabilistic F1: the metric of the RSNA 2022 challenge, only for scores from 0 to 1. \
             The best F1 is that of the threshold that is best on these rows, and therefore optimistic.",
            match options.resamples {
                0 => String::new(),
                _ => format!("In brackets {:.0} % intervals: {}. ", 100.0 * options.confidence.get(), bca(study)),
            }
        ),
    );
    Ok(section)
}

fn resamples(study: &Study, samples: &[(&Score, Binary)], options: &Options) -> Result<Option<Resamples>, Undefined> {
    // Leaving out each patient is quadratic here: intervals are for tables of a size at which that ends soon.
    const PATIENTS_MAX: usize = 20_000;
    let design = design(study)?;
    if options.resamples > 0 && design.clusters() > PATIENTS_MAX {
        return Err(Undefined::Degenerate(match study.clusters {
            Some(_) => "more than 20000 patients",
            None => "more than 20000 rows",
        }));
    }
    let statistics = samples.iter().map(|(_, sample)| Statistic::average_precision(&design, sample));
    Resamples::of(statistics.collect::<Result<_, _>>()?, options)
}

fn of_score(
    score: &Score,
    sample: &Binary,
    at: usize,
    resamples: &Result<Option<Resamples>, Undefined>,
    study: &Study,
    options: &Options,
) -> Vec<Finding> {
    let finding = |measure: &str, value| Finding::new("precision-recall", &score.name, measure, value).of(sample);
    let interval = of_drawn(resamples, |resamples| resamples.interval(at, options));
    let best = rsna::best_f1(sample);
    vec![
        finding("average precision", precision_recall::average_precision(sample))
            .or_no_interval(interval)
            .by(&drawn(study, options)),
        finding("probabilistic F1", rsna::probabilistic_f1(sample)).by("RSNA 2022"),
        finding("best F1", best.clone().map(|best| best.f1)).by("over observed thresholds"),
        finding("threshold of the best F1", best.map(|best| best.threshold)),
        finding("prevalence", precision_recall::prevalence(sample)).by("average precision of chance"),
    ]
}

fn figure(samples: &[(&Score, Binary)], study: &Study) -> Result<Figure, FigureError> {
    let unweighted = study.positives() as f64 / study.rows() as f64;
    let weighted = samples.first().and_then(|(_, sample)| precision_recall::prevalence(sample).ok());
    let prevalence = weighted.unwrap_or(unweighted);
    let caption = format!("{} rows, {} with the outcome.", study.rows(), study.positives());
    let mut plot = Plot::precision_recall(About::new("precision-recall", "Precision and recall", caption), prevalence);
    let readers = samples.iter().filter(|(score, _)| score.is_reader).count();
    for (score, sample) in samples {
        let Ok(curve) = precision_recall::curve(sample) else { continue };
        let points = corners(&thinned(curve.iter().map(|point| (point.recall, point.precision)).collect()));
        plot = plot.series(match study.lists(score) {
            false => Series::line(format!("{readers} readers"), &points).crowd(),
            true => Series::line(score.name.clone(), &points),
        });
    }
    plot.figure()
}

/// What average precision is the area under: the precision of a threshold holds from the recall of the one before, 0 for the
/// first, to its own.
fn corners(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let before = std::iter::once(0.0).chain(points.iter().map(|(recall, _)| *recall));
    before.zip(points).flat_map(|(before, (recall, precision))| [(before, *precision), (*recall, *precision)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_what_is_drawn_is_the_average_precision() {
        let check = |scores: &[f64], positive: &[bool]| {
            let sample = Binary::new(scores, positive).unwrap();
            let curve = precision_recall::curve(&sample).unwrap();
            let drawn = corners(&curve.iter().map(|point| (point.recall, point.precision)).collect::<Vec<_>>());
            assert_eq!(drawn[0].0, 0.0);
            let area: f64 = drawn.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum();
            let expected = precision_recall::average_precision(&sample).unwrap();
            assert!((area - expected).abs() < 1e-12, "{area} {expected}");
        };
        check(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false]);
        check(&[0.9, 0.8, 0.7, 0.6, 0.5], &[false, true, false, false, true]);
        check(&[0.9, 0.1], &[true, false]);
    }
}
