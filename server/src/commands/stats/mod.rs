//! `uvid stats`: statistics of a table of scores, whoever made it.

mod args;
mod output;
mod table;

use clap::{Args as ClapArgs, Subcommand};
use uvid_evaluation::analysis::{self, Lesions, Marks, Options, Readings, Section, Study, StudyError};
use uvid_evaluation::table::Table;
use uvid_metrics::localisation::HitRule;

use super::Ended;
pub(super) use args::{Aims, Columns, Hit, Settings};
use args::{Risks, Scores};
use output::Output;
pub(super) use output::computed_by;

/// Statistics of a table of scores (CSV or Parquet), without any model.
///
/// Prints tables for people, or findings at full precision with `--format csv` or `json`; `--report DIR` writes HTML, PDF,
/// SVG and data as well. Every row that is not used is counted; a number that does not exist says why.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "\
Examples:
  uvid stats roc scores.csv --score ai --label cancer --cluster patient
  uvid stats compare scores.csv --score new --score old --label cancer --cluster patient --margin 0.02
  uvid stats operating-points scores.csv --score ai --label cancer --at-specificity 0.9 --prevalence 0.006
  uvid stats calibration scores.csv --score risk --label cancer --format json
  uvid stats readers results.csv --label label --score AI_POM --reader R1 --reader R2 --reader R3
  uvid stats mrmc readings.csv --reader reader --modality arm --reference unaided --case exam --score score --label cancer
  uvid stats survival risks.csv --risk Year1=1 --risk Year5=5 --event Days_to_Cancer --followed Days_Followup --per-year 365
  uvid stats froc marks.csv --images images.csv --lesions lesions.csv")]
pub struct Args {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// ROC: AUC with DeLong's and bootstrap intervals by patient, partial AUC.
    Roc(Scores),
    /// Pairs of scores: paired DeLong, bootstrap, McNemar, non-inferiority.
    Compare(Scores),
    /// Precision and recall: average precision, probabilistic F1.
    #[command(alias = "pr")]
    PrecisionRecall(Scores),
    /// Sensitivity, specificity, predictive values, recall rate at thresholds.
    OperatingPoints {
        #[command(flatten)]
        scores: Scores,
        #[command(flatten)]
        aims: Aims,
    },
    /// Slope, intercept, O/E, ICI, ECE, Brier score; recalibration by cross-fitting.
    Calibration(Scores),
    /// Net benefit over threshold probabilities.
    DecisionCurve(Scores),
    /// Areas in subgroups, heterogeneity, adjusted p values.
    Subgroups(Scores),
    /// Models beside readers: multi-reader multi-case analysis.
    Readers(Scores),
    /// Readers under two or more modalities (with the AI and without): Obuchowski-Rockette, Dorfman-Berbaum-Metz, U-statistics.
    Mrmc(Mrmc),
    /// Whether readers agree: intraclass correlation, kappa of their recalls.
    Agreement {
        #[command(flatten)]
        scores: Scores,
        /// A reader's score from which on it is a recall.
        #[arg(long, default_value_t = 0.5)]
        recall: f64,
    },
    /// Triage, AI as second reader, safety net: beside double reading by the first two readers that are named.
    Workflow {
        #[command(flatten)]
        scores: Scores,
        /// A reader's score from which on it is a recall.
        #[arg(long, default_value_t = 0.5)]
        recall: f64,
    },
    /// Risk over years: concordance, yearly AUC, Brier scores, observed against predicted.
    #[command(alias = "risk")]
    Survival(Risks),
    /// Marks against lesions: FROC, sensitivity at false marks per image, wAFROC.
    Froc(Froc),
    /// Convert a table: `uvid stats convert scores.csv scores.parquet`.
    Convert(table::Convert),
}

/// Readings, one a row.
#[derive(Debug, ClapArgs)]
struct Mrmc {
    /// The table: a row for each reading of a case by a reader under a modality.
    table: std::path::PathBuf,
    /// The column with the reader.
    #[arg(long, value_name = "COLUMN", default_value = "reader")]
    reader: String,
    /// The column with the modality.
    #[arg(long, value_name = "COLUMN", default_value = "modality")]
    modality: String,
    /// The modality with which the others are compared, and which they are tested not to be inferior to [default: that of the
    /// table's first row].
    #[arg(long, value_name = "MODALITY")]
    reference: Option<String>,
    /// The column with the case.
    #[arg(long, value_name = "COLUMN", default_value = "case")]
    case: String,
    /// The column with the reader's score.
    #[arg(long, value_name = "COLUMN", default_value = "score")]
    score: String,
    /// The column that says whether the case has the outcome.
    #[arg(long, value_name = "COLUMN", default_value = "cancer")]
    label: String,
    /// The column with the patient, where several cases are of one.
    #[arg(long, visible_alias = "patient", value_name = "COLUMN")]
    cluster: Option<String>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    output: Output,
}

/// Marks, images and lesions.
#[derive(Debug, ClapArgs)]
struct Froc {
    /// Marks: columns image, score, row, column (pixels) and, for several models, package.
    marks: std::path::PathBuf,
    /// Images: columns image and, if there are several of one, patient.
    #[arg(long, value_name = "FILE")]
    images: std::path::PathBuf,
    /// Lesions: columns image, left, top, right, bottom (pixels).
    #[arg(long, value_name = "FILE")]
    lesions: std::path::PathBuf,
    #[command(flatten)]
    hit: Hit,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let one =
        |scores: &Scores, of: &dyn Fn(&Study, &Options) -> Result<Section, StudyError>| -> anyhow::Result<Ended> {
            let (study, options) = (scores.study()?, scores.settings.options()?);
            let rows = analysis::rows(&study, &scores.roles.subgroup)?;
            scores.output.print(Some(rows), of(&study, &options)?, &scores.settings, &scores.table)
        };
    match &args.which {
        Which::Roc(scores) => one(scores, &analysis::discrimination),
        Which::Compare(scores) => one(scores, &analysis::comparison),
        Which::PrecisionRecall(scores) => one(scores, &analysis::precision),
        Which::OperatingPoints { scores, aims } => {
            let aims = aims.aims()?;
            one(scores, &|study, options| analysis::operating(study, &aims, options))
        }
        Which::Calibration(scores) => one(scores, &analysis::calibration),
        Which::DecisionCurve(scores) => one(scores, &analysis::benefit),
        Which::Subgroups(scores) => {
            anyhow::ensure!(!scores.roles.subgroup.is_empty(), "name at least one column with --subgroup");
            one(scores, &|study, options| analysis::subgroups(study, &scores.roles.subgroup, options))
        }
        Which::Readers(scores) => one(scores, &analysis::readers),
        Which::Mrmc(readings) => {
            let Mrmc { reader, modality, case, score, label, cluster, reference, .. } = readings;
            let columns = Readings {
                reader: reader.clone(),
                modality: modality.clone(),
                case: case.clone(),
                score: score.clone(),
                label: label.clone(),
                cluster: cluster.clone(),
                reference: reference.clone(),
            };
            let section =
                analysis::modalities(&Table::read(&readings.table)?, &columns, &readings.settings.options()?)?;
            readings.output.print(None, section, &readings.settings, &readings.table)
        }
        Which::Agreement { scores, recall } => {
            one(scores, &|study, options| analysis::agreement(study, *recall, options))
        }
        Which::Workflow { scores, recall } => {
            let [first, second] = scores.roles.first_readers()?;
            one(scores, &|study, options| analysis::workflow(study, first, second, *recall, options))
        }
        Which::Survival(risks) => {
            let section = analysis::risk(&Table::read(&risks.table)?, &risks.roles(), &risks.settings.options()?)?;
            risks.output.print(None, section, &risks.settings, &risks.table)
        }
        Which::Froc(froc) => {
            let lesions = Lesions::of_tables(&Table::read(&froc.images)?, &Table::read(&froc.lesions)?)?;
            let marks = Marks::of_table(&Table::read(&froc.marks)?)?;
            let rule: HitRule = froc.hit.rule();
            let section = analysis::localisation(&lesions, &marks, rule, &froc.settings.options()?)?;
            froc.output.print(None, section, &froc.settings, &froc.marks)
        }
        Which::Convert(convert) => table::convert(convert),
    }
}
