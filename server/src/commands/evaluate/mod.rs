//! `uvid evaluate`: a data set and models in, a report out; or a table of scores.

mod material;
mod report;
mod set;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;
use uvid_evaluation::analysis::{Roles, Section};
use uvid_evaluation::checklist;
use uvid_evaluation::table::{Column, Table, Values, digest};

use super::compute::ComputeArgs;
use super::stats::{Aims, Columns, Hit, Settings};
use super::{EXIT_CODES, Ended};
use crate::evaluation::{Level, Shard};

/// Evaluate models on a data set, on phantoms, or from a table of scores, and write a report.
///
/// A set is scored exam by exam by the same code as in production. What is done is in a journal: an evaluation that was
/// interrupted goes on where it was, and one more package is one more column. The report is one HTML file and one PDF; beside
/// it are the tables of scores (CSV and Parquet), all numbers at full precision, every figure as SVG with its data.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES, after_long_help = format!("\
Examples:
  uvid evaluate --phantoms 40 --out phantoms-report
        the bundled model on phantoms with known lesions, no data needed
  uvid evaluate --set /data/rsna --model packages/gmic --out gmic-on-rsna --subgroup site --subgroup age:50,60,70
  uvid evaluate --set /data/vindr --model a --model b --shard 2/6 --out /shared/eval
        the second of six machines; whoever ends last writes the report
  uvid evaluate --table results.csv --label label --score AI_POM --reader R1 --reader R2 --patient case_ID --out readers-report
  uvid evaluate --template > about.toml
        what only you can say for the reporting guidelines; give it with --about

{EXIT_CODES}"))]
pub struct Args {
    /// The folder of a public set (uvid dataset list), with its tables and images.
    #[arg(long, value_name = "DIR", group = "data")]
    set: Option<PathBuf>,
    /// Make so many phantom exams, every second with a lesion, and evaluate on these.
    #[arg(long, value_name = "EXAMS", group = "data", value_parser = clap::value_parser!(u64).range(1..))]
    phantoms: Option<u64>,
    /// A table of scores (CSV, TSV, Parquet), whoever made it. No model is run.
    #[arg(long, value_name = "FILE", group = "data", conflicts_with_all = [
        "set_name", "model", "output", "level", "shard", "exams_max", "Hit", "ComputeArgs", "DeviceArg",
    ])]
    table: Option<PathBuf>,
    /// Where everything goes; what is there is used again.
    #[arg(long, value_name = "DIR", required_unless_present = "template")]
    out: Option<PathBuf>,
    /// Which set it is [default: recognised by its tables].
    #[arg(long, value_name = "SET", requires = "set")]
    set_name: Option<String>,
    /// A model: the name of the bundled package, or the folder of another one. Repeatable [default: density-v0].
    #[arg(long, value_name = "NAME|DIR")]
    model: Vec<String>,
    /// The outputs that are judged, of those that a model gives [default: the one that its first operating point cuts, else its
    /// first number]. Repeatable.
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// What is judged: each image, breast or exam.
    #[arg(long, value_enum, default_value_t = Level::Breast)]
    level: Level,
    /// Which exams this process scores, of several on shared storage.
    #[arg(long, value_name = "N/OF", default_value = "1/1")]
    shard: Shard,
    /// Score no more than so many exams of the set.
    #[arg(long, value_name = "EXAMS")]
    exams_max: Option<NonZeroUsize>,
    #[command(flatten)]
    /// Which columns are what.
    columns: Columns,
    /// A reader's score from which on it is a recall, for agreement and simulated workflows.
    #[arg(long, default_value_t = 0.5)]
    recall: f64,
    #[command(flatten)]
    /// Operating points.
    aims: Aims,
    #[command(flatten)]
    /// When a mark finds a lesion.
    hit: Hit,
    #[command(flatten)]
    /// How to analyse.
    settings: Settings,
    /// What only the author can say (design, ethics, funding …) for the tables of the reporting guidelines.
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
    /// Print an empty file for --about, with a question for each entry.
    #[arg(long)]
    template: bool,
    #[command(flatten)]
    /// With what networks are computed.
    compute: ComputeArgs,
    /// The configuration whose calibration and limits are used [default: ./uvid.toml, then /etc/uvid/uvid.toml, where they are].
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG")]
    config: Option<PathBuf>,
}

/// What a report is made of, whoever scored.
struct Material {
    title: String,
    subtitle: String,
    /// For the head of the report.
    about: Vec<(String, String)>,
    first: Vec<String>,
    table: Table,
    roles: Roles,
    /// What comes before and after the sections of the table.
    before: Option<Section>,
    extra: Vec<Section>,
    /// Images that localisation leaves out, and why.
    not_judged: Option<Table>,
    /// A set on disk, for pictures.
    on_disk: Option<set::OnDisk>,
    provenance: Vec<(String, String)>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    if args.template {
        print!("{}", checklist::template());
        return Ok(Ended::Well);
    }
    let out = args.out.as_deref().context("--out is needed")?;
    // What is wrong with the command must not show itself after hours of scoring.
    args.settings.options()?;
    args.aims.aims()?;
    let stated = args.about.as_ref().map(|path| stated(path)).transpose()?.unwrap_or_default();
    std::fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let (material, ended) = match (&args.table, &args.set, args.phantoms) {
        (Some(table), ..) => (Some(of_table(args, table)?), Ended::Well),
        (None, None, None) => {
            anyhow::bail!("say what to evaluate on: --set, --phantoms or --table; see uvid evaluate --help")
        }
        (None, root, phantoms) => set::score(args, root.as_deref(), phantoms, out)?,
    };
    if let Some(material) = material {
        report::write(args, material, stated, out)?;
    }
    Ok(ended)
}

/// What the author has said.
fn stated(path: &std::path::Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let stated: BTreeMap<String, String> =
        toml::from_str(&text).with_context(|| format!("{} must hold key = \"text\"", path.display()))?;
    checklist::check_keys(&stated).with_context(|| format!("in {}", path.display()))?;
    Ok(stated.into_iter().filter(|(_, text)| !text.trim().is_empty()).collect())
}

/// The column that names a row where nothing else does.
const ROW: &str = "row";

/// With the numbers of its rows, from 1, unless it has a column of that name.
fn numbered(table: Table) -> anyhow::Result<Table> {
    if table.has(ROW) {
        return Ok(table);
    }
    let numbers = (1..=table.rows()).map(|row| Some(format!("row {row}"))).collect();
    let row = Column { name: ROW.to_owned(), values: Values::Text(numbers) };
    Ok(Table::new(table.name(), table.columns().iter().cloned().chain([row]).collect())?)
}

fn of_table(args: &Args, path: &std::path::Path) -> anyhow::Result<Material> {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let digest = digest(path)?;
    let table = numbered(Table::read(path)?)?;
    let row = args.columns.cluster.iter().cloned().chain([ROW.to_owned()]).collect();
    Ok(Material {
        title: "Evaluation of scores".into(),
        subtitle: name.clone(),
        about: vec![
            ("Table".into(), format!("{name}, sha256:{digest}")),
            ("Outcome".into(), args.columns.label.clone()),
        ],
        first: Vec::new(),
        table,
        roles: Roles { row, ..args.columns.roles() },
        before: None,
        extra: Vec::new(),
        not_judged: None,
        on_disk: None,
        provenance: vec![(format!("sha256 of {name}"), digest)],
    })
}
