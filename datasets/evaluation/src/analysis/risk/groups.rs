//! Whether what was predicted came: groups of like risk.

use uvid_metrics::survival::{RiskGroup, by_risk_group};
use uvid_metrics::{Interval, Undefined};

use super::super::{Finding, Options, Section, number};
use super::rows::Rows;
use super::{Risk, of_years};
use crate::figure::{About, Axis, Plot, Reference, Series};

/// Groups of like risk at a horizon, unless ties leave fewer.
const GROUPS: usize = 10;

/// Observed against predicted in groups of like risk, at the last year that somebody was followed through.
pub(super) fn groups(section: &mut Section, rows: &Rows, roles: &Risk, options: &Options) {
    let found = roles.risks.iter().zip(&rows.risks).rev().find_map(|((name, years), risks)| {
        let groups = by_risk_group(&rows.survival, *years, risks, GROUPS).ok()?;
        groups.iter().any(|group| group.observed().is_ok()).then_some((name, years, groups))
    });
    let Some((name, years, groups)) = found else {
        section.warn("Observed and predicted risk cannot be compared: the risks are no probabilities, or nobody was followed so long.");
        return;
    };
    let by = of_years(*years);
    let share = |value: Result<f64, Undefined>| value.map_or_else(|why| why.to_string(), number);
    let lines = groups.iter().enumerate().map(|(at, group)| {
        vec![
            (at + 1).to_string(),
            group.rows.to_string(),
            number(group.predicted),
            Finding::new("risk", name, "observed", group.observed())
                .or_no_interval(group.interval(options.confidence).map(Some))
                .text(),
            share(group.ratio()),
        ]
    });
    section.grid(
        &format!("Observed and predicted by {by} ({name})"),
        &["group of like risk", "rows", "predicted", "observed", "O/E"],
        lines.collect(),
        &format!(
            "Observed: Kaplan-Meier, with {:.0} % intervals in brackets (Greenwood{}). O/E: observed over predicted; above 1, more had the event than \
             predicted. Rows of the same risk stay in one group, so groups differ in size.",
            100.0 * options.confidence.get(),
            match roles.cluster {
                Some(_) => ": each row by itself, also where several are of one patient, so that they may be too narrow",
                None => "",
            }
        ),
    );
    for (at, group) in groups.iter().enumerate() {
        let stratum = format!("group {} of {}, by {by}", at + 1, groups.len());
        let finding = |measure, value| Finding::new("risk", name, measure, value).among(&stratum).rows(group.rows);
        section.findings.extend([
            finding("predicted", Ok(group.predicted)).by("mean of the risks"),
            finding("observed", group.observed())
                .or_no_interval(group.interval(options.confidence).map(Some))
                .by("Kaplan-Meier, Greenwood"),
            finding("O/E", group.ratio()),
        ]);
    }
    let caption =
        format!("{} groups of like risk; bars are {:.0} % intervals.", groups.len(), 100.0 * options.confidence.get());
    let about = About::new(roles.id("risk-calibration"), format!("Observed and predicted by {by}"), caption);
    let known: Vec<(&RiskGroup, f64, Interval)> = groups
        .iter()
        .filter_map(|group| Some((group, group.observed().ok()?, group.interval(options.confidence).ok()?)))
        .collect();
    let points: Vec<_> = known.iter().map(|(group, observed, _)| (group.predicted, *observed)).collect();
    let bars: Vec<_> = known.iter().map(|(_, _, interval)| (interval.lower, interval.upper)).collect();
    let uppers = known.iter().map(|(group, _, interval)| interval.upper.max(group.predicted));
    let limit = uppers.fold(1e-9, f64::max).min(1.0);
    let axis = |name: &str| Axis::new(format!("{name} by {by}")).range(0.0, limit);
    let plot = Plot::new(about, axis("predicted"), axis("observed"))
        .series(Series::points("groups", &points).bars(&bars))
        .reference(Reference::Diagonal("calibrated".into()));
    section.figure(plot.figure(), "On the diagonal, predictions hold; below it, fewer had the event than predicted.");
}
