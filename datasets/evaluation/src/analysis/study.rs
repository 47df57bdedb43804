//! What the columns of a table mean.
//!
//! Invariant: all scores of a study are of the same rows: a row that lacks its outcome or any of the scores is left out,
//! counted under the first reason that holds for it. So every comparison is paired.

use std::borrow::Cow;

use uvid_metrics::{Binary, Clusters, Confidence, Undefined};

use super::StudyError;
use super::finding::counted;
use super::outcome::outcome;
use crate::table::{Table, TableError};

/// Which columns are what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roles {
    /// Whether the row has the outcome: 1 or 0; `density:C,D` for whether a column has one of these values, in large or small
    /// letters. Where breasts differ (`B+C`), a row of which only some values are among these is left out.
    pub label: String,
    /// Scores of models; larger is more suspicious.
    pub scores: Vec<String>,
    /// Scores of human readers.
    pub readers: Vec<String>,
    /// The patient, whose rows belong together.
    pub cluster: Option<String>,
    /// A weight for each row.
    pub weight: Option<String>,
    /// Columns by which to divide.
    pub subgroups: Vec<String>,
    /// What names a row for people: an exam, an image.
    pub row: Vec<String>,
}

/// How to analyse.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The level of all intervals.
    pub confidence: Confidence,
    /// Resamples of the bootstrap by patient; 0 for none.
    pub resamples: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Prevalence at which predictive values are stated; that of the sample if absent.
    pub prevalence: Option<f64>,
    /// Margin of non-inferiority for differences of AUC, sensitivity, specificity.
    pub margin: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { confidence: Confidence::P95, resamples: 2000, seed: 1, prevalence: None, margin: 0.05 }
    }
}

/// A score of every row.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its column.
    pub name: String,
    /// Its values.
    pub values: Vec<f64>,
    /// A person gave it.
    pub is_reader: bool,
}

/// Rows that can be analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The rows, all their columns.
    pub table: Table,
    /// Whether each has the outcome.
    pub positive: Vec<bool>,
    /// Scores of models first, then of readers.
    pub scores: Vec<Score>,
    /// The patients, where they are known.
    pub clusters: Option<Clusters>,
    /// The weights, where there are some.
    pub weights: Option<Vec<f64>>,
    /// Rows of the table that was given.
    pub given: usize,
    /// How many rows were left out, for which reason, in the order in which they were looked for.
    pub left_out: Vec<(String, usize)>,
}

/// Why rows were left out, for people: `2 rows: no score (a); 1 row: no patient`.
pub(super) fn listed(left_out: &[(String, usize)]) -> String {
    let each = left_out.iter().map(|(reason, rows)| format!("{}: {reason}", counted(*rows, "row")));
    match left_out {
        [] => "the table has none".to_owned(),
        _ => each.collect::<Vec<_>>().join("; "),
    }
}

impl Study {
    /// Takes the rows that have an outcome and all scores.
    ///
    /// # Errors
    ///
    /// A column is not there (those of subgroups too), holds something else, or no row is left; a value of the label is nowhere;
    /// a weight is below 0, or all of them are 0.
    pub fn new(table: &Table, roles: &Roles) -> Result<Self, StudyError> {
        if roles.scores.is_empty() && roles.readers.is_empty() {
            return Err(StudyError::Nothing("--score"));
        }
        let outcome = outcome(table, &roles.label)?;
        let columns =
            roles.scores.iter().map(|name| (name, false)).chain(roles.readers.iter().map(|name| (name, true)));
        let columns: Vec<(&String, bool, Vec<Option<f64>>)> = columns
            .map(|(name, is_reader)| Ok((name, is_reader, table.numbers(name)?)))
            .collect::<Result<_, TableError>>()?;
        let patients = roles.cluster.as_ref().map(|name| table.texts(name)).transpose()?;
        let weights = roles.weight.as_ref().map(|name| table.numbers(name)).transpose()?;

        let mut keep = vec![true; table.rows()];
        let mut left_out = Vec::new();
        let mut leave_out = |reason: String, lacks: &dyn Fn(usize) -> bool| {
            let rows: Vec<usize> = (0..keep.len()).filter(|row| keep[*row] && lacks(*row)).collect();
            rows.iter().for_each(|row| keep[*row] = false);
            if !rows.is_empty() {
                left_out.push((reason, rows.len()));
            }
        };
        leave_out(outcome.reason.clone(), &|row| outcome.mixed[row]);
        leave_out(format!("no outcome ({})", roles.label), &|row| outcome.of_rows[row].is_none());
        for (name, _, values) in &columns {
            leave_out(format!("no score ({name})"), &|row| values[row].is_none());
        }
        if let Some(patients) = &patients {
            leave_out("no patient".to_owned(), &|row| patients[row].is_none());
        }
        if let Some(weights) = &weights {
            leave_out("no weight".to_owned(), &|row| weights[row].is_none());
        }
        let below_0 = |row: &usize| keep[*row] && weights.as_ref().is_some_and(|w| w[*row].is_some_and(|w| w < 0.0));
        if let Some((row, column)) = (0..keep.len()).find(below_0).zip(roles.weight.as_ref()) {
            let value = weights.iter().filter_map(|weights| weights[row]).map(|weight| weight.to_string()).collect();
            let (table, column) = (table.name().to_owned(), column.clone());
            return Err(
                TableError::Value { table, row: row + 1, column, value, expected: "a weight, 0 or more" }.into()
            );
        }
        if !keep.contains(&true) {
            let why = listed(&left_out);
            return Err(StudyError::NoRow { table: table.name().to_owned(), why });
        }

        let rows: Vec<usize> = (0..keep.len()).filter(|row| keep[*row]).collect();
        let pick = |values: &[Option<f64>]| rows.iter().filter_map(|row| values[*row]).collect::<Vec<f64>>();
        let scores = columns.iter().map(|(name, is_reader, values)| Score {
            name: (*name).clone(),
            values: pick(values),
            is_reader: *is_reader,
        });
        let study = Self {
            positive: rows.iter().filter_map(|row| outcome.of_rows[*row]).collect(),
            scores: scores.collect(),
            clusters: patients.map(|patients| Clusters::of(rows.iter().filter_map(|row| patients[*row].clone()))),
            weights: weights.map(|weights| pick(&weights)),
            given: table.rows(),
            left_out,
            table: table.filtered(&keep),
        };
        // What is out of its domain, a weight below 0 say, is an error here, so that no section meets it.
        study.scores.iter().try_for_each(|score| study.sample(score).map(drop))?;
        roles.subgroups.iter().try_for_each(|column| study.labels(column).map(drop))?;
        Ok(study)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.positive.len()
    }

    /// Rows with the outcome.
    pub fn positives(&self) -> usize {
        self.positive.iter().filter(|p| **p).count()
    }

    /// The scores of models.
    pub fn models(&self) -> impl Iterator<Item = &Score> {
        self.scores.iter().filter(|score| !score.is_reader)
    }

    /// The scores of readers.
    pub fn readers(&self) -> impl Iterator<Item = &Score> {
        self.scores.iter().filter(|score| score.is_reader)
    }

    /// A score with the outcome, by patient and with weights where there are some.
    ///
    /// # Errors
    ///
    /// A score or weight that is out of its domain.
    pub fn sample(&self, score: &Score) -> Result<Binary, Undefined> {
        let mut sample = Binary::new(&score.values, &self.positive)?;
        if let Some(clusters) = &self.clusters {
            sample = sample.clustered(clusters.clone())?;
        }
        if let Some(weights) = &self.weights {
            sample = sample.weighted(weights)?;
        }
        Ok(sample)
    }

    /// Every row counts once.
    pub(super) fn unweighted(&self) -> Cow<'_, Self> {
        match self.weights {
            Some(_) => Cow::Owned(Self { weights: None, ..self.clone() }),
            None => Cow::Borrowed(self),
        }
    }

    /// The patients, or every row by itself.
    pub fn clusters_or_rows(&self) -> Clusters {
        self.clusters.clone().unwrap_or_else(|| Clusters::each(self.rows()))
    }

    /// What intervals take to be independent: `patient`, or `row` where no patients are known.
    pub(super) fn unit(&self) -> &'static str {
        if self.clusters.is_some() { "patient" } else { "row" }
    }

    /// How the interval of an area is made, for a finding's `method`.
    pub(super) fn delong(&self) -> &'static str {
        if self.clusters.is_some() { "DeLong, by patient (Obuchowski)" } else { "DeLong" }
    }

    /// Whether a score is in the tables of scores: of a model, or of the only reader. Several readers have a section.
    pub(super) fn lists(&self, score: &Score) -> bool {
        !score.is_reader || self.readers().count() == 1
    }

    /// Whether all values of a score can be probabilities.
    pub fn is_probability(score: &Score) -> bool {
        score.values.iter().all(|value| (0.0..=1.0).contains(value))
    }
}
