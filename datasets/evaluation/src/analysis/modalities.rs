//! Readers under two or more modalities, with the AI and without it say: multi-reader multi-case studies.

use std::collections::BTreeMap;

use uvid_metrics::readers::{Auc, Figures, Pseudovalues, Random, Reading, StudentEstimate, Study, u_statistics};
use uvid_metrics::{Clusters, Undefined};

use super::finding::counted;
use super::{Finding, Options, Section, StudyError, p_value};
use crate::figure::{About, Axis, Form, Plot, Series};
use crate::table::{Table, TableError};

/// Which columns of a table with a row for each reading are what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Who read.
    pub reader: String,
    /// With what.
    pub modality: String,
    /// What was read.
    pub case: String,
    /// The reader's score; larger is more suspicious.
    pub score: String,
    /// Whether the case has the outcome; the same in all rows of a case.
    pub label: String,
    /// The patient, where a case is a breast or an image.
    pub cluster: Option<String>,
    /// The modality with which the others are compared; that of the table's first row if absent.
    pub reference: Option<String>,
}

/// The readings, with the names of their modalities and readers.
struct Taken {
    study: Study,
    /// The reference first, the others in the order of their names.
    modalities: Vec<String>,
    readers: Vec<String>,
    /// Patients are known.
    by_patient: bool,
}

/// Areas of each reader under each modality, their means, and the differences of these: Obuchowski-Rockette, Dorfman-Berbaum-Metz,
/// U-statistics.
///
/// # Errors
///
/// A column is missing or a value is none; a reading is missing or there twice; no reading is under the reference.
pub fn modalities(table: &Table, columns: &Readings, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("modalities", "Readers under each modality");
    let taken = take(table, columns)?;
    let figures = Figures::delong(&taken.study);
    section.words(format!(
        "{} read {} under {}. Intervals and p values are for other readers and other cases, unless they say otherwise.",
        counted(taken.readers.len(), "reader"),
        counted(taken.study.cases(), "case"),
        match taken.modalities.len() {
            1 => "1 modality".to_owned(),
            several => format!("{several} modalities"),
        }
    ));
    section.words(format!(
        "The reference is **{}**, {}. Differences are those of another modality less the reference, and it is the other that is tested for \
         not being inferior{}",
        taken.modalities[0],
        match columns.reference {
            Some(_) => "as named",
            None => "the modality of the table's first row, for no other was named",
        },
        match taken.modalities.len() {
            0..=2 => ".",
            _ => "; among the others, the later in the alphabet less the earlier.",
        }
    ));
    each(&mut section, &taken, &figures, options);
    means(&mut section, &taken, &figures, options);
    differences(&mut section, &taken, &figures, options);
    Ok(section)
}

/// Numbers for names, in the order of the names.
fn numbered(names: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut known: Vec<String> = names.to_vec();
    known.sort();
    known.dedup();
    let number: BTreeMap<&String, usize> = known.iter().enumerate().map(|(at, name)| (name, at)).collect();
    let numbers = names.iter().map(|name| number[name]).collect();
    (known, numbers)
}

/// The reference first, the others in the order of their names.
fn with_reference(names: &[String], columns: &Readings) -> Result<(Vec<String>, Vec<usize>), StudyError> {
    let (mut known, numbers) = numbered(names);
    let Some(reference) = columns.reference.as_ref().or(names.first()) else { return Ok((known, numbers)) };
    let Some(place) = known.iter().position(|name| name == reference) else {
        let there: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(StudyError::no_value(&columns.modality, reference, &there));
    };
    known[..=place].rotate_right(1);
    let moved = |number: usize| match number {
        number if number == place => 0,
        number if number < place => number + 1,
        number => number,
    };
    Ok((known, numbers.into_iter().map(moved).collect()))
}

fn take(table: &Table, columns: &Readings) -> Result<Taken, StudyError> {
    let wrong = |row: usize, column: &str, value: String, expected: &'static str| TableError::Value {
        table: table.name().to_owned(),
        row: row + 1,
        column: column.to_owned(),
        value,
        expected,
    };
    let texts = |column: &str| -> Result<Vec<String>, TableError> {
        let filled =
            |(row, text): (usize, Option<String>)| text.ok_or_else(|| wrong(row, column, String::new(), "there"));
        table.texts(column)?.into_iter().enumerate().map(filled).collect()
    };
    let (readers, reader) = numbered(&texts(&columns.reader)?);
    let (modalities, modality) = with_reference(&texts(&columns.modality)?, columns)?;
    let (cases, case) = numbered(&texts(&columns.case)?);
    let patients = columns.cluster.as_ref().map(|column| texts(column)).transpose()?;
    let (scores, labels) = (table.numbers(&columns.score)?, table.booleans(&columns.label)?);

    let mut positive: Vec<Option<bool>> = vec![None; cases.len()];
    let mut patient: Vec<Option<String>> = vec![None; cases.len()];
    let mut readings = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let score = scores[row].ok_or_else(|| wrong(row, &columns.score, String::new(), "a finite number"))?;
        let label = labels[row].ok_or_else(|| wrong(row, &columns.label, String::new(), "1 or 0"))?;
        if *positive[case[row]].get_or_insert(label) != label {
            return Err(
                wrong(row, &columns.label, u8::from(label).to_string(), "what another row of this case says").into()
            );
        }
        if let Some(patients) = &patients
            && patient[case[row]].get_or_insert_with(|| patients[row].clone()) != &patients[row]
        {
            let column = columns.cluster.as_deref().unwrap_or_default();
            return Err(wrong(row, column, patients[row].clone(), "what another row of this case says").into());
        }
        readings.push(Reading { modality: modality[row], reader: reader[row], case: case[row], score });
    }
    let positive: Vec<bool> = positive.into_iter().flatten().collect();
    complete(&readings, (&readers, &modalities, &cases))?;
    let mut study = Study::of_readings(&readings, &positive)?;
    let by_patient = patients.is_some();
    if by_patient {
        study = study.clustered(Clusters::of(patient.into_iter().flatten()))?;
    }
    Ok(Taken { study, modalities, readers, by_patient })
}

/// That each reader read each case once under each modality: the names of (readers, modalities, cases) say who did not.
fn complete(
    readings: &[Reading],
    (readers, modalities, cases): (&[String], &[String], &[String]),
) -> Result<(), StudyError> {
    let place = |of: &Reading| (of.modality, of.reader, of.case);
    let mut order: Vec<((usize, usize, usize), usize)> =
        readings.iter().enumerate().map(|(row, reading)| (place(reading), row)).collect();
    order.sort_unstable();
    let named = |(modality, reader, case): (usize, usize, usize)| {
        (readers[reader].clone(), modalities[modality].clone(), cases[case].clone())
    };
    if let Some(pair) = order.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let (reader, modality, case) = named(pair[0].0);
        return Err(StudyError::TwoReadings { reader, modality, case, rows: [pair[0].1 + 1, pair[1].1 + 1] });
    }
    let mut found = order.iter().map(|(place, _)| *place);
    let mut all = (0..modalities.len()).flat_map(|modality| {
        (0..readers.len()).flat_map(move |reader| (0..cases.len()).map(move |case| (modality, reader, case)))
    });
    // The first that is not the next of those found, which are in the same order.
    match all.find(|expected| found.next() != Some(*expected)) {
        Some(missing) => {
            let (reader, modality, case) = named(missing);
            Err(StudyError::NoReading { reader, modality, case })
        }
        None => Ok(()),
    }
}

/// A row for each reader, a column for each modality.
fn each(section: &mut Section, taken: &Taken, figures: &Result<Figures, Undefined>, options: &Options) {
    let by = if taken.by_patient { "DeLong, by patient (Obuchowski)" } else { "DeLong" };
    let mut lines = Vec::new();
    let mut series: Vec<Vec<(f64, f64)>> = vec![Vec::new(); taken.readers.len()];
    for (reader, name) in taken.readers.iter().enumerate() {
        let mut line = vec![name.clone()];
        for (modality, under) in taken.modalities.iter().enumerate() {
            let area = figures.as_ref().map_err(Clone::clone).and_then(|figures| {
                let variance = figures.covariance((modality, reader), (modality, reader))?;
                let value = figures.value(modality, reader)?;
                Ok(uvid_metrics::Estimate { value, standard_error: variance.max(0.0).sqrt() })
            });
            series[reader].extend(area.as_ref().ok().map(|area| (modality as f64, area.value)));
            let finding = Finding::estimate("modalities", name, "AUC", area, options.confidence, (0.0, 1.0));
            let finding = finding.among(under).rows(taken.study.cases()).by(by);
            line.push(finding.text());
            section.findings.push(finding);
        }
        lines.push(line);
    }
    let header: Vec<&str> = std::iter::once("reader").chain(taken.modalities.iter().map(String::as_str)).collect();
    section.grid(
        "Area under the ROC curve of each reader",
        &header,
        lines,
        "In brackets intervals for these readers and other cases (DeLong).",
    );
    if taken.modalities.len() == 2 && series.iter().all(|points| points.len() == 2) {
        let caption = format!("Each line is a reader: left {}, right {}.", taken.modalities[0], taken.modalities[1]);
        let about = About::new("modalities", "Readers under both modalities", caption);
        let plot = Plot::new(
            about,
            Axis::new(format!("{} (0) and {} (1)", taken.modalities[0], taken.modalities[1])),
            Axis::new("AUC"),
        );
        let plot = series
            .iter()
            .zip(&taken.readers)
            .fold(plot, |plot, (points, name)| plot.series(Series::new(name.clone(), points, Form::LineAndPoints)));
        section.figure(plot.figure(), "Lines that rise are readers who rank cases better under the second modality.");
    }
}

/// Student's interval knows no bounds: it is cut to those of the measure, `lowest` and 1.
fn student(
    subject: &str,
    measure: &str,
    found: &Result<StudentEstimate, Undefined>,
    cases: usize,
    (lowest, options): (f64, &Options),
) -> Finding {
    let value = found.as_ref().map(|estimate| estimate.value).map_err(Clone::clone);
    let interval = found.as_ref().ok().map(|estimate| estimate.interval(options.confidence).within(lowest, 1.0));
    Finding::new("modalities", subject, measure, value).with_interval(interval).rows(cases)
}

fn means(section: &mut Section, taken: &Taken, figures: &Result<Figures, Undefined>, options: &Options) {
    let mut lines = Vec::new();
    for (modality, name) in taken.modalities.iter().enumerate() {
        let mut line = vec![name.clone()];
        for (random, whom) in
            [(Random::ReadersAndCases, "readers and cases"), (Random::Cases, "cases"), (Random::Readers, "readers")]
        {
            let found = figures.as_ref().map_err(Clone::clone).and_then(|figures| figures.modality(modality, random));
            let finding = student(name, "mean AUC of the readers", &found, taken.study.cases(), (0.0, options));
            let finding = finding.among(&format!("for other {whom}")).by("Obuchowski-Rockette, Hillis");
            line.push(finding.text());
            section.findings.push(finding);
        }
        lines.push(line);
    }
    section.grid(
        "Mean area of the readers",
        &["modality", "for other readers and cases", "for other cases", "for other readers"],
        lines,
        "Obuchowski-Rockette with DeLong's covariances and Hillis' degrees of freedom.",
    );
}

fn differences(section: &mut Section, taken: &Taken, figures: &Result<Figures, Undefined>, options: &Options) {
    let auc = Auc::of(&taken.study);
    let pseudovalues = Pseudovalues::of(&auc);
    let mut lines = Vec::new();
    for first in 0..taken.modalities.len() {
        for second in first + 1..taken.modalities.len() {
            // The reference is the first.
            let name = format!("{} - {}", taken.modalities[second], taken.modalities[first]);
            let both = Random::ReadersAndCases;
            let or = figures.as_ref().map_err(Clone::clone).and_then(|figures| figures.difference(second, first, both));
            let dbm =
                pseudovalues.as_ref().map_err(Clone::clone).and_then(|values| values.difference(second, first, both));
            let u = u_statistics(&taken.study, second, Some(first)).and_then(|u| u.estimate());
            let mut line = vec![name.clone()];
            for (found, by) in [(&or, "Obuchowski-Rockette, Hillis"), (&dbm, "Dorfman-Berbaum-Metz, Hillis")] {
                let test = found.clone().and_then(|estimate| estimate.test(0.0));
                let finding = student(&name, "difference of mean AUC", found, taken.study.cases(), (-1.0, options))
                    .tested(&test)
                    .by(by);
                line.extend([finding.text(), finding.p.map_or_else(String::new, p_value)]);
                section.findings.push(finding);
            }
            let inferior = or.clone().and_then(|difference| difference.non_inferiority(options.margin));
            let finding =
                student(&name, "mean AUC not inferior", &or, taken.study.cases(), (-1.0, options)).tested(&inferior);
            line.push(finding.p.map_or_else(String::new, p_value));
            section.findings.push(finding.by(&format!("one-sided, margin {}", options.margin)));
            let test = u.clone().and_then(|estimate| estimate.test(0.0));
            let finding =
                Finding::estimate("modalities", &name, "difference of mean AUC", u, options.confidence, (-1.0, 1.0));
            section
                .findings
                .push(finding.rows(taken.study.cases()).tested(&test).by("U-statistics, normal approximation"));
            lines.push(line);
        }
    }
    section.grid(
        "Differences of the mean areas",
        &["", "difference (OR)", "p", "difference (DBM)", "p", "p, not inferior"],
        lines,
        &format!(
            "For other readers and other cases. Not inferior: the first named is worse by no more than {}.",
            options.margin
        ),
    );
}
