//! Whether a score works as well for everyone.

use uvid_metrics::subgroups::{self, Adjustment, Strata};
use uvid_metrics::{Binary, roc};

use super::discrimination::samples;
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
         mean that there is none. Heterogeneity is Cochran's Q over independent subgroups; I\u{b2} is the share of the variation that is \
         not chance.",
    );
    let samples = samples(study)?;
    let mut tests: Vec<(String, f64)> = Vec::new();
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
            strata.list.sort_by(|a, b| a.label.cmp(&b.label));
            rows.push(ForestRow::Heading(column.clone()));
            rows.extend(lines(&mut section, score, sample, column, &strata, options));
            let q = strata.heterogeneity().map(|(found, _)| found);
            let name = format!("{}, {column}", score.name);
            let test = q.clone().map(|found| found.q);
            let finding = Finding::new(
                "subgroups",
                &score.name,
                "heterogeneity of AUC, I squared",
                q.map(|found| found.i_squared),
            );
            section.findings.push(finding.of(sample).among(column).tested(&test).by("Cochran's Q"));
            if let Ok(test) = test {
                tests.push((name, test.p));
            }
        }
        section.figure(
            figure(at, score, rows, options),
            "Squares are as large as the subgroup; the dashed line is the area over all rows.",
        );
    }
    if !tests.is_empty() {
        let raw: Vec<f64> = tests.iter().map(|(_, p)| *p).collect();
        let holm = subgroups::adjust(&raw, Adjustment::Holm)?;
        let rows =
            tests.iter().zip(holm).map(|((name, p), adjusted)| vec![name.clone(), p_value(*p), p_value(adjusted)]);
        section.grid(
            "Do subgroups differ?",
            &["score, column", "p (heterogeneity)", "p, adjusted (Holm)"],
            rows.collect(),
            "Adjusted for all rows of this table.",
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
    let caption =
        format!("Area under the ROC curve with {:.0} % intervals (DeLong).", 100.0 * options.confidence.get());
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
