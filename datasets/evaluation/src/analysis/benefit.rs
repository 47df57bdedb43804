//! Whether acting on a probability does more good than harm: decision curves.

use uvid_metrics::decision_curve::{NetBenefit, net_benefit};
use uvid_metrics::precision_recall;

use super::discrimination::samples;
use super::finding::reason;
use super::{Finding, Options, Section, Study, StudyError, number};
use crate::figure::{About, Axis, Plot, Reference, Series};

/// Threshold probabilities of the curve, from the smallest to the largest.
const STEPS: usize = 64;

/// Net benefit of every model whose scores can be probabilities.
///
/// # Errors
///
/// A score out of its domain.
pub fn benefit(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("decision-curve", "Decision curve");
    section.words(
        "Who acts at a probability of 2 % accepts 49 false alarms for one true finding. **Net benefit** is the share of all rows that \
         are true findings, less the false alarms at that exchange rate. At a threshold at which a model's curve lies above both \
         acting on all and acting on none, using it does more good than either.",
    );
    let samples = samples(study)?;
    let of_rows = samples.first().and_then(|(_, sample)| precision_recall::prevalence(sample).ok());
    let prevalence = options.prevalence.or(of_rows).unwrap_or(study.positives() as f64 / study.rows() as f64);
    // Where acting on all stops to pay is at the prevalence; of interest is what lies around it.
    let highest = (4.0 * prevalence).clamp(0.02, 0.99);
    let thresholds: Vec<f64> = (1..=STEPS).map(|i| highest * i as f64 / STEPS as f64).collect();
    // The curve ends at 0.02 at least and at 0.99 at most: these need not be among its thresholds.
    let stated: Vec<f64> = [0.5, 1.0, 2.0].map(|of| of * prevalence).into_iter().filter(|at| *at < 1.0).collect();
    let caption = format!(
        "{} rows, prevalence {} ({}).",
        study.rows(),
        number(prevalence),
        if options.prevalence.is_some() { "as stated" } else { "of these rows" }
    );
    let about = About::new("decision-curve", "Net benefit", caption);
    let mut plot = Plot::new(about, Axis::new("threshold probability"), Axis::new("net benefit"));
    let (mut drawn, mut lines) = (false, Vec::new());
    for (score, sample) in samples.iter().filter(|(score, _)| !score.is_reader) {
        let at = |thresholds: &[f64]| net_benefit(sample, thresholds, options.prevalence);
        match at(&thresholds).and_then(|curve| Ok((curve, at(&stated)?))) {
            Ok((curve, stated)) => {
                // Far below zero a curve only says that it is worse than doing nothing.
                let shown = |of: fn(&NetBenefit) -> f64| {
                    let points = curve.iter().map(|at| (at.threshold, of(at)));
                    points.take_while(|(_, benefit)| *benefit > -0.3 * prevalence).collect::<Vec<_>>()
                };
                if !drawn {
                    plot = plot.series(Series::line("act on all", &shown(|at| at.all)).crowd());
                    drawn = true;
                }
                plot = plot.series(Series::line(score.name.clone(), &shown(|at| at.model)));
                for at in &stated {
                    let stratum = format!("threshold {}", number(at.threshold));
                    lines.push(vec![
                        score.name.clone(),
                        number(at.threshold),
                        number(at.model),
                        number(at.all),
                        number(100.0 * at.interventions_avoided),
                    ]);
                    let finding = |measure: &str, value| {
                        Finding::new("decision-curve", &score.name, measure, value).of(sample).among(&stratum)
                    };
                    section.findings.push(finding("net benefit", Ok(at.model)));
                    section.findings.push(finding("net benefit, act on all", Ok(at.all)));
                    section.findings.push(finding("interventions avoided", Ok(at.interventions_avoided)));
                }
            }
            Err(why) => {
                let finding = Finding::new("decision-curve", &score.name, "net benefit", Err(why.clone())).of(sample);
                section.findings.push(finding);
                section.warn(format!("{}: no decision curve, for {}.", score.name, reason(&why)));
            }
        }
    }
    if drawn {
        let figure = plot.reference(Reference::Horizontal(0.0, "act on none".into())).figure();
        section.figure(figure, "Only where the scores are calibrated does a threshold mean what it says: see there first. Curves that lie close together may do so by chance.");
    }
    section.grid(
        "Net benefit at some thresholds",
        &["score", "threshold", "net benefit", "of acting on all", "false alarms spared per 100 rows"],
        lines,
        "Thresholds: half, once and twice the prevalence, those below 1. Spared: compared with acting on all, with none of the true \
         findings counted as lost. No intervals are computed here.",
    );
    Ok(section)
}
