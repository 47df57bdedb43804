//! Subgroups: estimates in each, heterogeneity, interaction, multiplicity.
//!
//! - [`strata`]: a statistic in each subgroup. One in which it does not exist stays in the list and says why.
//! - [`heterogeneity`]: Cochran's Q and I² over independent estimates; [`homogeneity`]: the chi-squared test of proportions.
//! - [`against_rest`]: one subgroup beside all others.
//! - [`interaction`]: whether a score means the same in all levels of a factor, by logistic regression ([`Logistic`]).
//! - [`adjust`]: p values for many comparisons.

mod heterogeneity;
mod interaction;
mod logistic;
mod multiplicity;

pub use heterogeneity::{Heterogeneity, heterogeneity, homogeneity};
pub use interaction::{Interaction, interaction};
pub use logistic::Logistic;
pub use multiplicity::{Adjustment, adjust};

use std::collections::HashSet;

use crate::sample::{Clusters, same_length};
use crate::{Binary, Confidence, Estimate, Interval, Result, Undefined};

/// A subgroup: a line of a forest plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// Its label.
    pub label: String,
    /// Its rows.
    pub rows: usize,
    /// Its rows with the outcome.
    pub positives: usize,
    /// The statistic, or why there is none.
    pub estimate: Result<Estimate>,
}

impl Stratum {
    /// The statistic's interval, not cut to any range.
    ///
    /// # Errors
    ///
    /// Where there is no statistic.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval> {
        self.estimate.as_ref().map(|estimate| estimate.interval(confidence)).map_err(Undefined::clone)
    }
}

/// All subgroups, in the order in which their labels are first met: the data of a forest plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Strata {
    /// Each of them.
    pub list: Vec<Stratum>,
    /// Clusters (patients) with rows in more than one subgroup. Where there are any, the subgroups are not independent.
    pub shared_clusters: usize,
}

/// The statistic in the subgroup of each label.
///
/// # Errors
///
/// [`Undefined::Length`] where there is not one label for each row. A statistic that does not exist in a subgroup is an
/// error in its own line.
///
/// ```
/// use uvid_metrics::{Binary, proportions::Proportion, subgroups::strata};
/// let sample = Binary::new(&[0.9, 0.1, 0.2], &[true, false, false])?;
/// let sensitivity = |group: &Binary| {
///     let found = group.scores().iter().zip(group.positive()).filter(|(_, positive)| **positive);
///     Ok(Proportion::count(found.map(|(score, _)| *score >= 0.5))?.estimate())
/// };
/// let found = strata(&sample, &["dense", "dense", "fatty"], sensitivity)?;
/// assert_eq!(found.list[0].estimate.as_ref().map(|estimate| estimate.value), Ok(1.0));
/// assert!(found.list[1].estimate.is_err());
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn strata<L: AsRef<str>>(
    sample: &Binary,
    labels: &[L],
    statistic: impl Fn(&Binary) -> Result<Estimate>,
) -> Result<Strata> {
    same_length("labels", sample.len(), labels.len())?;
    let groups = Clusters::of(labels.iter().map(AsRef::as_ref));
    let list = groups.members().into_iter().map(|rows| {
        let positives = rows.iter().filter(|row| sample.positive()[**row]).count();
        let keep: Vec<bool> = (0..sample.len()).map(|row| groups.of_row(row) == groups.of_row(rows[0])).collect();
        let estimate = sample.filtered(&keep).and_then(|group| statistic(&group));
        Stratum { label: labels[rows[0]].as_ref().to_owned(), rows: rows.len(), positives, estimate }
    });
    Ok(Strata { list: list.collect(), shared_clusters: shared(sample, &groups) })
}

/// Clusters of the sample with rows in more than one group.
fn shared(sample: &Binary, groups: &Clusters) -> usize {
    let Some(clusters) = sample.clusters() else { return 0 };
    let pairs: HashSet<(usize, usize)> =
        (0..sample.len()).map(|row| (clusters.of_row(row), groups.of_row(row))).collect();
    let mut groups_of = vec![0_usize; clusters.count()];
    for (cluster, _) in pairs {
        groups_of[cluster] += 1;
    }
    groups_of.into_iter().filter(|groups| *groups > 1).count()
}

impl Strata {
    /// Heterogeneity of the subgroups that have an estimate, and the labels of those that have none.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where patients are in more than one subgroup; else as [`heterogeneity`].
    pub fn heterogeneity(&self) -> Result<(Heterogeneity, Vec<&str>)> {
        if self.shared_clusters > 0 {
            return Err(Undefined::Degenerate(
                "patients are in more than one subgroup: the subgroups are not independent",
            ));
        }
        let estimates: Vec<Estimate> = self.list.iter().filter_map(|stratum| stratum.estimate.clone().ok()).collect();
        let without = self.list.iter().filter(|stratum| stratum.estimate.is_err());
        Ok((heterogeneity(&estimates)?, without.map(|stratum| stratum.label.as_str()).collect()))
    }
}

/// A subgroup beside all other rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgainstRest {
    /// The statistic in the subgroup.
    pub group: Estimate,
    /// In all other rows.
    pub rest: Estimate,
    /// The first less the second, as of independent samples.
    pub difference: Estimate,
}

/// The statistic in the rows that `member` says and in all others.
///
/// # Errors
///
/// [`Undefined::Length`]; [`Undefined::Empty`] where one side has no rows; [`Undefined::Degenerate`] where patients are on
/// both sides; whatever the statistic says.
pub fn against_rest(
    sample: &Binary,
    member: &[bool],
    statistic: impl Fn(&Binary) -> Result<Estimate>,
) -> Result<AgainstRest> {
    same_length("choices", sample.len(), member.len())?;
    if shared(sample, &Clusters::of(member)) > 0 {
        return Err(Undefined::Degenerate("patients are on both sides: the subgroup and the rest are not independent"));
    }
    let others: Vec<bool> = member.iter().map(|member| !member).collect();
    let (group, rest) = (statistic(&sample.filtered(member)?)?, statistic(&sample.filtered(&others)?)?);
    let standard_error = group.standard_error.hypot(rest.standard_error);
    Ok(AgainstRest { group, rest, difference: Estimate { value: group.value - rest.value, standard_error } })
}

#[cfg(test)]
mod tests;
