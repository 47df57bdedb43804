//! What is drawn: clusters, within strata.

use std::ops::Range;
use std::sync::Arc;

use crate::sample::same_length;
use crate::{Clusters, Result, Undefined};

/// The clusters of a table, in strata: each stratum's clusters are drawn as often as it has clusters.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design(Arc<Layout>);

/// Clusters are numbered anew ("slots") so that those of a stratum lie side by side.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    slot_of_row: Vec<u32>,
    slot_of_cluster: Vec<u32>,
    strata: Vec<Range<usize>>,
}

impl Design {
    /// All clusters in one stratum.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`] where there are no rows.
    pub fn new(clusters: &Clusters) -> Result<Self> {
        Self::stratified(clusters, &vec![0; clusters.count()])
    }

    /// Clusters with a positive row are one stratum, those without the other: both keep their numbers in every resample.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], or [`Undefined::Length`] where the outcomes are not as many as the rows.
    pub fn by_outcome(clusters: &Clusters, positive: &[bool]) -> Result<Self> {
        same_length("outcomes", clusters.rows(), positive.len())?;
        let mut strata = vec![1; clusters.count()];
        for row in (0..positive.len()).filter(|row| positive[*row]) {
            strata[clusters.of_row(row)] = 0;
        }
        Self::stratified(clusters, &strata)
    }

    /// Strata as given, one number (any) for each cluster.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], or [`Undefined::Length`] where the strata are not as many as the clusters.
    pub fn stratified(clusters: &Clusters, stratum_of_cluster: &[u32]) -> Result<Self> {
        if clusters.rows() == 0 {
            return Err(Undefined::Empty("rows"));
        }
        same_length("strata of clusters", clusters.count(), stratum_of_cluster.len())?;
        let mut order: Vec<usize> = (0..clusters.count()).collect();
        order.sort_by_key(|cluster| stratum_of_cluster[*cluster]);
        let mut slot_of_cluster = vec![0; clusters.count()];
        for (slot, cluster) in order.iter().enumerate() {
            slot_of_cluster[*cluster] = slot as u32;
        }
        let mut strata = Vec::new();
        let mut start = 0;
        for stratum in order.chunk_by(|a, b| stratum_of_cluster[*a] == stratum_of_cluster[*b]) {
            strata.push(start..start + stratum.len());
            start += stratum.len();
        }
        let slot_of_row = (0..clusters.rows()).map(|row| slot_of_cluster[clusters.of_row(row)]).collect();
        Ok(Self(Arc::new(Layout { slot_of_row, slot_of_cluster, strata })))
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.0.slot_of_row.len()
    }

    /// Clusters.
    pub fn clusters(&self) -> usize {
        self.0.slot_of_cluster.len()
    }

    /// Clusters of each stratum.
    pub fn strata(&self) -> impl Iterator<Item = usize> {
        self.0.strata.iter().map(Range::len)
    }

    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.0.strata
    }

    pub(super) fn slot_of_row(&self, row: usize) -> u32 {
        self.0.slot_of_row[row]
    }

    pub(super) fn slot_of_cluster(&self, cluster: usize) -> usize {
        self.0.slot_of_cluster[cluster] as usize
    }

    /// From an order by slot to the order of clusters.
    pub(super) fn by_cluster(&self, of_slot: &[f64]) -> Vec<f64> {
        self.0.slot_of_cluster.iter().map(|slot| of_slot[*slot as usize]).collect()
    }
}
