//! What thresholds do: sensitivity, specificity, recall rate, predictive values.

use uvid_metrics::operating_point::{self, AtPrevalence, Measure, Rate, Totals, at_prevalence};
use uvid_metrics::{Binary, Confidence, Undefined};

use super::discrimination::samples;
use super::finding::reason;
use super::{Finding, Options, Score, Section, Study, StudyError, count, number};

/// How a threshold was found that is judged on the rows on which it was chosen, for a finding's `method`.
pub(super) const CHOSEN: &str = "chosen on these rows";
/// Of what a recall rate at another prevalence than the sample's is the measure.
pub(super) const RECALL_AT_PREVALENCE: &str = "recall rate at the stated prevalence";
/// The method of what is stated at another prevalence.
const BY_BAYES: &str = "Bayes; logit delta method, Mercaldo 2007";

/// The four counts at a threshold, as findings name them.
const COUNTS: [&str; 4] = ["true positives", "false negatives", "false positives", "true negatives"];

/// How a threshold is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// This threshold.
    Threshold(f64),
    /// The one that reaches this on these very rows.
    Reaching(operating_point::Aim),
}

impl Aim {
    /// For people: `specificity 0.9`.
    pub fn name(self) -> String {
        match self {
            Self::Threshold(threshold) => format!("score at least {threshold}"),
            Self::Reaching(operating_point::Aim::Specificity(s)) => format!("specificity {s}"),
            Self::Reaching(operating_point::Aim::Sensitivity(s)) => format!("sensitivity {s}"),
            Self::Reaching(operating_point::Aim::RecallRate(s)) => format!("recall rate {s}"),
            Self::Reaching(operating_point::Aim::Youden) => "Youden's index at its maximum".to_owned(),
        }
    }

    /// The threshold for a sample.
    ///
    /// # Errors
    ///
    /// No threshold reaches it.
    pub fn threshold(self, sample: &Binary) -> Result<f64, Undefined> {
        match self {
            Self::Threshold(threshold) => Ok(threshold),
            Self::Reaching(aim) => operating_point::choose(sample, aim).map(|chosen| chosen.threshold),
        }
    }
}

/// Tables of every measure at every aim.
///
/// # Errors
///
/// A score out of its domain.
pub fn operating(study: &Study, aims: &[Aim], options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("operating-points", "Operating points");
    section.words(
        "A threshold turns a score into a decision: at or above it, the row is flagged. **Sensitivity** is the share of rows with the \
         outcome that are flagged, **specificity** the share of the others that are not, the **recall rate** the share of all \
         rows that are flagged. Predictive values depend on how frequent the outcome is.",
    );
    if aims.iter().any(|aim| matches!(aim, Aim::Reaching(_))) {
        section.warn(
            "Thresholds that reach an aim were chosen on these very rows. What they reach here is optimistic: fix a threshold, then \
             judge it on other data.",
        );
    }
    let samples = samples(study)?;
    for aim in aims {
        let (mut lines, mut counts) = (Vec::new(), Vec::new());
        for (score, sample) in samples.iter().filter(|(score, _)| !score.is_reader) {
            let (findings, line) = at(score, sample, *aim, options);
            lines.push(line);
            if let Ok(found) = aim.threshold(sample).and_then(|threshold| Totals::at(sample, threshold)) {
                let cells = [found.true_positives, found.false_negatives, found.false_positives, found.true_negatives];
                counts.push(std::iter::once(score.name.clone()).chain(cells.map(count)).collect());
                section.findings.extend(COUNTS.into_iter().zip(cells).map(|(measure, cell)| {
                    let found = Finding::new("operating-points", &score.name, measure, Ok(cell)).of(sample);
                    found.among(&aim.name()).by(if study.weights.is_some() { "sum of weights" } else { "count" })
                }));
            }
            section.findings.extend(findings);
        }
        section.grid(
            &format!("At {}", aim.name()),
            &["score", "threshold", "sensitivity", "specificity", "recall rate", "PPV", "NPV"],
            lines,
            &format!(
                "PPV and NPV: positive and negative predictive value. {} In brackets {:.0} % intervals, {}{}, which take the threshold as given. \
                 Thresholds are rounded; findings.csv has all digits.",
                match options.prevalence {
                    Some(prevalence) => format!("They and the recall rate are at a prevalence of {prevalence}."),
                    None => "They and the recall rate are at the prevalence of these rows.".to_owned(),
                },
                100.0 * options.confidence.get(),
                match (study.clusters.is_some(), study.weights.is_some()) {
                    (true, _) => "ratio estimator by patient",
                    (false, true) => "ratio estimator by row",
                    (false, false) => "Wilson's",
                },
                match options.prevalence {
                    Some(_) => "; at the stated prevalence by the delta method on the scale of logits (Mercaldo 2007)",
                    None => "",
                }
            ),
        );
        section.grid(
            &format!("Counts at {}", aim.name()),
            &[
                "score",
                "with the outcome, flagged",
                "with it, not flagged",
                "without it, flagged",
                "without it, not flagged",
            ],
            counts,
            if study.weights.is_some() { "Sums of weights." } else { "" },
        );
    }
    Ok(section)
}

fn at(score: &Score, sample: &Binary, aim: Aim, options: &Options) -> (Vec<Finding>, Vec<String>) {
    let stratum = aim.name();
    let finding =
        |measure: &str, value| Finding::new("operating-points", &score.name, measure, value).of(sample).among(&stratum);
    let threshold = aim.threshold(sample);
    let by = if matches!(aim, Aim::Reaching(_)) { CHOSEN } else { "given" };
    let mut findings = vec![finding("threshold", threshold.clone()).by(by)];
    let measures = threshold.clone().and_then(|t| operating_point::table(sample, t, options.confidence));
    match &measures {
        Ok(measures) => findings.extend(measures.iter().map(|Measure { name, value, interval }| {
            finding(name, value.clone()).or_no_interval(interval.clone().map(Some)).by(method(name, sample))
        })),
        Err(why) => findings.push(finding("all", Err(why.clone()))),
    }
    if let (Some(prevalence), Ok(threshold)) = (options.prevalence, &threshold) {
        findings.extend(predicted(sample, *threshold, prevalence, options.confidence, &finding));
    }
    let text = |names: &[&str]| {
        // The last of a name: values at the stated prevalence come after those of the sample.
        let found = findings.iter().rev().find(|finding| names.contains(&finding.measure.as_str()));
        found.map_or_else(|| "none".to_owned(), Finding::text)
    };
    let line = vec![
        score.name.clone(),
        threshold.map_or_else(|why| format!("none: {}", reason(&why)), cut),
        text(&["sensitivity"]),
        text(&["specificity"]),
        text(&["recall rate", RECALL_AT_PREVALENCE]),
        text(&["positive predictive value", "PPV at the stated prevalence"]),
        text(&["negative predictive value", "NPV at the stated prevalence"]),
    ];
    (findings, line)
}

/// How the interval of a measure is made.
fn method(measure: &str, sample: &Binary) -> &'static str {
    let is_rate = Rate::ALL.iter().any(|rate| rate.name() == measure);
    match (is_rate, sample.clusters().is_some(), sample.weights().is_some()) {
        (true, true, _) => "ratio estimator by patient",
        (true, false, true) => "ratio estimator by row",
        (true, false, false) => "Wilson",
        (false, false, false) => match measure {
            "balanced accuracy" | "Youden's index" => "Newcombe",
            "positive likelihood ratio" | "negative likelihood ratio" => "Simel",
            "diagnostic odds ratio" => "Woolf",
            _ => "of the counts",
        },
        (false, ..) => "of the sums",
    }
}

/// A threshold: four digits, and three of what it lacks to 1, so that applying it flags nearly the same rows.
fn cut(threshold: f64) -> String {
    match threshold.abs() {
        size if (0.0001..1.0).contains(&size) => {
            let first = |value: f64| value.log10().floor() as i32;
            let decimals = (3 - first(size)).max(2 - first(1.0 - size)).max(4) as usize;
            format!("{threshold:.decimals$}").trim_end_matches('0').to_owned()
        }
        _ => number(threshold),
    }
}

/// Predictive values and the recall rate by Bayes' theorem at a prevalence that is not the sample's.
fn predicted(
    sample: &Binary,
    threshold: f64,
    prevalence: f64,
    confidence: Confidence,
    finding: &impl Fn(&str, Result<f64, Undefined>) -> Finding,
) -> Vec<Finding> {
    let rate = |rate: Rate| rate.estimate(sample, threshold);
    let found = rate(Rate::Sensitivity)
        .and_then(|sensitivity| at_prevalence(sensitivity, rate(Rate::Specificity)?, prevalence, confidence));
    let bounded = |of: fn(&AtPrevalence) -> Result<uvid_metrics::proportions::Bounded, Undefined>| {
        found.clone().and_then(|f| of(&f))
    };
    [
        ("PPV at the stated prevalence", bounded(|f| f.positive_predictive_value.clone())),
        ("NPV at the stated prevalence", bounded(|f| f.negative_predictive_value.clone())),
        (RECALL_AT_PREVALENCE, bounded(|f| f.recall_rate.clone())),
    ]
    .into_iter()
    .map(|(name, value)| {
        let interval = value.clone().map(|bounded| Some(bounded.interval));
        finding(name, value.map(|bounded| bounded.value)).or_no_interval(interval).by(BY_BAYES)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_keeps_the_digits_that_decide() {
        let check = |threshold: f64, expected: &str| assert_eq!(cut(threshold), expected);
        check(0.99996, "0.99996");
        check(0.999_961_234, "0.9999612");
        check(-0.99996, "-0.99996");
        check(0.5, "0.5");
        check(0.42137, "0.4214");
        check(0.000_123_46, "0.0001235");
        check(2.34567, "2.346");
        assert_ne!(Aim::Threshold(0.4211).name(), Aim::Threshold(0.4214).name());
    }
}
