//! A fully crossed study, checked once.

use crate::sample::same_length;
use crate::{Clusters, Result, Undefined};

/// The scores that every reader gave to every case under every modality, and which cases have the outcome.
///
/// Invariants: at least one modality and one reader; a finite score for each of them and each case; both classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    modalities: usize,
    readers: usize,
    scores: Vec<f64>,
    positive: Vec<bool>,
    clusters: Option<Clusters>,
}

/// One row of a study in long form; all numbers count from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The modality, or treatment.
    pub modality: usize,
    /// The reader.
    pub reader: usize,
    /// The case.
    pub case: usize,
    /// The score; a larger one means that the outcome is more likely.
    pub score: f64,
}

impl Study {
    /// From `scores[modality][reader][case]`.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`] where a reader or a score is missing, [`Undefined::OneClass`], and
    /// [`Undefined::Value`] for a score that is no finite number; its row is
    /// `(modality * readers + reader) * cases + case`.
    pub fn new(scores: &[Vec<Vec<f64>>], positive: &[bool]) -> Result<Self> {
        let modalities = scores.len();
        let readers = scores.first().ok_or(Undefined::Empty("modalities"))?.len();
        for modality in scores {
            same_length("readers of a modality", readers, modality.len())?;
            for reader in modality {
                same_length("scores of a reader", positive.len(), reader.len())?;
            }
        }
        Self::of_dense(modalities, readers, scores.iter().flatten().flatten().copied().collect(), positive)
    }

    /// From rows in any order.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; a reading that is missing is a NaN in the row where it would be in order, a second one of the same
    /// case by the same reader under the same modality is an error too.
    pub fn of_readings(readings: &[Reading], positive: &[bool]) -> Result<Self> {
        let beyond = |number: usize| number >= readings.len();
        if let Some(row) =
            readings.iter().position(|r| beyond(r.modality) || beyond(r.reader) || r.case >= positive.len())
        {
            let value = readings[row].case as f64;
            let domain = "of a case with a known outcome, with modalities and readers numbered from 0";
            return Err(Undefined::Value { what: "the reading of the case", row, value, domain });
        }
        let modalities = readings.iter().map(|r| r.modality + 1).max().unwrap_or(0);
        let readers = readings.iter().map(|r| r.reader + 1).max().unwrap_or(0);
        // At most rows² times cases: in 128 bits nothing overflows.
        let place = |r: &Reading| ((r.modality * readers + r.reader) as u128) * positive.len() as u128 + r.case as u128;
        let mut order: Vec<(u128, usize)> = readings.iter().enumerate().map(|(row, r)| (place(r), row)).collect();
        order.sort_unstable();
        for (expected, (found, row)) in order.iter().enumerate() {
            if *found < expected as u128 {
                let value = readings[*row].case as f64;
                let domain = "read once by each reader under each modality";
                return Err(Undefined::Value { what: "the case", row: *row, value, domain });
            }
            if *found > expected as u128 {
                return Err(missing(expected));
            }
        }
        let complete = (modalities * readers) as u128 * positive.len() as u128;
        if (order.len() as u128) < complete {
            return Err(missing(order.len()));
        }
        Self::of_dense(modalities, readers, order.iter().map(|(_, row)| readings[*row].score).collect(), positive)
    }

    /// With the cluster (the patient) that each case belongs to: a patient with two breasts is one unit of the jackknife.
    ///
    /// # Errors
    ///
    /// [`Undefined::Length`].
    pub fn clustered(mut self, clusters: Clusters) -> Result<Self> {
        same_length("clusters", self.cases(), clusters.rows())?;
        self.clusters = Some(clusters);
        Ok(self)
    }

    fn of_dense(modalities: usize, readers: usize, scores: Vec<f64>, positive: &[bool]) -> Result<Self> {
        if readers == 0 {
            return Err(Undefined::Empty("readers"));
        }
        crate::sample::finite("the score", &scores)?;
        let positives = positive.iter().filter(|p| **p).count();
        let negatives = positive.len() - positives;
        if positives == 0 || negatives == 0 {
            return Err(Undefined::OneClass { positives, negatives });
        }
        Ok(Self { modalities, readers, scores, positive: positive.to_vec(), clusters: None })
    }

    /// Modalities.
    pub fn modalities(&self) -> usize {
        self.modalities
    }

    /// Readers.
    pub fn readers(&self) -> usize {
        self.readers
    }

    /// Cases.
    pub fn cases(&self) -> usize {
        self.positive.len()
    }

    /// Which cases have the outcome.
    pub fn positive(&self) -> &[bool] {
        &self.positive
    }

    /// The clusters, where they were given.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// A reader's scores of all cases under a modality.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where there is no such modality or reader.
    pub fn scores(&self, modality: usize, reader: usize) -> Result<&[f64]> {
        below("the modality", modality, self.modalities)?;
        below("the reader", reader, self.readers)?;
        Ok(self.of(modality, reader))
    }

    /// As [`Self::scores`], for numbers that are known to be in range.
    pub(super) fn of(&self, modality: usize, reader: usize) -> &[f64] {
        let from = (modality * self.readers + reader) * self.cases();
        &self.scores[from..from + self.cases()]
    }

    /// The unit of each case, and how many there are.
    pub(super) fn units(&self) -> (Vec<usize>, usize) {
        match &self.clusters {
            Some(clusters) => ((0..self.cases()).map(|case| clusters.of_row(case)).collect(), clusters.count()),
            None => ((0..self.cases()).collect(), self.cases()),
        }
    }
}

fn missing(row: usize) -> Undefined {
    let domain = "there for every modality, reader and case";
    Undefined::Value { what: "the score", row, value: f64::NAN, domain }
}

/// Refuses a number that is not below a limit.
pub(crate) fn below(what: &'static str, number: usize, limit: usize) -> Result<()> {
    if number < limit {
        Ok(())
    } else {
        Err(Undefined::Parameter { what, value: number as f64, domain: "one of those that there are, numbered from 0" })
    }
}
