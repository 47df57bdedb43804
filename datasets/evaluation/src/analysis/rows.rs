//! Which rows are analysed, and what they are.

use super::finding::counted;
use super::{Finding, Section, Study, StudyError, percent};
use crate::figure::{About, Flow};

/// How many values of a subgroup's column are listed in the table of the rows.
const VALUES_MAX: usize = 12;

/// The flow of rows into the analysis, and a table of what is left.
///
/// # Errors
///
/// A subgroup's column is not there.
pub fn rows(study: &Study, subgroups: &[String]) -> Result<Section, StudyError> {
    let mut section = Section::new("data", "Data");
    let (all, positives) = (study.rows(), study.positives());
    let patients = match &study.clusters {
        Some(clusters) => format!(" of {}", counted(clusters.count(), "patient")),
        None => String::new(),
    };
    section.words(format!(
        "{}{patients} are analysed; {positives} of them ({}) have the outcome. {}",
        counted(all, "row"),
        percent(positives as f64 / all as f64),
        match study.left_out.len() {
            0 => "No row of the table was left out.".to_owned(),
            _ => format!(
                "{} of the {} of the table were left out, for the reasons that the diagram counts.",
                study.given - all,
                counted(study.given, "row")
            ),
        }
    ));
    if study.clusters.is_none() {
        section.warn(
            "No column says which rows are of the same patient, so every row counts as a patient of its own. If patients \
             have several rows, all intervals here are too narrow.",
        );
    }
    let about = About::new(
        "flow",
        "Rows from the table to the analysis",
        "Each row is counted once, under the first reason that holds.",
    );
    let mut flow = Flow::new(about, "rows").step("Rows of the table", study.given as u64);
    for (reason, rows) in &study.left_out {
        flow = flow.excluded(reason.clone(), *rows as u64);
    }
    let flow = flow.step("Analysed", all as u64);
    let words = match study.left_out.is_empty() {
        true => "All rows of the table are analysed. Who is not in the table, it cannot say.",
        false => "What is left out is seldom left out by chance: ask of every reason whether it favours a model.",
    };
    section.figure(flow.figure(), words);
    let finding = |measure: &str, rows: usize| Finding::new("data", "table", measure, Ok(rows as f64));
    section.findings.push(finding("rows given", study.given));
    section.findings.push(finding("rows analysed", all));
    section.findings.push(finding("rows with the outcome", positives));
    section.findings.extend(study.clusters.as_ref().map(|clusters| finding("patients", clusters.count())));
    let left_out = study.left_out.iter().map(|(reason, rows)| finding("rows left out", *rows).among(reason));
    section.findings.extend(left_out);

    let mut lines = Vec::new();
    for column in subgroups {
        let strata = study.strata(column)?;
        let shown = strata.len().min(VALUES_MAX);
        for (value, within) in &strata[..shown] {
            let count = within.iter().filter(|within| **within).count();
            let with = within.iter().zip(&study.positive).filter(|(within, positive)| **within && **positive).count();
            lines.push(vec![
                format!("{column}: {value}"),
                count.to_string(),
                percent(count as f64 / all as f64),
                with.to_string(),
                percent(with as f64 / count as f64),
            ]);
        }
        if strata.len() > shown {
            lines.push(vec![
                format!("{column}: {} more values", strata.len() - shown),
                "…".into(),
                "".into(),
                "…".into(),
                "".into(),
            ]);
        }
    }
    section.grid(
        "Who is in the analysis",
        &["subgroup", "rows", "of all rows", "with the outcome", "of the subgroup"],
        lines,
        "",
    );
    Ok(section)
}
