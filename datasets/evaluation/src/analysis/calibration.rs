//! Whether a score of 0.02 means two in a hundred.

use uvid_metrics::calibration::{
    Binning, Forecasts, Loess, Method, StandardErrors, bins, brier, cox, cross_fitted, expected_error, in_the_large,
    log_loss, observed_expected, scaled_brier, spiegelhalter,
};
use uvid_metrics::{Binary, Estimate, Undefined};

use super::discrimination::samples;
use super::finding::reason;
use super::{Finding, Options, Score, Section, Study, StudyError, number};
use crate::figure::{About, Axis, Figure, FigureError, Plot, Reference, Series, Strip};

/// Bins of the reliability diagram, each of as many rows.
const BINS: usize = 10;
/// How far from 0 and 1 a probability is kept, where a logarithm needs it.
const CLIP: f64 = 1e-6;
/// Folds of a recalibration.
const FOLDS: usize = 10;
/// Points of the smooth curve.
const POINTS: usize = 200;

/// Reliability of every model whose scores can be probabilities, before and after recalibration.
///
/// # Errors
///
/// A score out of its domain.
pub fn calibration(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("calibration", "Calibration");
    section.words(
        "A score is **calibrated** if of all rows with a score of 0.02, two in a hundred have the outcome. That can be asked only of a score \
         that is meant as the probability of this outcome, and holds only for a population in which the outcome is as frequent as here. \
         **O/E** is the number of rows with the outcome over the sum of the scores: above 1, there are more than the scores say. \
         **Slope** 1 and **intercept** 0 are ideal: a slope below 1 means scores that are too extreme. The **ICI** is the mean distance \
         between the smooth curve and the diagonal, over the rows; the **ECE** that between bins and diagonal.",
    );
    let mut lines = Vec::new();
    for (at, (score, sample)) in samples(study)?.iter().filter(|(score, _)| !score.is_reader).enumerate() {
        let forecasts = match Forecasts::new(sample.clone()) {
            Ok(forecasts) => forecasts,
            Err(why) => {
                section.findings.push(Finding::new("calibration", &score.name, "all", Err(why.clone())).of(sample));
                section.warn(format!(
                    "{}: not a probability ({}), so calibration means nothing for it.",
                    score.name,
                    reason(&why)
                ));
                continue;
            }
        };
        let findings = measures(score, sample, &forecasts, options, "");
        lines.push(line(&score.name, &findings));
        section.findings.extend(findings);
        section.figure(
            figure(at, score, &forecasts, options),
            "On the diagonal, scores are calibrated; below it, there are fewer with the outcome than the scores say. Where the histogram is low, the curve rests on few rows.",
        );
        for (method, name) in [(Method::Platt, "Platt"), (Method::Isotonic, "isotonic"), (Method::Beta, "beta")] {
            let refitted = cross_fitted(method, sample, FOLDS, options.seed).and_then(|values| again(sample, &values));
            match refitted {
                Ok((sample, forecasts)) => {
                    let findings = measures(score, &sample, &forecasts, options, name);
                    lines.push(line(&format!("{}, recalibrated ({name})", score.name), &findings));
                    section.findings.extend(findings);
                }
                Err(why) => {
                    section.findings.push(Finding::new("calibration", &score.name, "all", Err(why)).among(name))
                }
            }
        }
    }
    section.grid(
        "Calibration",
        &["score", "slope", "intercept", "O/E", "ICI", "ECE", "Brier score"],
        lines,
        &format!(
            "In brackets {:.0} % intervals{}. Recalibrated: fitted on {} of {FOLDS} parts of the {}s and applied to the rest, in turn, \
             so that no row is judged by a fit that saw it. Scores are kept {CLIP} away from 0 and 1 where a logarithm needs it. ECE: \
             {BINS} bins of as many rows.",
            100.0 * options.confidence.get(),
            if study.clusters.is_some() { ", robust to several rows of a patient" } else { "" },
            FOLDS - 1,
            study.unit()
        ),
    );
    Ok(section)
}

/// The same rows with other probabilities.
fn again(sample: &Binary, values: &[f64]) -> Result<(Binary, Forecasts), Undefined> {
    let mut other = Binary::new(values, sample.positive())?;
    if let Some(clusters) = sample.clusters() {
        other = other.clustered(clusters.clone())?;
    }
    if let Some(weights) = sample.weights() {
        other = other.weighted(weights)?;
    }
    Ok((other.clone(), Forecasts::new(other)?))
}

fn measures(score: &Score, sample: &Binary, forecasts: &Forecasts, options: &Options, stratum: &str) -> Vec<Finding> {
    let finding =
        |measure: &str, value| Finding::new("calibration", &score.name, measure, value).of(sample).among(stratum);
    let unbounded = (f64::MIN, f64::MAX);
    let estimate = |measure: &str, estimate: Result<Estimate, Undefined>, by: &str| {
        Finding::estimate("calibration", &score.name, measure, estimate, options.confidence, unbounded)
            .of(sample)
            .among(stratum)
            .by(by)
    };
    let errors = if sample.clusters().is_some() { StandardErrors::Sandwich } else { StandardErrors::Model };
    let clipped = forecasts.clipped(CLIP);
    let fit = clipped.clone().and_then(|forecasts| cox(&forecasts, errors));
    let large = clipped.clone().and_then(|forecasts| in_the_large(&forecasts, errors));
    let ratio = observed_expected(forecasts);
    let interval = ratio.clone().and_then(|ratio| ratio.interval(options.confidence)).map(Some);
    let smooth = Loess::default().curve(forecasts).and_then(|curve| curve.errors(forecasts));
    let test = spiegelhalter(forecasts);
    vec![
        estimate("calibration slope", fit.clone().map(|fit| fit.slope), "logistic"),
        estimate("calibration intercept", fit.map(|fit| fit.intercept), "logistic"),
        estimate("calibration in the large", large, "logistic, slope 1"),
        finding("O/E", ratio.map(|ratio| ratio.ratio)).or_no_interval(interval).by("logarithm"),
        finding("ICI", smooth.clone().map(|errors| errors.ici)).by("LOESS, span 0.75"),
        finding("Emax", smooth.map(|errors| errors.emax)).by("LOESS, span 0.75"),
        finding("ECE", expected_error(forecasts, Binning::EqualMass(BINS))).by("equal mass"),
        estimate("Brier score", brier(forecasts), "normal approximation"),
        finding("scaled Brier score", scaled_brier(forecasts)),
        estimate("log loss", clipped.and_then(|forecasts| log_loss(&forecasts)), "normal approximation"),
        finding("Spiegelhalter's z", test.clone().map(|test| test.statistic)).tested(&test),
    ]
}

fn line(name: &str, findings: &[Finding]) -> Vec<String> {
    let text = |measure: &str| findings.iter().find(|f| f.measure == measure).map_or_else(String::new, Finding::text);
    let short = |measure: &str| {
        let found = findings.iter().find(|f| f.measure == measure);
        found.map_or_else(String::new, |f| f.value.clone().map_or_else(|why| why, number))
    };
    vec![
        name.to_owned(),
        text("calibration slope"),
        text("calibration intercept"),
        text("O/E"),
        short("ICI"),
        short("ECE"),
        short("Brier score"),
    ]
}

fn figure(at: usize, score: &Score, forecasts: &Forecasts, options: &Options) -> Result<Figure, FigureError> {
    let caption = format!(
        "Points: {BINS} bins of as many rows with {:.0} % intervals. Line: LOESS. Below: how the scores are distributed.",
        100.0 * options.confidence.get()
    );
    let about = About::new(format!("calibration-{at}"), format!("Calibration of {}", score.name), caption);
    let sample = forecasts.sample();
    let highest = sample.scores().iter().fold(0.0_f64, |h, v| h.max(*v)).max(1e-9);
    let observed = bins(forecasts, Binning::EqualMass(BINS)).unwrap_or_default();
    // Both axes go as far: the diagonal leads from corner to corner.
    let uppers = observed.iter().map(|bin| bin.wilson(options.confidence).upper);
    let curve = Loess::default().curve(forecasts).ok();
    let smooth = curve.iter().flat_map(|curve| curve.observed()).copied();
    let limit = uppers.chain(smooth).fold(highest, f64::max).min(1.0);
    let axis = |name| Axis::new(name).range(0.0, limit);
    let mut plot = Plot::new(about, axis("predicted"), axis("observed"));
    if let Some(curve) = curve {
        let step = curve.predicted().len().div_ceil(POINTS).max(1);
        let points =
            curve.predicted().iter().zip(curve.observed()).step_by(step).map(|(x, y)| (*x, y.clamp(0.0, limit)));
        plot = plot.series(Series::line("LOESS", &points.collect::<Vec<_>>()).look(at));
    }
    if !observed.is_empty() {
        let points: Vec<_> = observed.iter().map(|bin| (bin.predicted, bin.observed)).collect();
        let bars: Vec<_> =
            observed.iter().map(|bin| bin.wilson(options.confidence)).map(|i| (i.lower, i.upper)).collect();
        plot = plot.series(Series::points("bins", &points).bars(&bars).look(at));
    }
    let edges: Vec<f64> = (0..=40).map(|i| highest * f64::from(i) / 40.0).collect();
    let mut counts = [vec![0; 40], vec![0; 40]];
    for (value, positive) in sample.scores().iter().zip(sample.positive()) {
        counts[usize::from(*positive)][((value / highest * 40.0) as usize).min(39)] += 1;
    }
    let [without, with] = counts;
    let strip = Strip { edges, above: ("with the outcome".into(), with), below: ("without".into(), without) };
    plot.strip(strip).reference(Reference::Diagonal("calibrated".into())).figure()
}
