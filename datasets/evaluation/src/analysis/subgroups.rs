//! Whether a score works as well for everyone.

use std::collections::BTreeSet;

use uvid_metrics::subgroups::{self, Adjustment, Strata};
use uvid_metrics::{Binary, roc};

use super::discrimination::samples;
use super::study::in_order;
use super::{Finding, Options, Score, Section, Study, StudyError, number, p_value};
use crate::figure::{About, Axis, Figure, FigureError, Forest, ForestRow};

/// Values of a column beyond which it is no subgroup: an identifier, say.
const VALUES_MAX: usize = 30;

/// Areas in each subgroup, and whether they differ by more than chance.
///
/// # Errors
///
/// A column is not there, or a score out of its domain.
pub fn subgroups(study: &Study, columns: &[String], options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("subgroups", "Subgroups");
    section.words(
        "A score that works on average may fail some. Small subgroups have wide intervals: that a difference is not significant does not \
         mean that there is none, and with many subgroups some differ by chance. An area that rests on fewer than ten rows with the \
         outcome, or without, says little, and its interval is not to be relied on.",
    );
    let samples = samples(study)?;
    let mut tests: Vec<(String, String, f64)> = Vec::new();
    let mut untested: BTreeSet<(String, String)> = BTreeSet::new();
    for (at, (score, sample)) in samples.iter().filter(|(score, _)| !score.is_reader).enumerate() {
        let overall = roc::delong(sample);
        let mut rows = Vec::new();
        if let Ok(overall) = &overall {
            let interval = overall.interval(options.confidence).within(0.0, 1.0);
            rows.push(estimate("All", study.rows(), study.positives(), overall.value, interval, 1.0));
        }
        for column in columns {
            let values = study.strata(column)?;
            if values.len() > VALUES_MAX {
                section.warn(format!(
                    "{column} has {} values, more than {VALUES_MAX}: not taken as subgroups.",
                    values.len()
                ));
                continue;
            }
            let mut strata = subgroups::strata(sample, &study.labels(column)?, roc::delong)?;
            strata.list.sort_by(|a, b| in_order(&a.label, &b.label));
            rows.push(ForestRow::Heading(column.clone()));
            rows.extend(lines(&mut section, score, sample, column, &strata, options));
            let q = strata.heterogeneity().map(|(found, _)| found);
            let test = q.clone().map(|found| found.q);
            let finding = Finding::new(
                "subgroups",
                &score.name,
                "heterogeneity of AUC, I squared",
                q.map(|found| found.i_squared),
            );
            section.findings.push(finding.of(sample).among(column).tested(&test).by("Cochran's Q"));
            match test {
                Ok(test) => tests.push((score.name.clone(), column.clone(), test.p)),
                Err(why) => {
                    untested.insert((column.clone(), why.to_string()));
                }
            }
        }
        section.figure(
            figure(at, score, rows, options),
            "Each line is a subgroup, its square as large as its share of the rows; the dashed line is the area over all rows.",
        );
    }
    for (column, why) in untested {
        section.words(format!("Whether subgroups by {column} differ is not tested: {why}."));
    }
    if !tests.is_empty() {
        let raw: Vec<f64> = tests.iter().map(|(.., p)| *p).collect();
        let holm = subgroups::adjust(&raw, Adjustment::Holm)?;
        for ((score, column, _), adjusted) in tests.iter().zip(&holm) {
            let finding = Finding::new("subgroups", score, "heterogeneity of AUC, adjusted p", Ok(*adjusted));
            section
                .findings
                .push(Finding { p: Some(*adjusted), ..finding.among(column).by("Holm").rows(study.rows()) });
        }
        let rows = tests
            .iter()
            .zip(holm)
            .map(|((score, column, p), adjusted)| vec![format!("{score}, {column}"), p_value(*p), p_value(adjusted)]);
        section.grid(
            "Do subgroups differ?",
            &["score, column", "p (heterogeneity)", "p, adjusted (Holm)"],
            rows.collect(),
            "Cochran's Q over the subgroups of a column, which must be of different patients. Adjusted for all tests of this table.",
        );
    }
    Ok(section)
}

fn lines(
    section: &mut Section,
    score: &Score,
    sample: &Binary,
    column: &str,
    strata: &Strata,
    options: &Options,
) -> Vec<ForestRow> {
    let mut rows = Vec::new();
    for stratum in &strata.list {
        let stated = format!("{column}: {}", stratum.label);
        let finding = Finding::estimate(
            "subgroups",
            &score.name,
            "AUC",
            stratum.estimate.clone(),
            options.confidence,
            (0.0, 1.0),
        );
        let finding =
            Finding { n: stratum.rows, positives: Some(stratum.positives), ..finding }.among(&stated).by("DeLong");
        rows.push(match (&finding.value, finding.interval) {
            (Ok(value), Some(interval)) => {
                let weight = stratum.rows as f64 / sample.len() as f64;
                estimate(&stratum.label, stratum.rows, stratum.positives, *value, interval, weight)
            }
            (Ok(_), None) | (Err(_), _) => ForestRow::Missing {
                label: stratum.label.clone(),
                counts: format!("{} / {}", stratum.positives, stratum.rows),
                reason: finding.value.clone().err().unwrap_or_default(),
            },
        });
        section.findings.push(finding);
    }
    rows
}

fn estimate(
    label: &str,
    rows: usize,
    positives: usize,
    value: f64,
    interval: uvid_metrics::Interval,
    weight: f64,
) -> ForestRow {
    ForestRow::Estimate {
        label: label.to_owned(),
        counts: format!("{positives} / {rows}"),
        value,
        interval: (interval.lower, interval.upper),
        weight,
        text: format!("{} ({} to {})", number(value), number(interval.lower), number(interval.upper)),
    }
}

fn figure(at: usize, score: &Score, rows: Vec<ForestRow>, options: &Options) -> Result<Figure, FigureError> {
    let caption = format!(
        "Area under the ROC curve with {:.0} % intervals (DeLong). With / all: rows with the outcome, of all.",
        100.0 * options.confidence.get()
    );
    let about = About::new(format!("subgroups-{at}"), format!("Subgroups: {}", score.name), caption);
    let overall = rows.iter().find_map(|row| match row {
        ForestRow::Estimate { value, .. } => Some(*value),
        ForestRow::Heading(_) | ForestRow::Summary { .. } | ForestRow::Missing { .. } => None,
    });
    let forest = Forest::new(about, Axis::new("area under the ROC curve")).columns("subgroup", "with / all", "AUC");
    let forest = rows.into_iter().fold(forest, Forest::row);
    match overall {
        Some(overall) => forest.reference(overall).figure(),
        None => forest.figure(),
    }
}
