//! What the columns of a table mean.
//!
//! Invariant: all scores of a study are of the same rows: a row that lacks its outcome or any of the scores is left out,
//! counted under the first reason that holds for it. So every comparison is paired.

use std::cmp::Ordering;

use uvid_metrics::{Binary, Clusters, Confidence, Undefined};

use crate::table::{Table, TableError};

/// The subgroup of rows without a value.
const NOT_STATED: &str = "not stated";

/// Which columns are what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roles {
    /// Whether the row has the outcome: 1 or 0; `density:C,D` for whether a column has one of these values.
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

/// Why a table cannot be analysed so.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No row is left.
    #[error("{table}: no row is left: {why}")]
    NoRow {
        /// The table.
        table: String,
        /// What was left out.
        why: String,
    },
    /// What is asked for is not defined for these rows.
    #[error("{0}")]
    Undefined(#[from] Undefined),
    /// A mark on an image that is not among the images: counted, it would be false; left out, it would be none.
    #[error("{model} marks the image {image:?}, which is not among the images")]
    MarkElsewhere {
        /// Whose mark.
        model: String,
        /// The image.
        image: String,
    },
    /// Nothing to analyse was named.
    #[error("name at least one column with {0}")]
    Nothing(&'static str),
}

/// Whether each row has the outcome: a column of yes and no, or one of values after a colon.
fn labels(table: &Table, label: &str) -> Result<Vec<Option<bool>>, TableError> {
    match label.split_once(':').filter(|(name, _)| !table.has(label) && table.has(name)) {
        None => table.booleans(label),
        Some((name, values)) => {
            let values: Vec<&str> = values.split(',').map(str::trim).collect();
            Ok(table.texts(name)?.into_iter().map(|text| Some(values.contains(&text?.as_str()))).collect())
        }
    }
}

impl Study {
    /// Takes the rows that have an outcome and all scores.
    ///
    /// # Errors
    ///
    /// A column is not there, holds something else, or no row is left; a weight is below 0, or all of them are 0.
    pub fn new(table: &Table, roles: &Roles) -> Result<Self, StudyError> {
        if roles.scores.is_empty() && roles.readers.is_empty() {
            return Err(StudyError::Nothing("--score"));
        }
        let label = labels(table, &roles.label)?;
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
        leave_out(format!("no outcome ({})", roles.label), &|row| label[row].is_none());
        for (name, _, values) in &columns {
            leave_out(format!("no score ({name})"), &|row| values[row].is_none());
        }
        if let Some(patients) = &patients {
            leave_out("no patient".to_owned(), &|row| patients[row].is_none());
        }
        if let Some(weights) = &weights {
            leave_out("no weight".to_owned(), &|row| weights[row].is_none());
        }
        if !keep.contains(&true) {
            let why: Vec<String> = left_out.iter().map(|(reason, rows)| format!("{rows} rows: {reason}")).collect();
            return Err(StudyError::NoRow { table: table.name().to_owned(), why: why.join("; ") });
        }

        let rows: Vec<usize> = (0..keep.len()).filter(|row| keep[*row]).collect();
        let pick = |values: &[Option<f64>]| rows.iter().filter_map(|row| values[*row]).collect::<Vec<f64>>();
        let scores = columns.iter().map(|(name, is_reader, values)| Score {
            name: (*name).clone(),
            values: pick(values),
            is_reader: *is_reader,
        });
        let study = Self {
            positive: rows.iter().filter_map(|row| label[*row]).collect(),
            scores: scores.collect(),
            clusters: patients.map(|patients| Clusters::of(rows.iter().filter_map(|row| patients[*row].clone()))),
            weights: weights.map(|weights| pick(&weights)),
            given: table.rows(),
            left_out,
            table: table.filtered(&keep),
        };
        // What is out of its domain, a weight below 0 say, is an error here, so that no section meets it.
        study.scores.iter().try_for_each(|score| study.sample(score).map(drop))?;
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

    /// The patients, or every row by itself.
    pub fn clusters_or_rows(&self) -> Clusters {
        self.clusters.clone().unwrap_or_else(|| Clusters::each(self.rows()))
    }

    /// Whether all values of a score can be probabilities.
    pub fn is_probability(score: &Score) -> bool {
        score.values.iter().all(|value| (0.0..=1.0).contains(value))
    }

    /// The subgroup of every row by a column: its value, or `not stated`. `age:50,70` divides numbers at 50 and at 70.
    ///
    /// # Errors
    ///
    /// The column is not there, or holds no numbers where it is to be divided.
    pub fn labels(&self, column: &str) -> Result<Vec<String>, StudyError> {
        let Some((name, cuts)) = column.split_once(':').filter(|_| !self.table.has(column)) else {
            let values = self.table.texts(column)?.into_iter();
            return Ok(values.map(|value| value.unwrap_or_else(|| NOT_STATED.to_owned())).collect());
        };
        let cuts = cuts.split(',').map(|cut| cut.trim().parse::<f64>().ok().filter(|cut| cut.is_finite()));
        let cuts = cuts
            .collect::<Option<Vec<f64>>>()
            .filter(|cuts| cuts.is_sorted())
            .ok_or(StudyError::Nothing("numbers that rise after the colon of --subgroup"))?;
        let label = |value: Option<f64>| match value {
            None => NOT_STATED.to_owned(),
            Some(value) => {
                let at = cuts.partition_point(|cut| *cut <= value);
                match (at.checked_sub(1).map(|below| cuts[below]), cuts.get(at)) {
                    (None, Some(above)) => format!("below {above}"),
                    (Some(below), Some(above)) => format!("{below} to below {above}"),
                    (Some(below), None) => format!("{below} and above"),
                    (None, None) => NOT_STATED.to_owned(),
                }
            }
        };
        Ok(self.table.numbers(name)?.into_iter().map(label).collect())
    }

    /// The rows of each subgroup by a column, in the order of their texts.
    ///
    /// # Errors
    ///
    /// As [`Study::labels`].
    pub fn strata(&self, column: &str) -> Result<Vec<(String, Vec<bool>)>, StudyError> {
        let values = self.labels(column)?;
        let mut names: Vec<&String> = values.iter().collect();
        names.sort_by(|a, b| in_order(a, b));
        names.dedup();
        Ok(names.iter().map(|name| ((*name).clone(), values.iter().map(|value| value == *name).collect())).collect())
    }
}

/// The order of subgroups: by the number that their label begins with, then by the text, what is not stated last.
pub(super) fn in_order(a: &str, b: &str) -> Ordering {
    let rank = |label: &str| match label.strip_prefix("below ").map(str::parse::<f64>) {
        Some(Ok(_)) => (0, f64::NEG_INFINITY),
        Some(Err(_)) | None => match label.split(' ').next().unwrap_or_default().parse::<f64>() {
            Ok(number) => (0, number),
            Err(_) => (1 + u8::from(label == NOT_STATED), 0.0),
        },
    };
    let ((of_a, first), (of_b, second)) = (rank(a), rank(b));
    of_a.cmp(&of_b).then(first.total_cmp(&second)).then(a.cmp(b))
}
