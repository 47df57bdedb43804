//! Whether acting on a probability does more good than harm: decision curves.

use uvid_metrics::decision_curve::{NetBenefit, net_benefit};

use super::discrimination::samples;
use super::{Finding, Options, Section, Study, StudyError};
use crate::figure::{About, Axis, Plot, Reference, Series};

/// Threshold probabilities of the curve, from the smallest to the largest.
const STEPS: usize = 60;

/// Net benefit of every model whose scores can be probabilities.
///
/// # Errors
///
/// A score out of its domain.
pub fn benefit(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("decision-curve", "Decision curve");
    section.words(
        "Who recalls at a probability of 2 % accepts 49 recalls for nothing to find one cancer. **Net benefit** counts findings \
         less recalls for nothing, at that exchange rate; a model is worth using where its curve lies above both recalling all and \
         recalling none.",
    );
    let prevalence = options.prevalence.unwrap_or(study.positives() as f64 / study.rows() as f64);
    // Where recalling all stops to pay is at the prevalence; of interest is what lies around it.
    let highest = (4.0 * prevalence).clamp(0.02, 0.99);
    let thresholds: Vec<f64> = (1..=STEPS).map(|i| highest * i as f64 / STEPS as f64).collect();
    let caption = format!(
        "{} rows, prevalence {prevalence:.4}. In findings per row, less what recalls for nothing cost.",
        study.rows()
    );
    let about = About::new("decision-curve", "Net benefit", caption);
    let mut plot = Plot::new(about, Axis::new("threshold probability"), Axis::new("net benefit"));
    let mut drawn = false;
    for (score, sample) in samples(study)?.iter().filter(|(score, _)| !score.is_reader) {
        let curve = net_benefit(sample, &thresholds, options.prevalence);
        match &curve {
            Ok(curve) => {
                // Far below zero a curve only says that it is worse than doing nothing.
                let shown = |of: fn(&NetBenefit) -> f64| {
                    let points = curve.iter().map(|at| (at.threshold, of(at)));
                    points.take_while(|(_, benefit)| *benefit > -0.3 * prevalence).collect::<Vec<_>>()
                };
                if !drawn {
                    plot = plot.series(Series::line("recall all", &shown(|at| at.all)).crowd());
                    drawn = true;
                }
                plot = plot.series(Series::line(score.name.clone(), &shown(|at| at.model)));
                for at in curve.iter().filter(|at| {
                    [0, STEPS / 4, STEPS / 2].contains(&((at.threshold / highest * STEPS as f64).round() as usize))
                }) {
                    let stratum = format!("threshold {:.4}", at.threshold);
                    let finding = |measure: &str, value| {
                        Finding::new("decision-curve", &score.name, measure, value).of(sample).among(&stratum)
                    };
                    section.findings.push(finding("net benefit", Ok(at.model)));
                    section.findings.push(finding("net benefit, recall all", Ok(at.all)));
                    section.findings.push(finding("interventions avoided", Ok(at.interventions_avoided)));
                }
            }
            Err(why) => {
                let finding = Finding::new("decision-curve", &score.name, "net benefit", Err(why.clone())).of(sample);
                section.findings.push(finding);
                section.warn(format!("{}: no decision curve, for {why}.", score.name));
            }
        }
    }
    if drawn {
        let figure = plot.reference(Reference::Horizontal(0.0, "recall none".into())).figure();
        section.figure(figure, "It presumes that the scores are calibrated: see there first.");
    }
    Ok(section)
}
