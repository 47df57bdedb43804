//! Scores with outcomes, checked once.

use std::collections::HashMap;
use std::hash::Hash;

use crate::{Result, Undefined};

/// Scores and whether each row has the outcome; a larger score means that it is more likely.
///
/// Invariants: at least one row; lists of equal length; scores finite; weights finite and not negative, one of them
/// above 0. Both classes need not be there: the statistics that need them say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    scores: Vec<f64>,
    positive: Vec<bool>,
    weights: Option<Vec<f64>>,
    clusters: Option<Clusters>,
}

impl Binary {
    /// Checks and keeps a copy.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`], or [`Undefined::Value`] for a score that is no finite number.
    pub fn new(scores: &[f64], positive: &[bool]) -> Result<Self> {
        if scores.is_empty() {
            return Err(Undefined::Empty("rows"));
        }
        same_length("outcomes", scores.len(), positive.len())?;
        finite("the score", scores)?;
        Ok(Self { scores: scores.to_vec(), positive: positive.to_vec(), weights: None, clusters: None })
    }

    /// With a weight for each row: frequencies, or inverse probabilities of having been sampled.
    ///
    /// # Errors
    ///
    /// Weights that are negative, not finite, all 0, or not as many as rows.
    pub fn weighted(mut self, weights: &[f64]) -> Result<Self> {
        same_length("weights", self.len(), weights.len())?;
        let bad = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0));
        if let Some((row, &value)) = bad {
            return Err(Undefined::Value { what: "the weight", row, value, domain: "finite and not negative" });
        }
        if weights.iter().all(|w| *w == 0.0) {
            return Err(Undefined::Degenerate("all weights are 0"));
        }
        self.weights = Some(weights.to_vec());
        Ok(self)
    }

    /// With the cluster (the patient) that each row belongs to.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`].
    pub fn clustered(mut self, clusters: Clusters) -> Result<Self> {
        same_length("clusters", self.len(), clusters.rows())?;
        self.clusters = Some(clusters);
        Ok(self)
    }

    /// Rows.
    #[expect(clippy::len_without_is_empty, reason = "a sample is never empty")]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// The scores.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Which rows have the outcome.
    pub fn positive(&self) -> &[bool] {
        &self.positive
    }

    /// The weights, where some were given.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The weight of a row: 1 where none were given.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// The clusters, where they were given.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// (rows with the outcome, rows without), weights not counted.
    pub fn counts(&self) -> (usize, usize) {
        let positives = self.positive.iter().filter(|p| **p).count();
        (positives, self.len() - positives)
    }

    /// (rows with the outcome, rows without), both above 0.
    ///
    /// # Errors
    ///
    /// [`Undefined::OneClass`].
    pub fn both_classes(&self) -> Result<(usize, usize)> {
        let (positives, negatives) = self.counts();
        if positives == 0 || negatives == 0 {
            Err(Undefined::OneClass { positives, negatives })
        } else {
            Ok((positives, negatives))
        }
    }

    /// The rows that `keep` says, with their weights and clusters.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where none is left, [`Undefined::Length`].
    pub fn filtered(&self, keep: &[bool]) -> Result<Self> {
        same_length("choices", self.len(), keep.len())?;
        let rows: Vec<usize> = (0..self.len()).filter(|row| keep[*row]).collect();
        let pick = |list: &[f64]| rows.iter().map(|row| list[*row]).collect::<Vec<_>>();
        let positive: Vec<bool> = rows.iter().map(|row| self.positive[*row]).collect();
        let mut sample = Self::new(&pick(&self.scores), &positive)?;
        if let Some(weights) = &self.weights {
            sample = sample.weighted(&pick(weights))?;
        }
        if let Some(clusters) = &self.clusters {
            sample = sample.clustered(Clusters::of(rows.iter().map(|row| clusters.of_row(*row))))?;
        }
        Ok(sample)
    }
}

/// Which cluster each row belongs to, numbered in the order in which they are first met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    of_row: Vec<u32>,
    count: usize,
}

impl Clusters {
    /// From any key: a patient's pseudonym, say.
    pub fn of<K: Hash + Eq>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut known = HashMap::new();
        let of_row = keys
            .into_iter()
            .map(|key| {
                let next = known.len() as u32;
                *known.entry(key).or_insert(next)
            })
            .collect();
        Self { of_row, count: known.len() }
    }

    /// Every row by itself.
    pub fn each(rows: usize) -> Self {
        Self { of_row: (0..rows as u32).collect(), count: rows }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.of_row.len()
    }

    /// Clusters.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cluster of a row, below [`Self::count`].
    pub fn of_row(&self, row: usize) -> usize {
        self.of_row[row] as usize
    }

    /// The rows of each cluster.
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.count];
        for (row, cluster) in self.of_row.iter().enumerate() {
            members[*cluster as usize].push(row);
        }
        members
    }
}

/// Refuses lists of another length than the sample's.
pub(crate) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Undefined::Length { what, expected, found }) }
}

/// Refuses NaN and infinity.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((row, &value)) => Err(Undefined::Value { what, row, value, domain: "a finite number" }),
        None => Ok(()),
    }
}

/// Refuses what is no probability.
pub(crate) fn probabilities(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().enumerate().find(|(_, v)| !(0.0..=1.0).contains(*v)) {
        Some((row, &value)) => Err(Undefined::Value { what, row, value, domain: "from 0 to 1" }),
        None => Ok(()),
    }
}
