//! What the statistics have in common on the command line.

use std::path::PathBuf;

use clap::Args;
use uvid_evaluation::analysis::{Aim, Options, Risk, Roles, Study};
use uvid_evaluation::table::Table;
use uvid_metrics::Confidence;
use uvid_metrics::localisation::HitRule;
use uvid_metrics::operating_point::Aim as Reaching;

use super::output::Output;

/// A table with its columns.
#[derive(Debug, Args)]
pub(super) struct Scores {
    /// The table: CSV, TSV or Parquet, one row for each image, breast or exam.
    pub(super) table: PathBuf,
    #[command(flatten)]
    pub(super) roles: Columns,
    #[command(flatten)]
    pub(super) settings: Settings,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Which columns are what.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct Columns {
    /// The column that says whether the row has the outcome: 1 or 0, true or false, yes or no. `density:C,D` is the outcome that the
    /// column density is C or D, in large or small letters; a row of several values, of which only some are chosen, is left out.
    #[arg(long, value_name = "COLUMN[:VALUES]", default_value = "cancer")]
    pub(in crate::commands) label: String,
    /// A column with a model's score, larger being more suspicious. Repeatable.
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::commands) score: Vec<String>,
    /// A column with a human reader's score. Repeatable.
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::commands) reader: Vec<String>,
    /// The column that names the patient, whose rows belong together in all intervals.
    #[arg(long, visible_alias = "patient", value_name = "COLUMN")]
    pub(in crate::commands) cluster: Option<String>,
    /// A column with a weight for each row: how many of the population it stands for.
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::commands) weight: Option<String>,
    /// A column that divides the rows; `age:50,60,70` divides numbers at these. Repeatable.
    #[arg(long, value_name = "COLUMN[:CUTS]")]
    pub(in crate::commands) subgroup: Vec<String>,
}

/// How to analyse.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct Settings {
    /// The level of all intervals, above 0 and below 1.
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,
    /// Resamples of the bootstrap by patient; 0 for none.
    #[arg(long, default_value_t = 2000)]
    resamples: usize,
    /// Decides what is drawn in resamples and folds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prevalence at which predictive values and net benefit are stated [default: that of the table].
    #[arg(long)]
    prevalence: Option<f64>,
    /// Margin of non-inferiority of an area under the ROC curve.
    #[arg(long, default_value_t = 0.05)]
    margin: f64,
}

/// At which thresholds.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::commands) struct Aims {
    /// This threshold: at or above it a row is flagged. Repeatable.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Vec<f64>,
    /// The lowest threshold with at least this specificity. Repeatable.
    #[arg(long, value_name = "SHARE")]
    at_specificity: Vec<f64>,
    /// The highest threshold with at least this sensitivity. Repeatable.
    #[arg(long, value_name = "SHARE")]
    at_sensitivity: Vec<f64>,
    /// The lowest threshold that flags at most this share. Repeatable.
    #[arg(long, value_name = "SHARE")]
    at_recall_rate: Vec<f64>,
    /// The threshold with the largest sum of sensitivity and specificity.
    #[arg(long)]
    youden: bool,
}

/// When a mark finds a lesion.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct Hit {
    /// A mark finds a lesion if its centre is at most so many pixels from the lesion's middle [default: if it lies within the
    /// lesion].
    #[arg(long, value_name = "PIXELS")]
    hit_radius: Option<f64>,
    /// A mark finds a lesion if its centre lies in the smallest box around it.
    #[arg(long, conflicts_with = "hit_radius")]
    hit_box: bool,
}

/// Risks over years.
#[derive(Debug, Args)]
pub(super) struct Risks {
    /// The table: CSV, TSV or Parquet, one row for each exam.
    pub(super) table: PathBuf,
    /// A column with the risk by so many years: `Year1=1`. Repeatable.
    #[arg(long, required = true, value_name = "COLUMN=YEARS", value_parser = years)]
    risk: Vec<(String, f64)>,
    /// The column with the time to cancer; empty or negative where there was none.
    #[arg(long, value_name = "COLUMN", default_value = "days_to_cancer")]
    event: String,
    /// The column with the time of follow-up.
    #[arg(long, value_name = "COLUMN", default_value = "days_followed")]
    followed: String,
    /// How many units of both are a year.
    #[arg(long, default_value_t = 365.25)]
    per_year: f64,
    /// The column that names the patient.
    #[arg(long, visible_alias = "patient", value_name = "COLUMN")]
    cluster: Option<String>,
    #[command(flatten)]
    pub(super) settings: Settings,
    #[command(flatten)]
    pub(super) output: Output,
}

fn years(text: &str) -> Result<(String, f64), String> {
    let parsed =
        text.rsplit_once('=').and_then(|(column, years)| Some((column.to_owned(), years.parse::<f64>().ok()?)));
    parsed
        .filter(|(_, years)| *years > 0.0 && years.is_finite())
        .ok_or_else(|| "write COLUMN=YEARS, as in Year1=1".to_owned())
}

/// Refuses what is no share; a percentage is answered with the share that it may mean.
fn from_0_to_1(option: &str, share: f64) -> anyhow::Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    let meant = match share {
        share if share > 1.0 && share <= 100.0 => format!("; did you mean {}?", share / 100.0),
        _ => String::new(),
    };
    anyhow::bail!("{option} is {share}; shares are from 0 to 1{meant}")
}

impl Scores {
    pub(super) fn study(&self) -> anyhow::Result<Study> {
        let table = Table::read(&self.table)?;
        let study = Study::new(&table, &self.roles.roles())?;
        for (reason, rows) in &study.left_out {
            eprintln!("{rows} of {} rows left out: {reason}", study.given);
        }
        if study.clusters.is_none() {
            eprintln!(
                "no --cluster: every row counts as a patient of its own; if patients have several, all intervals are too narrow"
            );
        }
        Ok(study)
    }
}

impl Columns {
    pub(in crate::commands) fn roles(&self) -> Roles {
        Roles {
            label: self.label.clone(),
            scores: self.score.clone(),
            readers: self.reader.clone(),
            cluster: self.cluster.clone(),
            weight: self.weight.clone(),
            subgroups: self.subgroup.clone(),
            row: Vec::new(),
        }
    }

    pub(in crate::commands) fn first_readers(&self) -> anyhow::Result<[&str; 2]> {
        match self.reader.as_slice() {
            [first, second, ..] => Ok([first, second]),
            _ => anyhow::bail!("name two readers with --reader: the first and the second"),
        }
    }
}

impl Settings {
    pub(in crate::commands) fn options(&self) -> anyhow::Result<Options> {
        anyhow::ensure!(self.margin > 0.0 && self.margin < 1.0, "--margin must be above 0 and below 1");
        if let Some(prevalence) = self.prevalence {
            from_0_to_1("--prevalence", prevalence)?;
            anyhow::ensure!(prevalence > 0.0 && prevalence < 1.0, "--prevalence must be above 0 and below 1");
        }
        Ok(Options {
            confidence: Confidence::new(self.confidence)?,
            resamples: self.resamples,
            seed: self.seed,
            prevalence: self.prevalence,
            margin: self.margin,
        })
    }
}

impl Aims {
    /// What is asked for; a specificity of 0.9 and a sensitivity of 0.9 if nothing is.
    ///
    /// # Errors
    ///
    /// A share that is not from 0 to 1, a threshold that is not finite.
    pub(in crate::commands) fn aims(&self) -> anyhow::Result<Vec<Aim>> {
        let shares = [
            ("--at-specificity", &self.at_specificity),
            ("--at-sensitivity", &self.at_sensitivity),
            ("--at-recall-rate", &self.at_recall_rate),
        ];
        for (option, shares) in shares {
            shares.iter().try_for_each(|share| from_0_to_1(option, *share))?;
        }
        for threshold in &self.threshold {
            anyhow::ensure!(threshold.is_finite(), "--threshold is {threshold}; it must be a finite number");
        }
        let reaching = |shares: &[f64], aim: fn(f64) -> Reaching| {
            shares.iter().map(|share| Aim::Reaching(aim(*share))).collect::<Vec<_>>()
        };
        let mut aims: Vec<Aim> = self.threshold.iter().map(|threshold| Aim::Threshold(*threshold)).collect();
        aims.extend(reaching(&self.at_specificity, Reaching::Specificity));
        aims.extend(reaching(&self.at_sensitivity, Reaching::Sensitivity));
        aims.extend(reaching(&self.at_recall_rate, Reaching::RecallRate));
        aims.extend(self.youden.then_some(Aim::Reaching(Reaching::Youden)));
        if aims.is_empty() {
            aims = vec![Aim::Reaching(Reaching::Specificity(0.9)), Aim::Reaching(Reaching::Sensitivity(0.9))];
        }
        Ok(aims)
    }
}

impl Hit {
    pub(in crate::commands) fn rule(&self) -> HitRule {
        match self.hit_radius {
            Some(radius_pixels) => HitRule::Within { radius_pixels },
            None if self.hit_box => HitRule::InBox,
            None => HitRule::InRegion,
        }
    }
}

impl Risks {
    pub(super) fn roles(&self) -> Risk {
        Risk {
            event: self.event.clone(),
            followed: self.followed.clone(),
            per_year: self.per_year,
            risks: self.risk.clone(),
            cluster: self.cluster.clone(),
            whose: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_share_is_refused() {
        let check = |share: f64, expected: Option<&str>| {
            let aims = Aims { at_specificity: vec![share], ..Aims::default() };
            let why = aims.aims().err().map(|why| why.to_string());
            assert_eq!(why.as_deref(), expected);
        };
        check(0.9, None);
        check(1.0, None);
        check(90.0, Some("--at-specificity is 90; shares are from 0 to 1; did you mean 0.9?"));
        check(-0.5, Some("--at-specificity is -0.5; shares are from 0 to 1"));
        check(f64::NAN, Some("--at-specificity is NaN; shares are from 0 to 1"));
        let threshold = Aims { threshold: vec![f64::INFINITY], ..Aims::default() };
        assert!(threshold.aims().is_err());
    }
}
