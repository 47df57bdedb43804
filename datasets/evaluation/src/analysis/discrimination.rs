//! Whether those with the outcome have higher scores: ROC.

use uvid_metrics::bootstrap::Statistic;
use uvid_metrics::{Binary, Undefined, roc};

use super::finding::counted;
use super::resampling::{Resamples, design, drawn, of_drawn};
use super::{Finding, Options, Score, Section, Study, StudyError};
use crate::figure::{About, Figure, FigureError, Plot, Series};

/// Specificity from which on the partial area is taken: where a screening programme works.
const PARTIAL_FROM: f64 = 0.8;
/// Points of a curve that are drawn: more cannot be told apart, and a report of a million rows should stay small.
const POINTS_MAX: usize = 2000;

/// Of a score: its corners, its area.
type Curve<'a> = (&'a Score, Vec<(f64, f64)>, String);

/// ROC curves, areas with their intervals, partial areas.
///
/// # Errors
///
/// None of the numbers is an error by itself; a score out of its domain is.
pub fn discrimination(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("roc", "Discrimination");
    let samples = samples(study)?;
    let resamples = resamples(study, &samples, options);
    let (mut lines, mut curves) = (Vec::new(), Vec::new());
    for (at, (score, sample)) in samples.iter().enumerate() {
        let findings = of_score(score, sample, at, &resamples, study, options);
        if study.lists(score) {
            lines.push(line(score, &findings));
        }
        if let Ok(curve) = roc::corners(sample) {
            let points: Vec<_> = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
            curves.push((*score, thinned(points), findings[0].text()));
        }
        section.findings.extend(findings.into_iter().map(|found| Finding { is_reader: score.is_reader, ..found }));
    }
    section.words(
        "The **area under the ROC curve (AUC)** is the probability that of one random row with the outcome and one without, the \
         former has the higher score; ties count half, 0.5 is chance. It says nothing about any threshold, nor whether a score \
         means what it says.",
    );
    section.figure(
        figure(&curves, study, options),
        "Each curve shows what share of the rows with the outcome a score finds (upwards) at the price of what share of the others \
         (to the right). Where the outcome is rare, as in screening, what matters is the far left: few false alarms.",
    );
    let (level, by) = (100.0 * options.confidence.get(), if study.clusters.is_some() { " by patient" } else { "" });
    section.grid(
        "Areas under the ROC curve",
        &[
            "score",
            "AUC (DeLong)",
            "AUC (bootstrap)",
            "partial AUC, specificity 0.8 to 1",
            "sensitivity at specificity 0.9",
        ],
        lines,
        &format!(
            "In brackets {level:.0} % intervals{by}: {}{}. Partial AUC on McClish's scale: 0.5 is chance, 1 the \
             best. It and the sensitivity, interpolated on the curve, have no interval here.",
            match (study.weights.is_some(), study.clusters.is_some()) {
                (true, _) => "none of DeLong's, which knows no weights",
                (false, true) => "Obuchowski's form of DeLong's variance for patients with several rows",
                (false, false) => "DeLong's variance",
            },
            match options.resamples {
                0 => "; of the bootstrap none, for no resamples were asked for".to_owned(),
                resamples => format!(", and BCa of {}", counted(resamples, "resample")),
            }
        ),
    );
    Ok(section)
}

/// Every score with the outcome.
pub(super) fn samples(study: &Study) -> Result<Vec<(&Score, Binary)>, Undefined> {
    study.scores.iter().map(|score| Ok((score, study.sample(score)?))).collect()
}

/// Areas on the same resamples, or why there are none.
pub(super) fn resamples(
    study: &Study,
    samples: &[(&Score, Binary)],
    options: &Options,
) -> Result<Option<Resamples>, Undefined> {
    let design = design(study)?;
    let statistics = samples.iter().map(|(_, sample)| Statistic::auc(&design, sample)).collect::<Result<_, _>>()?;
    Resamples::of(statistics, options)
}

fn of_score(
    score: &Score,
    sample: &Binary,
    at: usize,
    resamples: &Result<Option<Resamples>, Undefined>,
    study: &Study,
    options: &Options,
) -> Vec<Finding> {
    let finding = |measure: &str, value| Finding::new("roc", &score.name, measure, value).of(sample);
    let area =
        Finding::estimate("roc", &score.name, "AUC", roc::delong(sample), options.confidence, (0.0, 1.0)).of(sample);
    let resampled = of_drawn(resamples, |resamples| resamples.interval(at, options));
    let bootstrap = finding("AUC", roc::auc(sample)).or_no_interval(resampled).by(&drawn(study, options));
    let range = roc::Range::Specificity { from: PARTIAL_FROM, to: 1.0 };
    vec![
        // Weights have no DeLong variance: the area stands by itself.
        if sample.weights().is_some() {
            finding("AUC", roc::auc(sample)).by("weighted")
        } else {
            area.by(study.delong())
        },
        bootstrap,
        finding("partial AUC, specificity 0.8 to 1", roc::partial_auc(sample, range)).by("trapezoid"),
        finding("partial AUC, specificity 0.8 to 1, standardised", roc::standardised_partial_auc(sample, range))
            .by("McClish"),
        finding("sensitivity at specificity 0.9", roc::sensitivity_at_specificity(sample, 0.9))
            .by("interpolated on the curve"),
        finding("specificity at sensitivity 0.9", roc::specificity_at_sensitivity(sample, 0.9))
            .by("interpolated on the curve"),
    ]
}

fn line(score: &Score, findings: &[Finding]) -> Vec<String> {
    vec![score.name.clone(), findings[0].text(), findings[1].text(), findings[3].text(), findings[4].text()]
}

fn figure(curves: &[Curve<'_>], study: &Study, options: &Options) -> Result<Figure, FigureError> {
    let about = About::new(
        "roc",
        "ROC curves",
        format!(
            "{} rows, {} with the outcome. In the legend the area with its {:.0} % interval.",
            study.rows(),
            study.positives(),
            100.0 * options.confidence.get()
        ),
    );
    let mut plot = Plot::roc(about);
    for (score, points, area) in curves.iter().filter(|(score, ..)| study.lists(score)) {
        // An interval stays on one line of the legend.
        let area = area.replace(" to ", "\u{a0}to\u{a0}");
        plot = plot.series(Series::line(format!("{}: {area}", score.name), points));
    }
    plot.figure()
}

/// No more points than can be told apart; the first and the last stay.
pub(super) fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, point)| point).collect()
}
