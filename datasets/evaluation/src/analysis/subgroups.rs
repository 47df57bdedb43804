//! Whether a score works as well for everyone.

use uvid_metrics::subgroups::{self, Adjustment, Strata};
use uvid_metrics::{Binary, Estimate, Interval, Undefined, roc};

use super::discrimination::samples;
use super::finding::reason;
use super::strata::in_order;
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
    let mut untested: Vec<(String, String, String)> = Vec::new();
    let mut without: Vec<String> = Vec::new();
    areas(&mut section, study, columns, &samples, options)?;
    for (at, (score, sample)) in samples.iter().filter(|(score, _)| !score.is_reader).enumerate() {
        let overall = roc::delong(sample);
        let mut rows = Vec::new();
        if overall.is_ok() {
            let all = area(score, overall.clone(), study.delong(), options);
            rows.push(row("All", (study.rows(), study.positives()), &all, 1.0));
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
            rows.extend(lines(&mut section, (score, sample), column, &strata, study.delong(), options));
            let q = strata.heterogeneity();
            let left_out = q.as_ref().map_or(Vec::new(), |(_, without)| without.clone());
            let q = q.clone().map(|(found, _)| found);
            let test = q.clone().map(|found| found.q);
            let why_not = test.as_ref().err().map(|why| in_words(why, &strata));
            let finding = Finding::new(
                "subgroups",
                &score.name,
                "heterogeneity of AUC, I squared",
                q.map(|found| found.i_squared),
            );
            let mut finding = finding.of(sample).among(column).tested(&test).by("Cochran's Q");
            if let Some(why) = why_not.clone() {
                finding.value = Err(why);
            }
            if !left_out.is_empty() {
                let left_out = left_out.join(", ");
                finding.remark(&format!("without those that have no AUC: {left_out}"));
                without.push(format!("{}, {column}: {left_out}", score.name));
            }
            section.findings.push(finding);
            match test {
                Ok(test) => tests.push((score.name.clone(), column.clone(), test.p)),
                Err(_) => untested.push((score.name.clone(), column.clone(), why_not.unwrap_or_default())),
            }
        }
        section.figure(
            figure(at, score, rows, overall.ok().map(|overall| overall.value), options),
            "Each line is a subgroup, its square as large as its share of the rows; the dashed line is the area over all rows.",
        );
    }
    for (score, column, why) in untested {
        section.words(format!("{score}: whether subgroups by {column} differ is not tested: {why}."));
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
            &format!(
                "Cochran's Q over the subgroups of a column, which must be of different patients. Adjusted for all tests of this table.{}",
                match without.is_empty() {
                    true => String::new(),
                    false => format!(" Left out of the test, for they have no AUC: {}.", without.join("; ")),
                }
            ),
        );
    }
    Ok(section)
}

/// Why subgroups cannot be tested. What `uvid_metrics` calls a row is one of the subgroups that have an area.
fn in_words(why: &Undefined, strata: &Strata) -> String {
    let with_area = || strata.list.iter().filter(|stratum| stratum.estimate.is_ok());
    match why {
        Undefined::Value { row, .. } => match with_area().nth(*row) {
            Some(stratum) => format!("the area of {} has a standard error of 0", stratum.label),
            None => reason(why),
        },
        Undefined::Empty(_)
        | Undefined::Length { .. }
        | Undefined::Parameter { .. }
        | Undefined::OneClass { .. }
        | Undefined::TooFew { .. }
        | Undefined::Degenerate(_)
        | Undefined::NoConvergence { .. } => reason(why),
    }
}

fn lines(
    section: &mut Section,
    (score, sample): (&Score, &Binary),
    column: &str,
    strata: &Strata,
    by: &str,
    options: &Options,
) -> Vec<ForestRow> {
    let mut rows = Vec::new();
    for stratum in &strata.list {
        let stated = format!("{column}: {}", stratum.label);
        let finding = area(score, stratum.estimate.clone(), by, options);
        let finding = Finding { n: stratum.rows, positives: Some(stratum.positives), ..finding }.among(&stated);
        let weight = stratum.rows as f64 / sample.len() as f64;
        rows.push(row(&stratum.label, (stratum.rows, stratum.positives), &finding, weight));
        section.findings.push(finding);
    }
    rows
}

fn area(score: &Score, found: Result<Estimate, Undefined>, by: &str, options: &Options) -> Finding {
    Finding::estimate("subgroups", &score.name, "AUC", found, options.confidence, (0.0, 1.0)).by(by)
}

/// An area with its interval, or what there is of it in words.
fn row(label: &str, (rows, positives): (usize, usize), found: &Finding, weight: f64) -> ForestRow {
    let (label, counts) = (label.to_owned(), format!("{positives} / {rows}"));
    match (&found.value, found.interval) {
        (Ok(value), Some(Interval { lower, upper })) => ForestRow::Estimate {
            label,
            counts,
            value: *value,
            interval: Some((lower, upper)),
            weight,
            text: format!("{} ({} to {})", number(*value), number(lower), number(upper)),
        },
        (Ok(value), None) => {
            ForestRow::Estimate { label, counts, value: *value, interval: None, weight, text: found.text() }
        }
        (Err(why), _) => ForestRow::Missing { label, counts, reason: why.clone() },
    }
}

/// The areas of all scores in each subgroup, as text.
fn areas(
    section: &mut Section,
    study: &Study,
    columns: &[String],
    samples: &[(&Score, Binary)],
    options: &Options,
) -> Result<(), StudyError> {
    let models = || samples.iter().filter(|(score, _)| !score.is_reader);
    let mut lines = Vec::new();
    for column in columns {
        let strata = study.strata(column)?;
        for (label, within) in strata.iter().filter(|_| strata.len() <= VALUES_MAX) {
            let positives = within.iter().zip(&study.positive).filter(|(within, positive)| **within && **positive);
            let counts = [within.iter().filter(|within| **within).count(), positives.count()];
            let mut line = vec![format!("{column}: {label}")];
            line.extend(counts.map(|count| count.to_string()));
            line.extend(models().map(|(score, sample)| {
                area(score, sample.filtered(within).and_then(|group| roc::delong(&group)), study.delong(), options)
                    .text()
            }));
            lines.push(line);
        }
    }
    if models().next().is_none() {
        return Ok(());
    }
    let names: Vec<String> = models().map(|(score, _)| format!("AUC of {}", score.name)).collect();
    let header: Vec<&str> =
        ["subgroup", "rows", "with the outcome"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let note = match study.weights {
        Some(_) => "DeLong's method knows no weights: no areas here.".to_owned(),
        None => format!("In brackets {:.0} % intervals by {}, DeLong.", 100.0 * options.confidence.get(), study.unit()),
    };
    section.grid("Areas under the ROC curve by subgroup", &header, lines, &note);
    Ok(())
}

fn figure(
    at: usize,
    score: &Score,
    rows: Vec<ForestRow>,
    overall: Option<f64>,
    options: &Options,
) -> Result<Figure, FigureError> {
    let caption = format!(
        "Area under the ROC curve with {:.0} % intervals (DeLong). With / all: rows with the outcome, of all.",
        100.0 * options.confidence.get()
    );
    let about = About::new(format!("subgroups-{at}"), format!("Subgroups: {}", score.name), caption);
    let forest = Forest::new(about, Axis::new("area under the ROC curve")).columns("subgroup", "with / all", "AUC");
    let forest = rows.into_iter().fold(forest, Forest::row);
    match overall {
        Some(overall) => forest.reference(overall).figure(),
        None => forest.figure(),
    }
}
