//! Two scores on the same rows: differences of areas, of decisions, and whether one is not worse.

use uvid_metrics::operating_point::Aim as Reaching;
use uvid_metrics::proportions::{McNemar, Paired};
use uvid_metrics::{Binary, Undefined, roc, subgroups};

use super::discrimination::{resamples, samples};
use super::resampling::{drawn, of_drawn};
use super::{Aim, Finding, Options, Section, Study, StudyError, p_value};

/// Specificity at which decisions are compared where nothing else is asked for.
const SPECIFICITY: f64 = 0.9;

/// Every pair of models.
///
/// # Errors
///
/// Fewer than two models, or a score out of its domain.
pub fn comparison(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("comparison", "Comparison of models");
    let all = samples(study)?;
    let models: Vec<(usize, &str, &Binary)> = all
        .iter()
        .enumerate()
        .filter(|(_, (score, _))| !score.is_reader)
        .map(|(at, (score, sample))| (at, score.name.as_str(), sample))
        .collect();
    if models.len() < 2 {
        return Err(StudyError::Nothing("a second --score to compare with"));
    }
    section.words(format!(
        "All scores are of the same rows, so they are compared row by row. The first of a pair is the one that must prove itself: it is \
         **not inferior** if its area is smaller by no more than the margin, {}. That margin means something only if it was fixed \
         before these data were seen.",
        options.margin
    ));
    let resampled = resamples(study, &all, options);
    let (mut lines, mut decisions, mut p_values) = (Vec::new(), Vec::new(), Vec::new());
    for (i, first) in models.iter().enumerate() {
        for second in &models[i + 1..] {
            let name = format!("{} - {}", first.1, second.1);
            let paired = roc::paired(first.2, second.2);
            let test = paired.as_ref().map_err(Clone::clone).and_then(roc::Paired::test);
            let difference = paired.map(|paired| paired.difference);
            let delong = Finding::estimate(
                "comparison",
                &name,
                "difference of AUC",
                difference.clone(),
                options.confidence,
                (-1.0, 1.0),
            )
            .of(first.2)
            .tested(&test)
            .by(&format!("paired {}", study.delong()));
            let inferior = difference.clone().and_then(|difference| roc::non_inferiority(&difference, options.margin));
            let inferior =
                Finding::new("comparison", &name, "AUC not inferior", difference.map(|difference| difference.value))
                    .of(first.2)
                    .tested(&inferior)
                    .by(&format!("one-sided, margin {}", options.margin));
            let bootstrap = bootstrapped(&name, (first, second), &resampled, study, options);
            lines.push(vec![name.clone(), delong.text(), delong.p_text(), bootstrap.text(), inferior.p_text()]);
            p_values.extend(delong.p.map(|p| (name.clone(), p)));
            section.findings.extend([delong, inferior, bootstrap]);
            let (findings, line) = decided(&name, first.2, second.2, options);
            section.findings.extend(findings);
            decisions.push(line);
        }
    }
    section.grid(
        "Differences of areas under the ROC curve",
        &["first - second", "difference (DeLong)", "p", "difference (bootstrap)", "p, not inferior"],
        lines,
        &format!(
            "In brackets intervals by {}: paired DeLong{}. p: DeLong's, two-sided, whether the areas differ. p, not \
             inferior: DeLong's, one-sided; small means that the first is not worse by the margin.",
            study.unit(),
            if options.resamples == 0 { "" } else { ", and BCa bootstrap" }
        ),
    );
    section.grid(
        &format!("Decisions at a specificity of {SPECIFICITY} each"),
        &["first - second", "difference of sensitivity", "p (McNemar)", "flagged by the first only", "by the second only"],
        decisions,
        "Rows with the outcome only. Intervals: Tango's score interval for paired proportions; p: exact McNemar. Thresholds were \
         chosen on these rows; p is not adjusted for the number of pairs. Several rows of one patient count as if they were of \
         several.",
    );
    if p_values.len() > 1 {
        adjusted(&mut section, &p_values)?;
    }
    Ok(section)
}

fn bootstrapped(
    name: &str,
    (first, second): (&(usize, &str, &Binary), &(usize, &str, &Binary)),
    resamples: &Result<Option<super::resampling::Resamples>, Undefined>,
    study: &Study,
    options: &Options,
) -> Finding {
    let value = roc::auc(first.2).and_then(|a| Ok(a - roc::auc(second.2)?));
    let finding = Finding::new("comparison", name, "difference of AUC", value).of(first.2).by(&drawn(study, options));
    let found = of_drawn(resamples, |resamples| resamples.difference(first.0, second.0, options));
    let p = found.as_ref().ok().and_then(|found| found.map(|(_, p)| p));
    Finding { p, ..finding.or_no_interval(found.map(|found| found.map(|(interval, _)| interval))) }
}

/// Sensitivities at one specificity, on the rows with the outcome.
fn decided(name: &str, first: &Binary, second: &Binary, options: &Options) -> (Vec<Finding>, Vec<String>) {
    let flags = |sample: &Binary| -> Result<Vec<bool>, Undefined> {
        if sample.weights().is_some() {
            return Err(Undefined::Degenerate("McNemar's test counts rows and knows no weights"));
        }
        let threshold = Aim::Reaching(Reaching::Specificity(SPECIFICITY)).threshold(sample)?;
        let with = sample.scores().iter().zip(sample.positive()).filter(|(_, positive)| **positive);
        Ok(with.map(|(score, _)| *score >= threshold).collect())
    };
    let paired = flags(first).and_then(|a| Paired::of(&a, &flags(second)?));
    let test = paired.clone().and_then(|paired| paired.mcnemar(McNemar::Exact));
    let interval = paired.clone().ok().map(|paired| paired.difference_tango(options.confidence).interval);
    let difference =
        Finding::new("comparison", name, "difference of sensitivity", paired.clone().map(Paired::difference))
            .of(first)
            .with_interval(interval)
            .tested(&test)
            .among(&format!("specificity {SPECIFICITY} each"))
            .by("Tango, exact McNemar");
    let counted =
        |of: fn(Paired) -> u64| paired.clone().map_or_else(|why| why.to_string(), |paired| of(paired).to_string());
    let line = vec![
        name.to_owned(),
        difference.text(),
        difference.p_text(),
        counted(Paired::first_only),
        counted(Paired::second_only),
    ];
    (vec![difference], line)
}

/// Holm's and Benjamini-Hochberg's p values of all differences of areas.
fn adjusted(section: &mut Section, p_values: &[(String, f64)]) -> Result<(), StudyError> {
    let raw: Vec<f64> = p_values.iter().map(|(_, p)| *p).collect();
    let holm = subgroups::adjust(&raw, subgroups::Adjustment::Holm)?;
    let lines =
        p_values.iter().zip(&holm).map(|((name, p), adjusted)| vec![name.clone(), p_value(*p), p_value(*adjusted)]);
    section.grid(
        "All differences together",
        &["first - second", "p", "p, adjusted"],
        lines.collect(),
        "The more comparisons, the more of them are significant by chance. Adjusted by Holm's method for all pairs of this table.",
    );
    for ((name, _), p) in p_values.iter().zip(holm) {
        let finding = Finding::new("comparison", name, "difference of AUC, adjusted p", Ok(p)).by("Holm");
        section.findings.push(Finding { p: Some(p), ..finding });
    }
    Ok(())
}
