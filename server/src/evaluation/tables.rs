//! Tables of an evaluation: the cohort beside what each package says, one row for each image, breast or exam.
//!
//! Columns: `patient`, `exam`, `breast` (L or R), `image`, `view`; `cancer` (1, 0, or empty where the set does not know);
//! `days_to_cancer`, `days_followed`; `weight`; the set's covariates by their names; for each output of each package a column
//! `package:output`, and `package:not_scored` with the codes of the reasons where there is no score.

use std::collections::{BTreeMap, BTreeSet};

use uvid_datasets::sets::{Cohort, Image, Outcome, Projection};
use uvid_evaluation::table::{Column, Table, TableError, Values};
use uvid_exam::Laterality;

use super::exams::Unit;
use super::journal::Line;
use crate::report::json::{OutputJson, State, ValueJson};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// An image.
    Image,
    /// A breast.
    Breast,
    /// An exam.
    Exam,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Image, Self::Breast, Self::Exam];

    /// As in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Breast => "breast",
            Self::Exam => "exam",
        }
    }
}

/// The tables of scores, marks and lesions.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// By level.
    pub scores: Vec<(Level, Table)>,
    /// Where packages point: `package`, `image`, `name`, `score`, `row`, `column`.
    pub marks: Table,
    /// Why exams have no score, and which files of the others could not be read: `package`, `patient`, `exam`, `code`, `reason`,
    /// `image` (of a file).
    pub not_scored: Table,
}

/// A row in the making.
struct Row<'a> {
    about: BTreeMap<&'a str, String>,
    label: Option<bool>,
    outcome: Option<Outcome>,
    covariates: BTreeMap<String, String>,
    weight: Option<f64>,
    scores: BTreeMap<String, Score>,
}

/// What a package says of a row.
enum Score {
    Number(f64),
    /// A category, or why there is nothing.
    Text(String),
}

/// Makes the tables. `lines` are those of each unit, package by package; what nobody has scored has no row.
///
/// # Errors
///
/// Two columns have the same name.
pub fn tables(cohort: &Cohort, units: &[Unit], lines: &[Vec<Option<Line>>]) -> Result<Tables, TableError> {
    let mut scores = Vec::new();
    for level in Level::ALL {
        let mut rows = Vec::new();
        for (unit, lines) in units.iter().zip(lines) {
            let lines: Vec<&Line> = lines.iter().flatten().collect();
            if !lines.is_empty() {
                rows.extend(rows_of(level, cohort, unit, &lines));
            }
        }
        scores.push((level, table(&format!("scores by {}", level.name()), &rows)?));
    }
    Ok(Tables { scores, marks: marks(lines)?, not_scored: not_scored(units, lines)? })
}

fn rows_of<'a>(level: Level, cohort: &'a Cohort, unit: &'a Unit, lines: &[&Line]) -> Vec<Row<'a>> {
    let images: Vec<&Image> = unit.images.iter().map(|place| &cohort.images[*place]).collect();
    match level {
        Level::Image => images.iter().map(|image| image_row(unit, image, lines)).collect(),
        Level::Breast => [Laterality::Left, Laterality::Right]
            .into_iter()
            .filter_map(|side| breast_row(cohort, unit, &images, side, lines))
            .collect(),
        Level::Exam => images.first().map(|first| exam_row(unit, first, &images, lines)).into_iter().collect(),
    }
}

fn about<'a>(unit: &Unit) -> BTreeMap<&'a str, String> {
    BTreeMap::from([("patient", unit.patient.clone()), ("exam", unit.exam.clone())])
}

fn image_row<'a>(unit: &'a Unit, image: &'a Image, lines: &[&Line]) -> Row<'a> {
    let mut about = about(unit);
    about.insert("image", image.image.clone());
    about.extend(image.laterality.map(|side| ("breast", side.to_string())));
    let view = image.view.as_ref().map(|view| match view {
        Projection::View(view) => view.short().to_owned(),
        Projection::Other(text) => text.clone(),
    });
    about.extend(view.map(|view| ("view", view)));
    let mut scores = BTreeMap::new();
    for line in lines {
        let found = line.images.iter().find(|(_, name)| *name == image.image);
        let outputs = found.and_then(|(uid, _)| line.report.images.iter().find(|i| i.sop_instance == *uid));
        // What became of the file, by its UID, or by its name where it could not be read.
        let is = |file: &str| found.map_or(&image.image, |(uid, _)| uid) == file;
        let fate =
            line.report.received.iter().find(|received| is(&received.file)).map_or("not-chosen", |r| r.code.as_str());
        add(&mut scores, line, outputs.map(|image| image.outputs.as_slice()), fate);
    }
    Row {
        about,
        label: image.labels.image,
        outcome: image.breast_outcome,
        covariates: image.covariates.clone(),
        weight: image.weight,
        scores,
    }
}

fn breast_row<'a>(
    cohort: &Cohort,
    unit: &Unit,
    images: &[&'a Image],
    side: Laterality,
    lines: &[&Line],
) -> Option<Row<'a>> {
    let mut about = about(unit);
    about.insert("breast", side.to_string());
    let of: Vec<&Image> = images.iter().filter(|image| image.laterality == Some(side)).copied().collect();
    let stated = cohort
        .sides
        .iter()
        .find(|stated| stated.patient == unit.patient && stated.exam == unit.exam && stated.laterality == side);
    let letter = side.to_string();
    let scored = lines.iter().any(|line| line.report.breasts.iter().any(|breast| breast.laterality == letter));
    // A breast that neither a table nor a file knows of has no row.
    if of.is_empty() && !scored && stated.is_none() {
        return None;
    }
    let label = of.first().and_then(|image| image.labels.breast).or(stated.and_then(|stated| stated.cancer));
    let mut covariates = common(&of);
    if let Some(stated) = stated {
        covariates.extend(stated.covariates.clone());
    }
    let mut scores = BTreeMap::new();
    for line in lines {
        let breast = line.report.breasts.iter().find(|breast| breast.laterality == letter);
        // A package that says nothing of any breast, a risk of the woman's say, has no outputs here.
        let otherwise = if line.report.breasts.is_empty() { "no-output" } else { "no-image" };
        add(&mut scores, line, breast.map(|breast| breast.outputs.as_slice()), otherwise);
    }
    let outcome = of.first().and_then(|image| image.breast_outcome);
    let weight = images.first().and_then(|image| image.weight);
    Some(Row { about, label, outcome, covariates, weight, scores })
}

fn exam_row<'a>(unit: &Unit, first: &Image, images: &[&'a Image], lines: &[&Line]) -> Row<'a> {
    let mut scores = BTreeMap::new();
    for line in lines {
        let outputs = (line.report.state == State::Scored).then_some(line.report.exam.as_slice());
        add(&mut scores, line, outputs, "not-scored");
    }
    let (label, outcome, weight) = (first.labels.exam, first.outcome, first.weight);
    Row { about: about(unit), label, outcome, covariates: common(images), weight, scores }
}

/// What a package says, or why it says nothing.
fn add(scores: &mut BTreeMap<String, Score>, line: &Line, outputs: Option<&[OutputJson]>, otherwise: &str) {
    let package = &line.report.package.name;
    match outputs.filter(|_| line.report.state == State::Scored) {
        Some(outputs) => scores.extend(outputs.iter().map(|o| (format!("{package}:{}", o.name), score(&o.value)))),
        None => {
            let codes: Vec<&str> = line.report.reasons.iter().map(|reason| reason.code.as_str()).collect();
            let why = if codes.is_empty() { otherwise.to_owned() } else { codes.join(" ") };
            scores.insert(format!("{package}:not_scored"), Score::Text(why));
        }
    }
}

fn score(value: &ValueJson) -> Score {
    match value {
        ValueJson::Score { value }
        | ValueJson::Probability { value }
        | ValueJson::Risk { value, .. }
        | ValueJson::Percentile { value }
        | ValueJson::RelativeRisk { value, .. } => Score::Number(*value),
        ValueJson::Category { value } => Score::Text(value.clone()),
    }
}

/// What all images agree about; where they differ, all values joined by `+`.
fn common(images: &[&Image]) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in images.iter().flat_map(|image| &image.covariates) {
        values.entry(name.clone()).or_default().insert(value);
    }
    values.into_iter().map(|(name, values)| (name, values.into_iter().collect::<Vec<_>>().join("+"))).collect()
}

/// Columns in a fixed order: what the row is about, outcome, covariates, scores. What is a number by its nature is one; the set's own
/// words, names above all, stay text.
fn table(name: &str, rows: &[Row<'_>]) -> Result<Table, TableError> {
    let texts = |name: &str, of: &dyn Fn(&Row<'_>) -> Option<String>| Column {
        name: name.to_owned(),
        values: Values::Text(rows.iter().map(of).collect()),
    };
    let numbers = |name: &str, of: &dyn Fn(&Row<'_>) -> Option<f64>| Column {
        name: name.to_owned(),
        values: Values::Number(rows.iter().map(of).collect()),
    };
    let about = ["patient", "exam", "breast", "image", "view"];
    let mut columns: Vec<Column> = about.map(|name| texts(name, &|row| row.about.get(name).cloned())).into();
    columns.push(numbers("cancer", &|row| row.label.map(f64::from)));
    columns.push(numbers("days_to_cancer", &|row| row.outcome.as_ref()?.days_to_cancer));
    columns.push(numbers("days_followed", &|row| Some(row.outcome.as_ref()?.days_followed)));
    columns.push(numbers("weight", &|row| row.weight));
    let covariates: BTreeSet<&String> = rows.iter().flat_map(|row| row.covariates.keys()).collect();
    columns.extend(covariates.into_iter().map(|name| texts(name, &|row| row.covariates.get(name).cloned())));
    let scores: BTreeSet<&String> = rows.iter().flat_map(|row| row.scores.keys()).collect();
    columns.extend(scores.into_iter().map(|name| {
        let number = |row: &Row<'_>| match row.scores.get(name)? {
            Score::Number(number) => Some(*number),
            Score::Text(_) => None,
        };
        let text = |row: &Row<'_>| match row.scores.get(name)? {
            Score::Number(number) => Some(number.to_string()),
            Score::Text(text) => Some(text.clone()),
        };
        let is_text = rows.iter().any(|row| matches!(row.scores.get(name), Some(Score::Text(_))));
        if is_text { texts(name, &text) } else { numbers(name, &number) }
    }));
    columns.retain(|column| match &column.values {
        Values::Text(values) => values.iter().any(Option::is_some),
        Values::Number(values) => values.iter().any(Option::is_some),
    });
    Table::new(name, columns)
}

fn texts(name: &str, values: impl Iterator<Item = String>) -> Column {
    Column { name: name.to_owned(), values: Values::Text(values.map(Some).collect()) }
}

fn numbers(name: &str, values: impl Iterator<Item = f64>) -> Column {
    Column { name: name.to_owned(), values: Values::Number(values.map(Some).collect()) }
}

fn marks(lines: &[Vec<Option<Line>>]) -> Result<Table, TableError> {
    let lines = lines.iter().flatten().flatten();
    let marks: Vec<_> = lines.flat_map(|line| line.marks.iter().map(move |mark| (line, mark))).collect();
    Table::new(
        "marks",
        vec![
            texts("package", marks.iter().map(|(line, _)| line.report.package.name.clone())),
            texts("image", marks.iter().map(|(_, mark)| mark.image.clone())),
            texts("name", marks.iter().map(|(_, mark)| mark.name.clone())),
            numbers("score", marks.iter().map(|(_, mark)| mark.score)),
            numbers("row", marks.iter().map(|(_, mark)| mark.row)),
            numbers("column", marks.iter().map(|(_, mark)| mark.column)),
        ],
    )
}

fn not_scored(units: &[Unit], lines: &[Vec<Option<Line>>]) -> Result<Table, TableError> {
    let mut rows = Vec::new();
    for (unit, lines) in units.iter().zip(lines) {
        for line in lines.iter().flatten() {
            let reasons = line.report.reasons.iter();
            rows.extend(reasons.map(|reason| (unit, line, reason.code.as_str(), reason.text.as_str(), None)));
            let unread = line.report.received.iter().filter(|received| received.code == "unreadable");
            let unread = unread.filter(|_| line.report.reasons.is_empty());
            rows.extend(
                unread.map(|file| (unit, line, file.code.as_str(), file.fate.as_str(), Some(file.file.clone()))),
            );
        }
    }
    Table::new(
        "not scored",
        vec![
            texts("package", rows.iter().map(|(_, line, ..)| line.report.package.name.clone())),
            texts("patient", rows.iter().map(|(unit, ..)| unit.patient.clone())),
            texts("exam", rows.iter().map(|(unit, ..)| unit.exam.clone())),
            texts("code", rows.iter().map(|(_, _, code, ..)| (*code).to_owned())),
            texts("reason", rows.iter().map(|(_, _, _, reason, _)| (*reason).to_owned())),
            Column {
                name: "image".to_owned(),
                values: Values::Text(rows.iter().map(|(.., image)| image.clone()).collect()),
            },
        ],
    )
}
