//! Rows with their times and risks, and why the others are left out.

use uvid_metrics::Clusters;
use uvid_metrics::survival::Survival;

use super::super::StudyError;
use super::super::study::listed;
use super::Risk;
use crate::table::{Table, TableError};

/// Rows with their times and risks.
pub(super) struct Rows {
    pub(super) survival: Survival,
    /// `[horizon][row]`.
    pub(super) risks: Vec<Vec<f64>>,
    pub(super) clusters: Clusters,
    /// How many rows were left out, for which reason, in the order in which they were looked for.
    pub(super) left_out: Vec<(String, usize)>,
}

/// The rows that have a follow-up and all risks, and whose event, where there is one, was seen while they were followed: an event
/// after the end of follow-up contradicts it.
pub(super) fn take(table: &Table, roles: &Risk) -> Result<Rows, StudyError> {
    if roles.risks.is_empty() {
        return Err(StudyError::Nothing("--risk"));
    }
    let (event, followed) = (table.numbers(&roles.event)?, table.numbers(&roles.followed)?);
    if let Some((row, value)) =
        followed.iter().enumerate().find_map(|(row, time)| Some((row, time.filter(|t| *t < 0.0)?)))
    {
        let (table, column, value) = (table.name().to_owned(), roles.followed.clone(), value.to_string());
        return Err(TableError::Value { table, row: row + 1, column, value, expected: "a time, 0 or more" }.into());
    }
    let event: Vec<Option<f64>> = event.into_iter().map(|time| time.filter(|time| *time >= 0.0)).collect();
    let columns = roles
        .risks
        .iter()
        .map(|(name, _)| Ok((name, table.numbers(name)?)))
        .collect::<Result<Vec<(&String, Vec<Option<f64>>)>, TableError>>()?;
    let patients = roles.cluster.as_ref().map(|name| table.texts(name)).transpose()?;

    let mut reasons = vec![format!("no follow-up ({})", roles.followed)];
    reasons.extend(columns.iter().map(|(name, _)| format!("no risk ({name})")));
    reasons.push(format!("event after the end of follow-up ({}, {})", roles.event, roles.followed));
    let why = |row: usize| {
        let Some(until) = followed[row] else { return Some(0) };
        if let Some(at) = columns.iter().position(|(_, risks)| risks[row].is_none()) {
            return Some(1 + at);
        }
        event[row].is_some_and(|time| time > until).then_some(reasons.len() - 1)
    };
    let (mut rows, mut counts) = (Vec::new(), vec![0_usize; reasons.len()]);
    for row in 0..table.rows() {
        match why(row) {
            Some(reason) => counts[reason] += 1,
            None => rows.push(row),
        }
    }
    let left_out: Vec<(String, usize)> = reasons.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    if rows.is_empty() {
        return Err(StudyError::NoRow { table: table.name().to_owned(), why: listed(&left_out) });
    }
    let pair = |row: &usize| match (event[*row], followed[*row]) {
        (Some(time), _) => (time / roles.per_year, true),
        (None, followed) => (followed.unwrap_or_default() / roles.per_year, false),
    };
    let (times, events): (Vec<f64>, Vec<bool>) = rows.iter().map(pair).unzip();
    let risks = columns.iter().map(|(_, column)| rows.iter().filter_map(|row| column[*row]).collect()).collect();
    let clusters = match patients {
        Some(patients) => {
            Clusters::of(rows.iter().map(|row| patients[*row].clone().unwrap_or_else(|| format!("row {row}"))))
        }
        None => Clusters::each(rows.len()),
    };
    let survival = Survival::new(&times, &events)?.clustered(clusters.clone())?;
    Ok(Rows { survival, risks, clusters, left_out })
}
