//! Times with events, checked once.

use crate::sample::{finite, same_length};
use crate::{Clusters, Result, Undefined};

/// When each row was last seen, and whether it had the event then (else it was censored).
///
/// Invariants: at least one row; as many events as times; times finite and not negative. A time of 0 is allowed: a cancer
/// found on the day of the examination. (scikit-survival refuses it in some places.)
#[derive(Debug, Clone, PartialEq)]
pub struct Survival {
    times: Vec<f64>,
    events: Vec<bool>,
    clusters: Option<Clusters>,
}

impl Survival {
    /// Checks and keeps a copy.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`], or [`Undefined::Value`] for a time that is no finite number, 0 or more.
    ///
    /// ```
    /// use uvid_metrics::survival::Survival;
    /// assert!(Survival::new(&[1.0, 2.5], &[true, false]).is_ok());
    /// assert!(Survival::new(&[1.0, -1.0], &[true, false]).is_err());
    /// ```
    pub fn new(times: &[f64], events: &[bool]) -> Result<Self> {
        if times.is_empty() {
            return Err(Undefined::Empty("rows"));
        }
        same_length("events", times.len(), events.len())?;
        finite("the time", times)?;
        if let Some((row, &value)) = times.iter().enumerate().find(|(_, t)| **t < 0.0) {
            return Err(Undefined::Value { what: "the time", row, value, domain: "0 or more" });
        }
        // -0.0 becomes 0.0, so that equal times have equal bits.
        Ok(Self { times: times.iter().map(|t| t + 0.0).collect(), events: events.to_vec(), clusters: None })
    }

    /// With the cluster (the patient) that each row belongs to. Standard errors of concordance are then of sums over
    /// clusters; Greenwood's takes rows to be independent all the same.
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
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// When each row was last seen.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Which rows had the event then.
    pub fn events(&self) -> &[bool] {
        &self.events
    }

    /// The clusters, where they were given.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// The rows listed, in that order, one as often as it is listed: a subgroup, or a draw of the bootstrap.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] for none, [`Undefined::Parameter`] for a row that there is not.
    pub fn of_rows(&self, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Undefined::Empty("rows"));
        }
        if let Some(row) = rows.iter().find(|row| **row >= self.len()) {
            let domain = "below the number of rows";
            return Err(Undefined::Parameter { what: "the row", value: *row as f64, domain });
        }
        Ok(Self {
            times: rows.iter().map(|row| self.times[*row]).collect(),
            events: rows.iter().map(|row| self.events[*row]).collect(),
            clusters: self.clusters.as_ref().map(|of| Clusters::of(rows.iter().map(|row| of.of_row(*row)))),
        })
    }

    /// Checks that there is a finite risk for each row.
    pub(super) fn check_risks(&self, risks: &[f64]) -> Result<()> {
        same_length("risks", self.len(), risks.len())?;
        finite("the risk", risks)
    }
}

/// Refuses a horizon that is no finite number, 0 or more.
pub(super) fn check_horizon(horizon: f64) -> Result<()> {
    if horizon.is_finite() && horizon >= 0.0 {
        Ok(())
    } else {
        Err(Undefined::Parameter { what: "the horizon", value: horizon, domain: "a finite number, 0 or more" })
    }
}
