//! Who gets cancer, and when: risk over years under censoring.

mod groups;
mod rows;

use uvid_metrics::bootstrap::{self, Design};
use uvid_metrics::survival::{
    Censoring, Survival, at_horizon, brier, dynamic_auc, harrell, integrated_brier, mean_auc, uno,
};
use uvid_metrics::{Clusters, Interval, Undefined, roc};

use self::rows::{Rows, take};
use super::finding::counted;
use super::study::listed;
use super::{Finding, Options, Section, StudyError};
use crate::figure::{About, Axis, Figure, FigureError, Plot, Reference, Series};
use crate::table::Table;

/// Rows beyond which the concordance is not resampled: each resample sorts all of them.
const RESAMPLED_ROWS_MAX: usize = 20_000;
/// The measure of the first finding of the section.
pub(super) const FIRST: &str = "rows given";

/// Which columns are what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Risk {
    /// Time to the event; empty or negative where there was none.
    pub event: String,
    /// Time of follow-up.
    pub followed: String,
    /// How many units of both are a year.
    pub per_year: f64,
    /// The risk by each year: (column, years), rising.
    pub risks: Vec<(String, f64)>,
    /// The patient.
    pub cluster: Option<String>,
    /// Where a report has several sections on risk: the number of this one, for the names of its figures, and whose risks they
    /// are, for people.
    pub whose: Option<(usize, String)>,
}

impl Risk {
    /// The name of a figure in files.
    fn id(&self, figure: &str) -> String {
        self.whose.as_ref().map_or_else(|| figure.to_owned(), |(number, _)| format!("{figure}-{number}"))
    }

    /// What intervals take to be independent.
    fn unit(&self) -> &'static str {
        if self.cluster.is_some() { "patient" } else { "row" }
    }
}

/// Concordance, yearly areas, Brier scores, observed against predicted.
///
/// # Errors
///
/// A column is not there or holds something else; no row is left.
pub fn risk(table: &Table, roles: &Risk, options: &Options) -> Result<Section, StudyError> {
    let (title, subject) = match &roles.whose {
        Some((_, name)) => (format!("Risk over time: {name}"), name.as_str()),
        None => ("Risk over time".to_owned(), "table"),
    };
    let mut section = Section::new("risk", &title);
    let rows = take(table, roles)?;
    let events = rows.survival.events().iter().filter(|event| **event).count();
    section.words(format!(
        "{} of {} are analysed, {events} of them with the event while they were followed; {}. **Concordance** is the share of pairs in which the one with the higher risk had the event first; 0.5 is chance. The **AUC \
         of a year** compares those with the event by then with those who were seen at least so long without it.",
        rows.survival.len(),
        counted(table.rows(), "row"),
        match rows.left_out.is_empty() {
            true => "no row was left out".to_owned(),
            false => format!("left out: {}", listed(&rows.left_out)),
        }
    ));
    if roles.cluster.is_none() {
        section.warn(
            "No column says which rows are of the same patient, so every row counts as a patient of its own. If patients have several \
             rows, all intervals here are too narrow.",
        );
    }
    for (measure, count) in [
        (FIRST, table.rows()),
        ("rows analysed", rows.survival.len()),
        ("rows left out", rows.left_out.iter().map(|(_, rows)| rows).sum()),
        ("events", events),
    ] {
        section.findings.push(Finding::new("risk", subject, measure, Ok(count as f64)));
    }
    let reasons = rows.left_out.iter().map(|(reason, rows)| (reason, *rows as f64));
    section
        .findings
        .extend(reasons.map(|(reason, rows)| Finding::new("risk", subject, "rows left out", Ok(rows)).among(reason)));
    concordance(&mut section, &rows, roles, options);
    yearly(&mut section, &rows, roles, options);
    groups::groups(&mut section, &rows, roles, options);
    Ok(section)
}

/// Of the risk by each year, and Uno's of the same.
fn concordance(section: &mut Section, rows: &Rows, roles: &Risk, options: &Options) {
    let censoring = Censoring::of(&rows.survival);
    let resamples = options.resamples;
    let by_bootstrap = match resamples {
        0 => "Harrell".to_owned(),
        _ => format!("Harrell, percentile bootstrap by {}, {resamples} resamples", roles.unit()),
    };
    let mut lines = Vec::new();
    for ((name, _), risks) in roles.risks.iter().zip(&rows.risks) {
        let found = harrell(&rows.survival, risks).map(|found| found.estimate);
        let by = format!("Harrell, infinitesimal jackknife by {}", roles.unit());
        let finding = Finding::estimate("risk", name, "concordance", found, options.confidence, (0.0, 1.0));
        let c = finding.rows(risks.len()).by(&by);
        let bootstrap =
            Finding::new("risk", name, "concordance", harrell(&rows.survival, risks).map(|found| found.estimate.value))
                .or_no_interval(resampled(rows, risks, options))
                .rows(risks.len())
                .by(&by_bootstrap);
        let uno = Finding::new("risk", name, "concordance, IPCW", uno(&rows.survival, &censoring, risks, None));
        let uno = uno.rows(risks.len()).by("Uno");
        lines.push(vec![name.clone(), c.text(), bootstrap.text(), uno.text()]);
        section.findings.extend([c, bootstrap, uno]);
    }
    section.grid(
        "Concordance",
        &["risk", "Harrell's C", "Harrell's C (bootstrap)", "Uno's C"],
        lines,
        &format!(
            "In brackets {:.0} % intervals by {}: of the infinitesimal jackknife{}. Uno's C weighs by the probability of not having been censored, so that it does not depend on how long people were followed.",
            100.0 * options.confidence.get(),
            roles.unit(),
            match resamples {
                0 => String::new(),
                _ if rows.survival.len() > RESAMPLED_ROWS_MAX => {
                    format!("; of the bootstrap none, for there are more than {RESAMPLED_ROWS_MAX} rows")
                }
                _ => format!(", and of the percentile bootstrap ({})", counted(resamples, "resample")),
            }
        ),
    );
}

fn resampled(rows: &Rows, risks: &[f64], options: &Options) -> Result<Option<Interval>, Undefined> {
    if options.resamples == 0 {
        return Ok(None);
    }
    if rows.survival.len() > RESAMPLED_ROWS_MAX {
        return Err(Undefined::Degenerate("more than 20000 rows"));
    }
    let design = Design::by_outcome(&rows.clusters, rows.survival.events())?;
    let how = bootstrap::Options { resamples: options.resamples, seed: options.seed, ..bootstrap::Options::default() };
    let members = rows.clusters.members();
    let statistic = |(): &mut (), drawn: &[u32], out: &mut [f64]| {
        let chosen = drawn
            .iter()
            .zip(&members)
            .flat_map(|(times, rows)| rows.iter().flat_map(|row| std::iter::repeat_n(*row, *times as usize)));
        let chosen: Vec<usize> = chosen.collect();
        let pick = |values: &[f64]| chosen.iter().map(|row| values[*row]).collect::<Vec<_>>();
        let events: Vec<bool> = chosen.iter().map(|row| rows.survival.events()[*row]).collect();
        let survival = Survival::new(&pick(rows.survival.times()), &events)?;
        out[0] = harrell(&survival, &pick(risks))?.estimate.value;
        Ok(())
    };
    let resampled = bootstrap::run(&design, &how, 1, || (), statistic)?;
    Ok(Some(resampled.distribution(0)?.percentile(options.confidence)))
}

/// `1 year`, `2.5 years`.
fn of_years(years: f64) -> String {
    format!("{years} {}", if years == 1.0 { "year" } else { "years" })
}

/// Areas and Brier scores year by year.
fn yearly(section: &mut Section, rows: &Rows, roles: &Risk, options: &Options) {
    let by = match roles.cluster {
        Some(_) => "DeLong, by patient (Obuchowski); rows censored before are left out",
        None => "DeLong; rows censored before are left out",
    };
    let censoring = Censoring::of(&rows.survival);
    let (mut lines, mut dynamic, mut simple, mut scores) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((name, years), risks) in roles.risks.iter().zip(&rows.risks) {
        let stratum = format!("by {}", of_years(*years));
        let finding =
            |measure: &str, value| Finding::new("risk", name, measure, value).among(&stratum).rows(risks.len());
        let area = dynamic_auc(&rows.survival, &censoring, *years, risks);
        dynamic.extend(area.clone().ok().map(|area| (*years, area)));
        let area = finding("AUC, IPCW", area).by("cumulative/dynamic");
        let known = at_horizon(&rows.survival, *years, risks);
        let counts = known.clone().map(|known| known.sample.counts());
        let sizes = [("rows with the event", 0), ("rows seen so long without it", 1)]
            .map(|(measure, at)| finding(measure, counts.clone().map(|(with, longer)| [with, longer][at] as f64)));
        let [with, longer] = [&sizes[0], &sizes[1]].map(|size| match &size.value {
            Ok(size) => size.to_string(),
            Err(why) => format!("none: {why}"),
        });
        section.findings.extend(sizes);
        let area_of_known = known.clone().and_then(|known| {
            let patients = Clusters::of(known.rows.iter().map(|row| rows.clusters.of_row(*row)));
            roc::delong(&known.sample.clustered(patients)?)
        });
        let range = (0.0, 1.0);
        let found = Finding::estimate("risk", name, "AUC of those followed", area_of_known, options.confidence, range);
        let found = found.among(&stratum).by(by);
        // Of the rows whose outcome by then is known.
        let known = known.map_or(found.clone(), |known| found.of(&known.sample));
        if let (Ok(value), Some(interval)) = (&known.value, known.interval) {
            simple.push((*years, *value, interval));
        }
        let score = brier(&rows.survival, &censoring, *years, risks);
        scores.extend(score.clone().ok().map(|score| (*years, score)));
        let score = finding("Brier score, IPCW", score).by("IPCW");
        lines.push(vec![format!("year {years} ({name})"), with, longer, area.text(), known.text(), score.text()]);
        section.findings.extend([area, known, score]);
    }
    let whole =
        [("mean AUC, IPCW", mean_auc(&rows.survival, &dynamic)), ("integrated Brier score", integrated_brier(&scores))];
    for (measure, value) in whole {
        let subject = roles.whose.as_ref().map_or("all years".to_owned(), |(_, name)| format!("{name}, all years"));
        section.findings.push(Finding::new("risk", &subject, measure, value).rows(rows.survival.len()));
    }
    section.figure(
        years_figure(roles.id("risk-auc"), &dynamic, &simple, options),
        "A risk that tells who gets cancer soon need not tell who gets it later.",
    );
    section.grid(
        "Year by year",
        &["by", "with the event", "seen so long without", "AUC (IPCW)", "AUC of those followed", "Brier score (IPCW)"],
        lines,
        "IPCW: rows censored before the year are represented by those that were not; no intervals are computed for it. Of those \
         followed: rows with the event by then, or seen at least so long; intervals by DeLong.",
    );
}

fn years_figure(
    id: String,
    dynamic: &[(f64, f64)],
    simple: &[(f64, f64, Interval)],
    options: &Options,
) -> Result<Figure, FigureError> {
    let caption = format!("Bars: {:.0} % intervals (DeLong).", 100.0 * options.confidence.get());
    let about = About::new(id, "Area under the ROC curve by year", caption);
    let mut plot = Plot::new(about, Axis::new("years after the examination"), Axis::new("area under the ROC curve"));
    if !dynamic.is_empty() {
        plot = plot.series(Series::new("cumulative/dynamic (IPCW)", dynamic, crate::figure::Form::LineAndPoints));
    }
    if !simple.is_empty() {
        let points: Vec<_> = simple.iter().map(|(years, area, _)| (*years, *area)).collect();
        let bars: Vec<_> = simple.iter().map(|(_, _, interval)| (interval.lower, interval.upper)).collect();
        plot = plot.series(Series::points("of those followed", &points).bars(&bars));
    }
    plot.reference(Reference::Horizontal(0.5, "chance".into())).figure()
}
